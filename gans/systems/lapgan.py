"""LAPGAN (Denton 2015, 1506.05751): a GAN of small images, and for each doubling of their size a GAN of residuals,
whose nets are told the enlarged smaller image.

In training the levels do not know each other: each is told real smaller images, and learns beside the others. Samples
are drawn from coarse to fine (eq. 4). Nets, players and updates bear their level's size: generator_8, critic_16, ...
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import ml_collections
from jax import ShapeDtypeStruct

from gans import losses, optimizers, penalties
from gans.core import Array, Aux, Compute, Keys, Net, Player, Spec, System, TrainState, Tree, Update, View
from gans.errors import UserError
from gans.nets import build as nets
from gans.ops import random
from gans.ops.pyramid import gaussian, laplacian, up
from gans.systems import gan
from gans.systems.build import refuse

Given = tuple[Array, ...]  # what both nets of a level are told: the enlarged smaller image, if any, and labels, if any


class Level(NamedTuple):
    """One GAN of the pyramid."""

    size: int  # pixels of a side
    generator: Net  # (latents, *given) -> examples
    critic: Net  # (examples, *given) -> scores
    latents: Callable[[Keys], Array]  # keys [B] -> latents of the generator
    real: Callable[[dict[str, Array]], tuple[Array, Given]]  # batch -> real examples, given


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """Of the keys of the system 'gan', `generator` and `critic` are the nets of each finer level (net 'lapgan'), and
    `latents.size` is that of the coarsest; game, penalty and optimisers are those of every level. Here also

      lapgan.coarsest: pixels of the coarsest level's side;
      lapgan.generator, lapgan.critic: the coarsest level's nets;
      lapgan.conditional: whether all nets are told labels; the coarsest's as their `condition` says, or by 'concat'.

    Raises:
      UserError: images that do not come to the coarsest size by halving, and options that have no meaning here.
    """
    sizes = _sizes(config, spec)
    conditional = config.lapgan.conditional
    levels = [_coarsest(config, spec, compute), *(_finer(config, spec, compute, size) for size in sizes[1:])]
    schedules = [_updates(config, level) for level in levels]
    lazy = config.penalty.every if len(schedules[0]) > 2 else None

    def latents(keys: Keys) -> Tree:
        *own, k_label = random.split(keys, len(levels) + 1)
        z = {f'z_{level.size}': level.latents(k) for level, k in zip(levels, own, strict=True)}
        return z | {'label': random.integers(k_label, len(spec.classes))} if conditional else z

    def images(params: dict[str, Tree], stats: dict[str, Tree], latents: Tree) -> list[Array]:
        """The samples at every level, coarsest first."""
        label, made = ((latents['label'],) if conditional else ()), []
        for level in levels:
            name, low = f'generator_{level.size}', tuple(up(x) for x in made[-1:])
            z = latents[f'z_{level.size}']
            out, _ = level.generator.apply(params[name], stats[name], z, *low, *label, train=False)
            made.append(sum(low, out))  # the coarsest level's are images, not residuals
        return made

    def sample(params: dict[str, Tree], stats: dict[str, Tree], latents: Tree) -> Array:
        return jnp.clip(images(params, stats, latents)[-1], -1, 1)  # residuals have no bounds, images do

    def rows(params: dict[str, Tree], stats: dict[str, Tree], latents: Tree) -> Array:
        """A row of images for each sample, the levels in the size of the finest: [B, ...] -> [B * levels, H, W, C]."""
        made = images(params, stats, latents)
        enlarge = lambda x: x.repeat(sizes[-1] // x.shape[1], 1).repeat(sizes[-1] // x.shape[1], 2)
        return jnp.clip(jnp.stack([enlarge(x) for x in made], 1).reshape(-1, *spec.shape), -1, 1)

    def player(role: str, size: int, every: int | None) -> Player:
        return Player((f'{role}_{size}',), optimizers.build(config.optimizer[role], role, every))

    ema = gan.ema(config.ema)
    return System(
        nets={f'{role}_{level.size}': getattr(level, role) for level in levels for role in ('generator', 'critic')},
        players={f'critic_{size}': player('critic', size, lazy) for size in sizes}
        | {f'generator_{size}': player('generator', size, None) for size in sizes},
        updates=tuple(update for schedule in schedules for update in schedule),
        latents=latents,
        sample=sample,
        ema=ema and ema._replace(nets=tuple(f'generator_{size}' for size in sizes)),
        views={'levels': View(latents, rows, len(levels))},
    )


def _coarsest(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> Level:
    """The GAN of the smallest images, whose latents are vectors."""
    size, conditional = config.lapgan.coarsest, config.lapgan.conditional
    told = {'condition': 'concat'} if conditional else {}
    small = spec._replace(shape=(size, size, spec.shape[2]))

    def real(batch: dict[str, Array]) -> tuple[Array, Given]:
        return _shrunk(batch, size), (batch['label'],) if conditional else ()

    return Level(
        size,
        nets.generator(told | dict(config.lapgan.generator), small, config.latents.size, compute),
        nets.critic(told | dict(config.lapgan.critic), small, compute),
        gan.make_latents(config.latents),
        real,
    )


def _finer(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, size: int) -> Level:
    """The GAN of the residuals of images of one size, whose latents are planes of noise."""
    conditional, shape = config.lapgan.conditional, (size, size, spec.shape[2])
    options = {'shape': shape, 'compute': compute, 'classes': len(spec.classes) if conditional else None}
    plane, image = (ShapeDtypeStruct((2, size, size, channels), jnp.float32) for channels in (1, shape[2]))
    label = (ShapeDtypeStruct((2,), jnp.int32),) if conditional else ()
    noise = gan.make_latents(ml_collections.ConfigDict({**config.latents, 'size': size * size}))

    def real(batch: dict[str, Array]) -> tuple[Array, Given]:
        residual, coarse = laplacian(_shrunk(batch, size), 1)
        return residual, (up(coarse), batch['label']) if conditional else (up(coarse),)

    return Level(
        size,
        nets.from_linen(
            nets.of_config('LevelGenerator', config.generator, 'generator', **options), plane, image, *label
        ),
        nets.from_linen(nets.of_config('LevelCritic', config.critic, 'critic', **options), image, image, *label),
        lambda keys: noise(keys).reshape(-1, size, size, 1),
        real,
    )


def _updates(config: ml_collections.ConfigDict, level: Level) -> list[Update]:
    """The updates of one level: those of the system 'gan', where both nets are given more."""
    generator, critic = f'generator_{level.size}', f'critic_{level.size}'
    game = losses.game(config.game, losses.Labels(**config.labels))
    penalty = penalties.penalty(config.penalty.name, config.penalty.target, config.penalty.one_sided)
    lazy = penalty is not None and config.penalty.every > 1

    def fakes(params: dict[str, Tree], state: TrainState, given: Given, keys: Keys) -> tuple[Array, Tree]:
        z = level.latents(keys)
        return level.generator.apply(params[generator], state.stats[generator], z, *given, train=True)

    def score(params: dict[str, Tree], stats: Tree, x: Array, given: Given) -> tuple[Array, Tree]:
        return level.critic.apply(params[critic], stats, x, *given, train=True)

    def critic_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        real, given = level.real(batch)
        fake, _ = fakes(params, state, given, random.split(keys, 2)[0])
        real_scores, stats = score(params, state.stats[critic], real, given)
        fake_scores, stats = score(params, stats, fake, given)
        loss = game.critic(real_scores, fake_scores).mean()
        metrics = {'real_score': real_scores.mean(), 'fake_score': fake_scores.mean()}
        if penalty is not None and not lazy:
            metrics |= {'game': loss, 'penalty': penalise(params, state, batch, keys)}
            loss += config.penalty.weight * metrics['penalty']
        return loss, Aux(metrics, {critic: stats})

    def penalise(params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys) -> Array:
        k_fake, k_penalty = random.split(keys, 2)
        real, given = level.real(batch)
        fake, _ = fakes(params, state, given, k_fake)
        critic_fn = lambda x: score(params, state.stats[critic], x, given)[0]
        return penalty(critic_fn, real, fake, k_penalty).mean()

    def penalty_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        """Lazy regularisation, as in the system 'gan'."""
        return config.penalty.weight * config.penalty.every * penalise(params, state, batch, keys), Aux()

    def generator_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        real, given = level.real(batch)
        fake, stats = fakes(params, state, given, keys)
        scores = lambda x: score(params, state.stats[critic], x, given)[0]
        real_scores = scores(real) if game.needs_real else jnp.zeros(())
        return game.generator(real_scores, scores(fake)).mean(), Aux({}, {generator: stats})

    micro, every = config.train.micro, config.penalty.every
    updates = [Update(critic, critic, critic_loss, repeats=config.train.n_critic, micro=micro)]
    if lazy:
        updates.append(Update(f'penalty_{level.size}', critic, penalty_loss, every=every, micro=micro))
    return [*updates, Update(generator, generator, generator_loss, micro=micro)]


def _shrunk(batch: dict[str, Array], size: int) -> Array:
    """The real images at that size."""
    return gaussian(batch['real'], (batch['real'].shape[1] // size).bit_length() - 1)[-1]


def _sizes(config: ml_collections.ConfigDict, spec: Spec) -> list[int]:
    """[coarsest, ..., H]; raises what is wrong with the config."""
    refuse(config, ('penalty.name', 'penalty.every'))
    if 'lapgan' not in config:
        raise UserError("system 'lapgan' wants a section lapgan in the config: coarsest (pixels, such as 8), its nets"
                        ' generator and critic, and conditional')  # fmt: skip
    if config.lapgan.conditional and not spec.classes:
        raise UserError('lapgan.conditional wants labels, and this set has none: set it to False, or see data.name')
    sizes = [config.lapgan.coarsest]
    while spec.is_image and 0 < sizes[-1] < spec.shape[0]:
        sizes.append(2 * sizes[-1])
    if len(sizes) < 2 or spec.shape[:2] != (sizes[-1], sizes[-1]):
        raise UserError(f'lapgan.coarsest={sizes[0]}: doubled once or more it must come to the side of square images;'
                        f' those of this set are {spec.shape}')  # fmt: skip
    return sizes
