"""AC-GAN, the auxiliary classifier GAN (Odena 2017, 1610.09585): the critic also classifies images.

The generator is conditioned on a class; the critic is not, but a head on its features classifies. Both players improve
the classification of real and fake images (L_C of section 3), in addition to the game of real against fake (L_S).
"""

import ml_collections
import optax

from gans.core import Array, Aux, Compute, Keys, Spec, System
from gans.errors import UserError
from gans.latents import make_latents, with_label
from gans.nets import build as nets
from gans.nets._heads import head
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import make_generate, refuse, two_players


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, weight: float = 1.0) -> System:
    """weight: of L_C, 1 in the paper. Each fake image has the class of a real one of the batch.

    Raises:
      UserError: an unconditional generator, a conditional critic, packs.
    """
    refuse(config, 'critic.condition', 'the critic has to find out the class itself')
    refuse(config, 'pack', 'a pack has several classes')
    if config.generator.get('condition') is None:
        raise UserError(
            "system 'acgan' needs a conditional generator: set generator.condition, for example to 'concat'"
        )
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    critic = nets.critic(config.critic, spec, compute)
    classifier = head(critic, len(spec.classes), compute)

    def classify(scene: Scene, features: Array) -> tuple[Array, Array]:
        """Cross entropies of the classes [B], and whether the prediction is correct [B]."""
        label = scene.inputs['label']
        logits, _ = classifier.apply(scene.params['classifier'], {}, features, train=True)
        return optax.softmax_cross_entropy_with_integer_labels(logits, label), logits.argmax(1) == label

    def critic_class_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        (real, real_correct), (fake, fake_correct) = (
            classify(scene, x) for x in (scene.real_features, scene.fake_features)
        )
        metrics = {'real_class_loss': real.mean(), 'fake_class_loss': fake.mean()}
        return real + fake, Aux(metrics | {'real_accuracy': real_correct.mean(), 'fake_accuracy': fake_correct.mean()})

    def generator_class_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return classify(scene, scene.fake_features)[0], Aux()

    pair = Pair(
        spec,
        make_generate(generator, lambda inputs: (inputs['z'], inputs['label'])),
        critic,
        inputs=with_label(make_latents(config.latents)),
        critic_terms={'class_loss': Term(critic_class_loss, weight, features=True)},
        generator_terms={'class_loss': Term(generator_class_loss, weight, features=True)},
        replayable=False,
    )
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic, 'classifier': classifier},
        with_critic=('classifier',),
        samplers={'samples': pair.sampler(asked={'label': 'labels'})},
        ema=ema(config.ema),
    )
