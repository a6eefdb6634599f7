"""The GAN: one generator, one critic, any game and any terms (Goodfellow 2014 and its descendants).

With labels it is the conditional GAN (Mirza & Osindero 2014, 1411.1784): each fake example has the label of the real
one beside it, and the critic is given it. How nets take labels is a matter of the nets: gans/ops/labels.py.
"""

import ml_collections

from gans.core import Array, Compute, Params, Spec, System, Tree
from gans.errors import UserError
from gans.latents import make_latents, with_label
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair
from gans.systems._players import pack_spec, two_players


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """See `gans/defaults.py` for the keys of the config.

    Raises:
      UserError: options that do not fit each other or the data.
    """
    conditional = _is_conditional(config)
    generator = nets.generator(config.generator, spec, config.latents.size, compute, make_latents(config.latents))
    critic = nets.critic(config.critic, pack_spec(spec, config.pack), compute)
    latents = make_latents(config.latents)
    given = lambda inputs: (inputs['z'], inputs['label']) if conditional else (inputs,)

    def generate(params: Params, stats: Params, inputs: Tree, train: bool) -> tuple[Array, Params]:
        fakes, now = generator.apply(params['generator'], stats['generator'], *given(inputs), train=train)
        return fakes, {'generator': now}

    pair = Pair(
        spec,
        generate,
        critic,
        inputs=with_label(latents) if conditional else lambda batch, keys: latents(keys),
        conditions=lambda inputs: (inputs['label'],) if conditional else (),
        replayable=not conditional,
        pack=config.pack,
    )
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic},
        samplers={'samples': pair.sampler(asked={'label': 'labels'} if conditional else {})},
        ema=ema(config.ema),
    )


def _is_conditional(config: ml_collections.ConfigDict) -> bool:
    """Whether the nets are given labels; both must be, or none."""
    by_role = {role: config[role].get('condition') for role in ('generator', 'critic')}
    for role, condition in by_role.items():
        if condition is None and any(by_role.values()):
            raise UserError(f"{role}.condition is not set, but the other net's is: set both, or none")
    return any(by_role.values())
