"""InfoGAN (Chen 2016, 1606.03657): the generator is told codes, and keeps them readable in what it makes.

A head on the critic's features, the recognition net Q, reads the codes c back from the generator's images. Then
L_I = E log Q(c | x) + H(c) bounds the mutual information of code and image from below (eq. 5), and both players'
objectives have it, weighted (eq. 6).
"""

import math

import jax
import jax.numpy as jnp
import ml_collections

from gans import losses, penalties
from gans.core import Array, Aux, Compute, Keys, Spec, System, TrainState, Tree, View
from gans.errors import UserError
from gans.nets import build as nets
from gans.nets.recognition import head
from gans.ops import random
from gans.systems.build import refuse, two_players
from gans.systems.gan import ema, make_latents

REACH, STEPS = 2.0, 10  # of the pictures of codes, twice as far as they are drawn in training (the paper's figure 2)

Latents = dict[str, Array]  # z [B, d]; category int32 [B]; codes [B, c] in [-1, 1)


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """See `gans/defaults.py` for the keys of the config; here also a section `infogan`: `categories` of the one
    categorical code, how many continuous `codes`, the weights `category_weight` and `code_weight` of their bounds, and
    `widths` and `norm` of the recognition net.

    The generator's player moves the recognition net too. The critic's loss has the bound as well, as in the authors'
    code, so that the body that both share learns to read codes.

    Raises:
      UserError: options of the system 'gan' that this one does not have.
    """
    refuse(config, ('penalty.name',))
    if 'infogan' not in config:
        raise UserError(
            "system 'infogan' wants a section infogan in the config, such as experiments/infogan_mnist.py's"
        )
    options = config.infogan
    size = config.latents.size + options.categories + options.codes
    generator = nets.generator(config.generator, spec, size, compute)
    critic = nets.critic(config.critic, spec, compute)
    answers = options.categories + 2 * options.codes
    recognition = head(critic, answers, compute, tuple(options.widths), options.norm)
    game = losses.game(config.game, losses.Labels(**config.labels))
    penalty = penalties.penalty(config.penalty.name, config.penalty.target, config.penalty.one_sided)
    noise = make_latents(config.latents)

    def latents(keys: Keys) -> Latents:
        k_noise, k_category, k_codes = random.split(keys, 3)
        codes = random.uniform(k_codes, (options.codes,), -1.0, 1.0)
        return {'z': noise(k_noise), 'category': random.integers(k_category, options.categories), 'codes': codes}

    def told(latents: Latents) -> Array:
        """What the generator sees: noise, the category as one of K, the codes."""
        category = jax.nn.one_hot(latents['category'], options.categories)
        return jnp.concatenate([latents['z'], category, latents['codes']], 1)

    def sample(params: dict[str, Tree], stats: dict[str, Tree], latents: Latents) -> Array:
        return generator.apply(params['generator'], stats['generator'], told(latents), train=False)[0]

    def fakes(params: dict[str, Tree], state: TrainState, latents: Latents) -> tuple[Array, Tree]:
        return generator.apply(params['generator'], state.stats['generator'], told(latents), train=True)

    def bound(params: dict[str, Tree], state: TrainState, features: Array, latents: Latents) -> tuple[Array, Aux]:
        """The weighted sum of the bounds, the bounds themselves in nats, and the recognition net's statistics."""
        out, stats = recognition.apply(params['recognition'], state.stats['recognition'], features, train=True)
        category, codes = (value.mean(0) for value in information(out, latents))
        metrics = {'category_information': category}
        metrics |= {f'code_{i}_information': codes[i] for i in range(options.codes)}
        return options.category_weight * category + options.code_weight * codes.sum(), Aux(
            metrics, {'recognition': stats}
        )

    def critic_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        k_fake, k_penalty = random.split(keys, 2)
        drawn = latents(k_fake)
        real, (fake, _) = batch['real'], fakes(params, state, drawn)
        real_scores, stats = critic.apply(params['critic'], state.stats['critic'], real, train=True)
        (fake_scores, features), stats = critic.apply(params['critic'], stats, fake, train=True, features=True)
        loss = game.critic(real_scores, fake_scores).mean()
        metrics = {'real_score': real_scores.mean(), 'fake_score': fake_scores.mean(), 'game': loss}
        if penalty is not None:
            critic_fn = lambda x: critic.apply(params['critic'], state.stats['critic'], x, train=True)[0]
            metrics['penalty'] = penalty(critic_fn, real, fake, k_penalty).mean()
            loss += config.penalty.weight * metrics['penalty']
        return loss - bound(params, state, features, drawn)[0], Aux(metrics, {'critic': stats})

    def generator_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        drawn = latents(keys)
        fake, stats = fakes(params, state, drawn)
        judge = lambda x: critic.apply(params['critic'], state.stats['critic'], x, train=True, features=True)[0]
        scores, features = judge(fake)
        real_scores = judge(batch['real'])[0] if game.needs_real else jnp.zeros(())
        loss = game.generator(real_scores, scores).mean()
        informed, aux = bound(params, state, features, drawn)
        return loss - informed, Aux({'game': loss, **aux.metrics}, {'generator': stats, **aux.stats})

    def each_category(keys: Keys) -> Latents:
        """Rows of all categories, whose noise and codes are the row's."""
        rows = repeated(latents(keys), options.categories)
        return {**rows, 'category': jnp.tile(jnp.arange(options.categories), len(keys))}

    def each_code(keys: Keys) -> Latents:
        """Rows along which one code goes from -REACH to REACH: first all rows of the first code; row i is of category
        i, and the rest is the row's.
        """
        rows = {**latents(keys), 'category': jnp.arange(len(keys)) % options.categories}
        rows, values = repeated(rows, STEPS), jnp.tile(jnp.linspace(-REACH, REACH, STEPS), len(keys))
        parts = [{**rows, 'codes': rows['codes'].at[:, i].set(values)} for i in range(options.codes)]
        return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)

    views = {'categories': View(each_category, sample, options.categories)}
    if options.codes:
        views['codes'] = View(each_code, sample, STEPS)
    return two_players(
        config,
        {'generator': generator, 'critic': critic, 'recognition': recognition},
        critic_loss,
        generator_loss,
        with_generator=('recognition',),
        latents=latents,
        sample=sample,
        ema=ema(config.ema),
        views=views if spec.is_image else {},
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
