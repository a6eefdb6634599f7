"""Terms that any pair of generator and critic can have: `config.terms.NAME` holds the arguments of the function NAME.

Each returns a `gans.parts.Term`, whose `role` says whether it is added to the critic's loss or to the generator's. A
term that only one system has is defined in that system's file; one of the user's own is `terms.NAME.term=FILE.py:NAME`.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gans import augment, penalties, user_code
from gans.core import Array, Aux, Keys, Spec
from gans.errors import unknown
from gans.ops import random
from gans.ops.batch_check import check_batch
from gans.parts import Scene, Term, pack_examples, unpack_examples


def penalize(penalty: penalties.Penalty, weight: float | Array, every: int, through_view: bool) -> Term:
    """The term of a penalty on the critic's gradient.

    through_view: whether the gradient is taken at the original examples, through the view (as for R1 in StyleGAN2-ADA,
      2006.06676), or at the examples as they are shown.
    """

    def value(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        if through_view:
            return penalty(scene.critic, scene.real, scene.fake, keys), Aux()
        return penalty(scene.bare_critic, *scene.shown, keys), Aux()

    return Term(value, weight, every)


def wgan_gp(
    *, weight: float = 10.0, every: int = 1, through_view: bool = True, target: float = 1.0, one_sided: bool = False
) -> Term:
    """The gradient penalty of `gans.penalties.wgan_gp`."""
    return penalize(penalties.wgan_gp(target, one_sided), weight, every, through_view)


def dragan(
    *, weight: float = 10.0, every: int = 1, through_view: bool = True, target: float = 1.0, one_sided: bool = False
) -> Term:
    """The gradient penalty of `gans.penalties.dragan`."""
    return penalize(penalties.dragan(target, one_sided), weight, every, through_view)


def r1(*, weight: float = 10.0, every: int = 1, through_view: bool = True) -> Term:
    """R1 with gamma = weight, see `gans.penalties.r1`."""
    return penalize(penalties.r1(), weight, every, through_view)


def r2(*, weight: float = 10.0, every: int = 1, through_view: bool = True) -> Term:
    """R2 with gamma = weight, see `gans.penalties.r2`."""
    return penalize(penalties.r2(), weight, every, through_view)


def r1_r2(*, weight: float = 10.0) -> Term:
    """R1 + R2, both with gamma = weight, of the scores that the game reads (R3GAN, 2501.05441): the sum of `r1` and
    `r2`, but in one pass with the game, where each of those has one of its own.
    """

    def value(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        slopes = scene.slopes.real, scene.slopes.fake
        return 0.5 * sum(map(penalties.squared_norm, slopes)), Aux()

    return Term(value, weight, slopes='both')


def consistency(*, spec: Spec, weight: float = 10.0, names: str = 'flip_shift', every: int = 1) -> Term:
    """Balanced consistency (bCR, Zhao 2021, 2002.04724, algorithm 1): (D(x) - D(T(x)))^2 of real and of fake examples
    as the view shows them; T(x) is an example with the images that it is scored with.

    names: the random augmentations T, see gans/augment.py.
    """
    augmentation = augment.augmentation(names, spec.shape)

    def value(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        def squared_change(scores: Array, x: Array, keys: Keys) -> Array:
            each = jnp.stack(random.split(keys, scene.pack), 1).reshape(-1)  # one key per example of a pack
            examples = unpack_examples(x, scene.pack)
            augmented, conditions = augment.augment_together(augmentation, examples, scene.conditions, each, 1.0)
            return (scores - scene.bare_critic(pack_examples(augmented, scene.pack), conditions)) ** 2

        (real, fake), (k_real, k_fake) = scene.shown, random.split(keys, 2)
        change = squared_change(scene.real_scores, real, k_real) + squared_change(scene.fake_scores, fake, k_fake)
        return change, Aux()

    return Term(value, weight, every)


def lecam(*, name: str, weight: float = 0.3, decay: float = 0.99) -> Term:
    """LeCam regularization (Tseng 2021, 2104.03310, eqs. 3 and 4): pulls real scores toward the moving average of the
    fake ones and vice versa. The averages start at 0, so early on both are pulled toward 0.

    name: of the averages in the memory. decay: of the averages, per call.
    """

    def value(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        means = scene.state.memory[name]
        both = {'real': scene.real_scores, 'fake': scene.fake_scores}
        term = (both['real'] - means['fake']) ** 2 + (both['fake'] - means['real']) ** 2
        blend = lambda side: means[side] + (1 - decay) * (lax.stop_gradient(scene.average(both[side])) - means[side])
        return term, Aux(memory={name: {side: blend(side) for side in both}})

    return Term(value, weight, memory={name: {'real': jnp.float32(0), 'fake': jnp.float32(0)}})


def feature_matching(*, weight: float = 1.0, alone: bool = True) -> Term:
    """|E f(real) - E f(fake)|^2 of the critic's features; each E over the device's batch (Salimans 2016, 1606.03498,
    section 3.1).

    alone: whether it replaces the game, as in the paper, or is added to it.
    """

    def value(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        check_batch('feature matching', len(scene.real_features))
        return jnp.sum((scene.mean(scene.real_features) - scene.mean(scene.fake_features)) ** 2), Aux()

    return Term(value, weight, real=True, features=True, alone=alone, role='generator')


def drift(*, weight: float = 0.001) -> Term:
    """D(x)^2 of real examples, which holds scores near 0 where only their differences count (Karras 2018, 1710.10196,
    appendix A.1).
    """
    return Term(lambda scene, keys: (scene.real_scores**2, Aux()), weight)


def orthogonal(*, name: str, weight: float = 1e-4) -> Term:
    """Orthogonal regularization of the generator (Brock 2019, 1809.11096, eq. 3): the sum over kernels of the squares
    of W W^T off its diagonal, the rows of W being a kernel's outputs. It lets norms be, and keeps filters apart.

    Kernels are the parameters themselves, before spectral norm. Those of embeddings are exempt, as are vectors. The
    authors' code adds half of the gradient: weight=5e-5 is theirs.
    """
    own = name.replace('orthogonal', 'generator', 1)  # that of the same pair, or of all

    def value(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        net = scene.params[own if own in scene.params else 'generator']
        named = [([entry.key for entry in path], leaf) for path, leaf in jax.tree.leaves_with_path(net)]
        kernels = [leaf for path, leaf in named if path[-1] == 'kernel' and 'embedding' not in path]
        return sum(map(penalties.overlaps, kernels), jnp.zeros(())), Aux()

    return Term(value, weight, role='generator')


TERMS: dict[str, Callable[..., Term]] = {
    'wgan_gp': wgan_gp,
    'dragan': dragan,
    'r1': r1,
    'r2': r2,
    'r1_r2': r1_r2,
    'consistency': consistency,
    'lecam': lecam,
    'feature_matching': feature_matching,
    'drift': drift,
    'orthogonal': orthogonal,
}
GIVEN = ('spec', 'name')  # arguments that the config does not set


def build(config: Mapping[str, Mapping[str, Any]], role: str, suffix: str, spec: Spec) -> dict[str, Term]:
    """Builds those terms of `config.terms` that are added to the loss of the critic, or of the generator.

    Args:
      role: 'critic' or 'generator'.
      suffix: distinguishes the memories of several pairs.
      spec: of the examples.

    Raises:
      UserError: an unknown term or argument, or one that does not fit the examples.
    """
    found, order = {}, [*TERMS, *sorted({*config} - {*TERMS})]
    for name in sorted(config, key=order.index):  # a fixed order: lazy terms are updates, whose keys depend on it
        section = dict(config[name])
        key, own = f'terms.{name}.term', section.pop('term', None)
        if own is None and name not in TERMS:
            raise unknown('term', name, TERMS)
        make = user_code.function(key, own, Term) if own else TERMS[name]
        wanted = inspect.signature(make).parameters
        for argument in section:
            if argument not in wanted or argument in GIVEN:
                raise unknown(f'key of terms.{name}', argument, wanted.keys() - {*GIVEN})
        given = {'spec': spec, 'name': f'{name}_{suffix}' if suffix else name}
        term = make(**section, **{argument: given[argument] for argument in GIVEN if argument in wanted})
        if term.role == role:
            found[name] = term
    return found
