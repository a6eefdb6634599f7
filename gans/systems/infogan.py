"""InfoGAN (Chen 2016, 1606.03657): the generator gets latent codes, which can be read back from its images.

A head on the critic's features, the recognition net Q, predicts the codes c from the generator's images. Then
L_I = E log Q(c | x) + H(c) is a lower bound of the mutual information of code and image (eq. 5), and both players
maximize it, weighted (eq. 6).
"""

import math

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from gans.core import Array, Aux, Batch, Compute, Keys, Spec, System
from gans.kinds import is_image
from gans.latents import make_latents
from gans.nets import build as nets
from gans.nets._heads import head
from gans.ops import random
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import make_generate, refuse, repeat_rows, two_players

REACH, STEPS = 2.0, 10  # of code traversals: twice the range of training, as in the paper's figure 2

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
      categories: number of values of the one categorical code.
      codes: number of continuous codes.
      category_weight, code_weight: of their bounds.
      widths, norm: of the recognition net.

    The generator's player trains the recognition net as well. The critic's loss includes the bound, as in the authors'
    code, so that the shared body learns features that predict codes.

    Raises:
      UserError: conditional nets, packs.
    """
    for net in ('generator', 'critic'):
        refuse(config, f'{net}.condition', 'codes replace labels')
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

    def concatenate(inputs: Latents) -> tuple[Array]:
        return (jnp.concatenate([inputs['z'], jax.nn.one_hot(inputs['category'], categories), inputs['codes']], 1),)

    def bound(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        """The weighted sum of the bounds; the bounds themselves, in nats, are metrics."""
        stats = scene.state.stats['recognition']
        predictions, stats = recognition.apply(scene.params['recognition'], stats, scene.fake_features, train=True)
        of_category, of_codes = (value.mean(0) for value in information(predictions, scene.inputs))
        metrics = {'category_information': of_category}
        metrics |= {f'code_{i}_information': of_codes[i] for i in range(codes)}
        return category_weight * of_category + code_weight * of_codes.sum(), Aux(metrics, {'recognition': stats})

    def critic_bound(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        """The same for the critic, which does not train the recognition net."""
        return bound(scene, keys)[0], Aux()

    def traverse_categories(batch: Batch, keys: Keys) -> Latents:
        """Rows that run through all categories, with the same noise and codes within a row."""
        rows = repeat_rows(inputs(batch, keys), categories)
        return {**rows, 'category': jnp.tile(jnp.arange(categories), len(keys))}

    def traverse_codes(batch: Batch, keys: Keys) -> Latents:
        """Rows along which one code runs from -REACH to REACH: all rows of the first code, then of the next. Row i has
        category i; everything else is constant within a row.
        """
        rows = {**inputs(batch, keys), 'category': jnp.arange(len(keys)) % categories}
        rows, values = repeat_rows(rows, STEPS), jnp.tile(jnp.linspace(-REACH, REACH, STEPS), len(keys))
        parts = [{**rows, 'codes': rows['codes'].at[:, i].set(values)} for i in range(codes)]
        return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)

    pair = Pair(
        spec,
        make_generate(generator, concatenate),
        critic,
        inputs,
        critic_terms={'information': Term(critic_bound, -1.0, features=True)},
        generator_terms={'information': Term(bound, -1.0, features=True)},
        replayable=False,
    )
    samplers = {'samples': pair.sampler(asked={'category': 'codes'})}
    if is_image(spec):
        samplers['categories'] = samplers['samples']._replace(
            inputs=traverse_categories,
            about='each row has one noise and one set of codes; the category goes from left to right',
            columns=tuple(map(str, range(categories))),
        )
        if codes:
            samplers['codes'] = samplers['samples']._replace(
                inputs=traverse_codes,
                about=f'along each row one code goes from {-REACH:g} to {REACH:g}; all else stays',
                columns=tuple(f'{value:.2g}' for value in np.linspace(-REACH, REACH, STEPS)),
                rows=tuple(f'code {i}' for i in range(codes)),
            )
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic, 'recognition': recognition},
        with_generator=('recognition',),
        samplers=samplers,
        headline=('category_information', *(f'code_{i}_information' for i in range(codes))),
        ema=ema(config.ema),
    )


def information(predictions: Array, latents: Latents) -> tuple[Array, Array]:
    """log Q(c | x) + H(c) in nats, of the category [B] and the codes [B, c]; their means are L_I.

    That of the category is at most log K. That of a code has no upper limit: a Gaussian Q of standard deviation s
    around the true code, which is uniform over a length of 2, gives log 2 - log s - (1 + log 2 pi) / 2.

    Args:
      predictions: [B, K + 2 c] of the recognition net: K logits, c means, c logarithms of standard deviations.
      latents: with category int [B] and codes [B, c], as the generator got them.
    """
    codes = latents['codes']
    num = codes.shape[1]
    categories = predictions.shape[1] - 2 * num
    logits, mean, log_std = jnp.split(predictions, (categories, categories + num), 1)
    log_q = jnp.take_along_axis(jax.nn.log_softmax(logits), latents['category'][:, None], 1)[:, 0]
    log_density = -0.5 * ((codes - mean) * jnp.exp(-log_std)) ** 2 - log_std - 0.5 * math.log(2 * math.pi)
    return log_q + math.log(categories), log_density + math.log(2)
