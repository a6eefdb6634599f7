"""The GAN: one generator, one critic, any game and any terms (Goodfellow 2014 and its descendants).

With labels it is the conditional GAN (Mirza & Osindero 2014, 1411.1784): each fake has the label of a real example of
the batch, and the critic gets it as well. How labels enter the nets: gans/ops/labels.py.
"""

import ml_collections

from gans import kinds
from gans.core import Compute, Spec, System
from gans.errors import UserError
from gans.latents import make_latents, with_label
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair
from gans.systems._players import make_generate, pack_spec, two_players
from gans.systems._sheets import class_sheets


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """See `gans/defaults.py` for the keys of the config.

    Raises:
      UserError: options that do not fit each other or the data.
    """
    conditional = _is_conditional(config)
    generator = nets.generator(config.generator, spec, config.latents.size, compute, make_latents(config.latents))
    critic = nets.critic(config.critic, pack_spec(spec, config.pack), compute)
    latents = make_latents(config.latents)
    pair = Pair(
        spec,
        make_generate(generator, lambda inputs: (inputs['z'], inputs['label']) if conditional else (inputs,)),
        critic,
        inputs=with_label(latents) if conditional else lambda batch, keys: latents(keys),
        conditions=lambda inputs, state: (inputs['label'],) if conditional else (),
        replayable=not conditional,
        pack=config.pack,
    )
    sheets = conditional and kinds.is_image(spec)
    samples = pair.sampler(asked={'label': 'labels'} if conditional else {})
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic},
        samplers={'samples': samples, **(class_sheets(samples, spec.classes) if sheets else {})},
        ema=ema(config.ema),
    )


def _is_conditional(config: ml_collections.ConfigDict) -> bool:
    """Whether the nets are conditioned on labels; both must be, or neither."""
    by_role = {role: config[role].get('condition') for role in ('generator', 'critic')}
    for role, condition in by_role.items():
        if condition is None and any(by_role.values()):
            raise UserError(f"{role}.condition is not set, but the other net's is: set both or neither")
    return any(by_role.values())
