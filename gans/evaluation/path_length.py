"""Perceptual path length (StyleGAN, Karras 2019, 1812.04948, section 4.1): how much images change along ways between
latents, where a step of the way is a smooth one if they change little.

Of z the ways are arcs, of w they are straight. 'full' is taken anywhere on them, 'end' where they begin; StyleGAN2
reports that of w at the ends ('ppl2_wend'). All else stays along a way: classes, and the noise of layers.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gans import kinds
from gans.core import Array, TrainState, Tree
from gans.errors import UserError
from gans.features.distance import Distance, distance
from gans.latent_tools import space
from gans.metrics.protocol import Protocol, Result
from gans.training import sampling
from gans.training.setup import Experiment, system_of

EPSILON = 1e-4  # between two images, of a way of length 1
DROPPED = 1, 99  # percentiles; lengths outside are left out
CHUNK = 64  # ways at a time


def path_lengths(
    experiment: Experiment, state: TrainState, net: str, num: int, seed: int, common: Protocol
) -> list[Result]:
    """'ppl_z_full', 'ppl_z_end' and, where there are styles, 'ppl_w_full', 'ppl_w_end', each of `num` ways.

    Args:
      net: whose distance it is, as of `gans.features.distance`.
      common: what all stamps have in common.

    Raises:
      UserError: samples are no images, or made from no latents; what the net raises.
    """
    spec = sampling.sampled_spec(experiment)
    if not kinds.is_image(spec):
        raise UserError(f'--ppl={net} is of images, and not of {kinds.name_of(spec)}: leave it off')
    space.styles_of(experiment)  # raises
    if experiment.system.styles is None and experiment.config.generator.get('noise'):
        raise UserError(f'--ppl={net}: the noise of this generator is drawn from its latents, so it moves with them')
    between = distance(net, spec)
    said = between.name if between.name == 'pixels' else f'{between.name}, unit features of one layer, not LPIPS'
    stamp = {'distance': said, 'epsilon': EPSILON, 'pairs': num, 'kept percentiles': f'{DROPPED[0]} to {DROPPED[1]}'}
    places = {'full': np.random.default_rng(seed).uniform(size=num), 'end': np.zeros(num)}
    found = []
    for letter in 'zw' if experiment.system.styles else 'z':
        for place, t in places.items():
            name = f'ppl_{letter}_{place}'
            value = trimmed_mean(lengths(experiment, state, between, letter, t.astype(np.float32), seed))
            found.append(Result(name, value, {'metric': name, **common, **stamp}))
    return found


def lengths(
    experiment: Experiment, state: TrainState, between: Distance, letter: str, t: np.ndarray, seed: int
) -> np.ndarray:
    """The squared speed of images on each of N ways in z or w, at places t [N] in [0, 1]: [N]."""
    num, few = len(t), min(CHUNK, len(t))
    ends = sampling.fixed_inputs(experiment, 2 * num, seed, space.classes_again(experiment, num, 2))
    measure, found = jax.jit(_measure(_in_float32(experiment), between, letter)), []
    for start in range(0, num, few):
        some = np.minimum(np.arange(start, start + few), num - 1)  # shapes stay: the last again
        a, b = (jax.tree.map(lambda x, places=places: x[places], ends) for places in (some, num + some))
        with jax.default_matmul_precision('highest'):  # the images differ in few bits
            found.append(np.asarray(measure(state, between.weights, a, b, t[some])))
    return np.concatenate(found)[:num]


def _measure(experiment: Experiment, between: Distance, letter: str) -> Callable:
    """Makes (state, weights of the distance, inputs where ways begin, where they end, t [N]) -> [N]."""
    make = sampling.main_sampler(experiment.system).make
    join = lambda one, a, b: jax.tree.map(lambda x, y: one(x, y) if space.is_latent(x) else x, a, b)

    def run(state: TrainState, weights: Tree, a: Tree, b: Tree, t: Array) -> Array:
        state = sampling.use_averages(state)
        if letter == 'z':
            at = lambda t: make(state, join(lambda x, y: slerp(x, y, t[:, None]), a, b))
        else:
            styles = experiment.system.styles
            first, last = styles.to_w(state, a), styles.to_w(state, join(lambda x, y: y, a, b))
            at = lambda t: styles.make(state, first + t[:, None, None] * (last - first), a)
        return between.between(weights, at(t), at(t + EPSILON)) / EPSILON**2

    return run


def _in_float32(experiment: Experiment) -> Experiment:
    """The experiment whose nets round to nothing coarser: the difference of two images would be rounding."""
    if experiment.compute.dtype == jnp.float32:
        return experiment
    compute = experiment.compute._replace(dtype=jnp.float32)
    return experiment._replace(compute=compute, system=system_of(experiment.config, experiment.source.spec, compute))


def slerp(a: Array, b: Array, t: Array) -> Array:
    """As `gans.training.paths.slerp`, of many at once: a, b [N, d] and t [N, 1] -> [N, d]."""
    length_a, length_b = (jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (a, b))
    a, b = a / length_a, b / length_b
    angle = jnp.arccos(jnp.clip((a * b).sum(1, keepdims=True), -1, 1))
    round_ = jnp.sin(angle) > 1e-4  # else both are on one line
    sine = jnp.where(round_, jnp.sin(angle), 1)
    arc = (jnp.sin((1 - t) * angle) * a + jnp.sin(t * angle) * b) / sine * ((1 - t) * length_a + t * length_b)
    return jnp.where(round_, arc, (1 - t) * length_a * a + t * length_b * b)


def trimmed_mean(found: np.ndarray) -> float:
    """The mean of numbers [N] that lie within the percentiles."""
    found = found.astype(np.float64)
    low = np.percentile(found, DROPPED[0], method='lower')
    high = np.percentile(found, DROPPED[1], method='higher')
    return float(found[(found >= low) & (found <= high)].mean())
