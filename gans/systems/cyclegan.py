"""CycleGAN (Zhu 2017, 1703.10593): images of domain a become images of domain b and back, learned without pairs.

Two pairs, 'a_to_b' with a critic of b and 'b_to_a' with a critic of a, train together: one optimizer has both
generators, G and F, and one both critics. Beside its game, the loss of G has |F(G(a)) - a|, the error of the cycle that
begins with it, and |G(b) - b|, by which what is already of its domain stays as it is; that of F likewise. All four are
means over pixels, and gradients of a cycle reach both of its generators.

Differences from the authors' code: a critic's fakes are those of the generators that the same step then moves; past
fakes are rounded to pixels, as the real images are.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import ml_collections

from gans import kinds
from gans.core import Array, Aux, Compute, Keys, Sampler, Spec, System, TrainState, Tree
from gans.data.joined import field_name
from gans.errors import UserError
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import refuse, two_players
from gans.systems._pool import image_pool
from gans.systems._sources import FromSource, absolute_error, from_images

DIRECTIONS = {'a_to_b': ('a', 'b'), 'b_to_a': ('b', 'a')}  # from which field to which
BACK = dict(zip(DIRECTIONS, reversed(DIRECTIONS), strict=True))


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    cycle: float = 10.0,
    identity: float | None = 0.5,
    adversarial: float = 1.0,
    pool: int | None = 50,
) -> System:
    """Generators are nets with a Translator ('cyclegan', 'unet'), both with the options of `config.generator`; the
    critics are told nothing but the image.

    Args:
      cycle: weight of the error of both cycles, lambda in the paper.
      identity: weight of what should stay as it is, as a multiple of `cycle` (as lambda_identity of the authors' code,
        where .5 is the default; the paper has it for paintings alone). None: without, as it must be where a and b
        differ in their channels.
      adversarial: weight of the game in the generators' loss. With game='least_squares', whose squares are halved for
        critics and generators, 2.0 is the authors': they halve those of the critics alone.
      pool: past fakes that are kept for each critic; None or 0: without.

    Raises:
      UserError: examples without images 'a' and 'b' of one size, labels, packs.
    """
    refuse(config, 'pack', 'each image has its own domain')
    refuse(config, 'replay.size', 'cyclegan.pool keeps past fakes')
    for role in ('generator', 'critic'):
        refuse(config, f'{role}.condition', 'nets are given images, not labels')
    domains = _domains(spec)
    if identity is not None and domains['a'].shape != domains['b'].shape:
        raise UserError(
            f'cyclegan.identity={identity} compares what a generator makes of an image with the image, but a and b are '
            f'of {domains["a"].shape[2]} and {domains["b"].shape[2]} channels: set it to None'
        )
    generators = {
        name: from_images(
            nets.translator(config.generator, domains[source], domains[made], compute), f'generator_{name}'
        )
        for name, (source, made) in DIRECTIONS.items()
    }
    critics = {name: nets.critic(config.critic, domains[made], compute) for name, (_, made) in DIRECTIONS.items()}

    def make_pair(name: str) -> Pair:
        (source, made), own, back = DIRECTIONS[name], generators[name], generators[BACK[name]]

        def come_back(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
            again, _ = back.generate(scene.params, scene.state, back.given(scene.fake, keys), True)
            return absolute_error(again, scene.batch[source]), Aux()

        def stay(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
            same, _ = own.generate(scene.params, scene.state, own.given(scene.real, keys), True)
            return absolute_error(same, scene.real), Aux()

        pair = Pair(
            domains[made],
            own.generate,
            critics[name],
            inputs=lambda batch, keys: own.given(batch[source], keys),
            real=lambda batch, state, inputs: batch[made],
            name=name,
            generator_terms={'cycle': Term(come_back, cycle)}
            | ({} if identity is None else {'identity': Term(stay, cycle * identity)}),
        )
        if not pool:
            return pair
        past = image_pool(pair.qualify('pool'), pool, domains[made], compute.device_axis, 'cyclegan.pool')
        return pair._replace(replay=past)

    pairs = {name: make_pair(name) for name in DIRECTIONS}
    samplers = {}
    for name, (source, made) in DIRECTIONS.items():
        partner = field_name(source, 'source')  # hidden: scores alone look at it
        samplers[name] = pairs[name].sampler(
            like=made,
            target=partner if partner in spec.fields else None,
            multiple=generators[name].multiple,
        )
    return two_players(
        config,
        [*pairs.values()],
        {f'generator_{name}': made.net for name, made in generators.items()}
        | {f'critic_{name}': net for name, net in critics.items()},
        weight=adversarial,
        together=True,
        samplers=samplers | {'cycles': _cycles(generators)},
        headline=tuple(f'{name}_cycle' for name in DIRECTIONS),
        ema=ema(config.ema, tuple(f'generator_{name}' for name in DIRECTIONS)),
    )


def _domains(spec: Spec) -> dict[str, Spec]:
    """The specs of a and b."""
    found = {name: spec.fields[name] for name in ('a', 'b') if name in spec.fields}
    if len(found) < 2:
        raise UserError(
            "system 'cyclegan' translates between 'a' and 'b' of an example, and this data set has not both: take "
            'unpaired:FOLDER, or data.name=joined with data.a.name and data.b.name'
        )
    shapes = [one.shape for one in found.values()]
    if not all(map(kinds.is_image, found.values())) or shapes[0][:2] != shapes[1][:2]:
        raise UserError(f"system 'cyclegan' translates images of one size, not {shapes[0]} and {shapes[1]}")
    return found


def _cycles(generators: Mapping[str, FromSource]) -> Sampler:
    """Rows of an image of each domain, what is made of it, and what comes back."""

    def make(state: TrainState, given: Tree) -> Array:
        shown = []
        for name, back in BACK.items():
            made, _ = generators[name].generate(state.params, state, given[name], False)
            again, _ = generators[back].generate(state.params, state, {**given[name], 'source': made}, False)
            shown += [given[name]['source'], made, again]
        shape = jnp.broadcast_shapes(*(images.shape for images in shown))  # grey images among those in color
        return jnp.stack([jnp.broadcast_to(images, shape) for images in shown], 1).reshape(-1, *shape[1:])

    return Sampler(
        lambda batch, keys: {name: generators[name].given(batch[of], keys) for name, (of, _) in DIRECTIONS.items()},
        make,
        like='b',
        about='each row is an image of a, what is made of it, and what comes back; and likewise one of b',
        columns=('a', 'b of it', 'and back', 'b', 'a of it', 'and back'),
    )
