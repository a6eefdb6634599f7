"""InfoGAN (Chen 2016, 1606.03657): the generator is told codes, and keeps them readable in what it makes.

A head on the critic's features, the recognition net Q, reads the codes c back from the generator's images. Then
L_I = E log Q(c | x) + H(c) bounds the mutual information of code and image from below (eq. 5), and both players'
objectives have it, weighted (eq. 6).
"""

import math

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Aux, Batch, Compute, Keys, Params, Spec, System, Tree
from gans.kinds import is_image
from gans.latents import make_latents
from gans.nets import build as nets
from gans.nets.recognition import head
from gans.ops import random
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import refuse, two_players

REACH, STEPS = 2.0, 10  # of the pictures of codes, twice as far as they are drawn in training (the paper's figure 2)

Latents = dict[str, Array]  # z [B, d]; category int32 [B]; codes [B, c] in [-1, 1)


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    categories: int = 10,
    codes: int = 2,
    category_weight: float = 1.0,
    code_weight: float = 0.1,
    widths: tuple[int, ...] = (128,),
    norm: str = 'batch',
) -> System:
    """
    Args:
      categories: of the one categorical code.
      codes: how many continuous ones.
      category_weight, code_weight: of their bounds.
      widths, norm: of the recognition net.

    The generator's player moves the recognition net too. The critic's loss has the bound as well, as in the authors'
    code, so that the body that both share learns to read codes.

    Raises:
      UserError: nets that are given labels, packs.
    """
    for net in ('generator', 'critic'):
        refuse(config, f'{net}.condition', 'codes take the place of labels')
    refuse(config, 'pack', 'a pack has several codes')
    size = config.latents.size + categories + codes
    generator = nets.generator(config.generator, spec, size, compute)
    critic = nets.critic(config.critic, spec, compute)
    recognition = head(critic, categories + 2 * codes, compute, tuple(widths), norm)
    noise = make_latents(config.latents)

    def inputs(batch: Batch, keys: Keys) -> Latents:
        k_noise, k_category, k_codes = random.split(keys, 3)
        drawn = random.uniform(k_codes, (codes,), -1.0, 1.0)
        return {'z': noise(k_noise), 'category': random.integers(k_category, categories), 'codes': drawn}

    def generate(params: Params, stats: Params, inputs: Latents, train: bool) -> tuple[Array, Params]:
        category = jax.nn.one_hot(inputs['category'], categories)
        given = jnp.concatenate([inputs['z'], category, inputs['codes']], 1)
        fakes, now = generator.apply(params['generator'], stats['generator'], given, train=train)
        return fakes, {'generator': now}

    def bound(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        """The weighted sum of the bounds; the bounds themselves in nats."""
        stats = scene.state.stats['recognition']
        answers, stats = recognition.apply(scene.params['recognition'], stats, scene.fake_features, train=True)
        of_category, of_codes = (value.mean(0) for value in information(answers, scene.inputs))
        metrics = {'category_information': of_category}
        metrics |= {f'code_{i}_information': of_codes[i] for i in range(codes)}
        return category_weight * of_category + code_weight * of_codes.sum(), Aux(metrics, {'recognition': stats})

    def bound_alone(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        """The same for the critic, which does not move the recognition net."""
        return bound(scene, keys)[0], Aux()

    def each_category(batch: Batch, keys: Keys) -> Latents:
        """Rows of all categories, whose noise and codes are the row's."""
        rows = repeated(inputs(batch, keys), categories)
        return {**rows, 'category': jnp.tile(jnp.arange(categories), len(keys))}

    def each_code(batch: Batch, keys: Keys) -> Latents:
        """Rows along which one code goes from -REACH to REACH: first all rows of the first code; row i is of category
        i, and the rest is the row's.
        """
        rows = {**inputs(batch, keys), 'category': jnp.arange(len(keys)) % categories}
        rows, values = repeated(rows, STEPS), jnp.tile(jnp.linspace(-REACH, REACH, STEPS), len(keys))
        parts = [{**rows, 'codes': rows['codes'].at[:, i].set(values)} for i in range(codes)]
        return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)

    pair = Pair(
        spec,
        generate,
        critic,
        inputs,
        critic_terms={'information': Term(bound_alone, -1.0, features=True)},
        generator_terms={'information': Term(bound, -1.0, features=True)},
        replayable=False,
    )
    samplers = {'samples': pair.sampler(asked={'category': 'codes'})}
    if is_image(spec):
        samplers['categories'] = samplers['samples']._replace(inputs=each_category, columns=categories)
        if codes:
            samplers['codes'] = samplers['samples']._replace(inputs=each_code, columns=STEPS)
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic, 'recognition': recognition},
        with_generator=('recognition',),
        samplers=samplers,
        ema=ema(config.ema),
    )


def information(answers: Array, latents: Latents) -> tuple[Array, Array]:
    """log Q(c | x) + H(c) in nats of each example's category [B] and codes [B, c]; their means are the bounds L_I.

    The category's is at most log K. A code's has no upper limit: a Gaussian Q of standard deviation s around the true
    code, which is uniform over a length of 2, tells log 2 - log s - (1 + log 2 pi) / 2.

    Args:
      answers: [B, K + 2 c] of the recognition net: K logits, then c means, then c logarithms of standard deviations.
      latents: with category int [B] and codes [B, c], which were given to the generator.
    """
    codes = latents['codes']
    num = codes.shape[1]
    categories = answers.shape[1] - 2 * num
    logits, mean, log_std = jnp.split(answers, (categories, categories + num), 1)
    log_q = jnp.take_along_axis(jax.nn.log_softmax(logits), latents['category'][:, None], 1)[:, 0]
    log_density = -0.5 * ((codes - mean) * jnp.exp(-log_std)) ** 2 - log_std - 0.5 * math.log(2 * math.pi)
    return log_q + math.log(categories), log_density + math.log(2)


def repeated(rows: Tree, columns: int) -> Tree:
    """Each row so many times in a row: leaves [N, ...] -> [N * columns, ...]."""
    return jax.tree.map(lambda x: jnp.repeat(x, columns, 0), rows)
