"""AC-GAN, the auxiliary classifier GAN (Odena 2017, 1610.09585): the critic also says of which class an image is.

The generator is given a class; the critic is not, but a head on its features classifies. Both players want real and
fake images to be classified rightly (L_C of section 3), beside the game of real against fake (L_S).
"""

import ml_collections
import optax

from gans.core import Array, Aux, Compute, Keys, Params, Spec, System, Tree
from gans.errors import UserError
from gans.latents import make_latents, with_label
from gans.nets import build as nets
from gans.nets._heads import head
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import refuse, two_players


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, weight: float = 1.0) -> System:
    """`weight` is that of L_C, 1 in the paper. Each fake image has the class of the real one beside it.

    Raises:
      UserError: a generator that is given no classes, a critic that is, packs.
    """
    refuse(config, 'critic.condition', 'the critic finds out the class by itself')
    refuse(config, 'pack', 'a pack has several classes')
    if config.generator.get('condition') is None:
        raise UserError("system 'acgan' wants a generator that is given classes: set generator.condition, as 'concat'")
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    critic = nets.critic(config.critic, spec, compute)
    classifier = head(critic, len(spec.classes), compute)

    def generate(params: Params, stats: Params, inputs: Tree, train: bool) -> tuple[Array, Params]:
        given = inputs['z'], inputs['label']
        fakes, now = generator.apply(params['generator'], stats['generator'], *given, train=train)
        return fakes, {'generator': now}

    def classify(scene: Scene, features: Array) -> tuple[Array, Array]:
        """Cross entropies of the classes [B], and whether the right one is the likeliest [B]."""
        label = scene.inputs['label']
        logits, _ = classifier.apply(scene.params['classifier'], {}, features, train=True)
        return optax.softmax_cross_entropy_with_integer_labels(logits, label), logits.argmax(1) == label

    def critic_class_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        (real, right), (fake, guessed) = (classify(scene, x) for x in (scene.real_features, scene.fake_features))
        metrics = {'real_class_loss': real.mean(), 'fake_class_loss': fake.mean()}
        return real + fake, Aux(metrics | {'real_accuracy': right.mean(), 'fake_accuracy': guessed.mean()})

    def generator_class_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return classify(scene, scene.fake_features)[0], Aux()

    pair = Pair(
        spec,
        generate,
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
