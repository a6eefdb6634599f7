"""The auxiliary classifier (AC-GAN, Odena 2017, 1610.09585): a head on the critic's features that classifies."""

from collections.abc import Mapping

import optax

from gans.core import Array, Aux, Keys, Net
from gans.parts import Scene, Term


def class_terms(classifier: Net, weight: float | Array) -> dict[str, Mapping[str, Term]]:
    """L_C of section 3, of real and fake images for the critic, of fakes for the generator, as fields of a pair.

    classifier: of the net 'classifier', features [B, f] -> logits [B, K]. Inputs of the pair have a 'label'.
    """

    def classify(scene: Scene, features: Array) -> tuple[Array, Array]:
        """Cross entropies of the classes [B], and whether the prediction is correct [B]."""
        label = scene.inputs['label']
        logits, _ = classifier.apply(scene.params['classifier'], {}, features, train=True)
        return optax.softmax_cross_entropy_with_integer_labels(logits, label), logits.argmax(1) == label

    def of_critic(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        (real, real_correct), (fake, fake_correct) = (
            classify(scene, x) for x in (scene.real_features, scene.fake_features)
        )
        metrics = {'real_class_loss': real.mean(), 'fake_class_loss': fake.mean()}
        return real + fake, Aux(metrics | {'real_accuracy': real_correct.mean(), 'fake_accuracy': fake_correct.mean()})

    def of_generator(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return classify(scene, scene.fake_features)[0], Aux()

    return {
        'critic_terms': {'class_loss': Term(of_critic, weight, features=True)},
        'generator_terms': {'class_loss': Term(of_generator, weight, features=True)},
    }
