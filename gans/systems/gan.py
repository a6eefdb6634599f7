"""The GAN: one generator, one critic, any game and any terms (Goodfellow 2014 and its descendants).

With `gan.gate`, the critic does not move in a step in which it is too often right (3D-GAN, 1610.07584, section 4.1).

With labels it is the conditional GAN (Mirza & Osindero 2014, 1411.1784): each fake has the label of a real example of
the batch, and the critic gets it as well. How labels enter the nets: gans/ops/labels.py.
"""

import jax.numpy as jnp
import ml_collections
import numpy as np

from gans import kinds
from gans.core import Array, Aux, Compute, Keys, Spec, System
from gans.errors import UserError
from gans.latents import make_latents, with_label
from gans.losses import per_example
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import make_generate, pack_spec, refuse, two_players
from gans.systems._sheets import class_sheets


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, gate: float | None = None) -> System:
    """See `gans/defaults.py` for the keys of the config.

    Args:
      gate: the critic moves only where its accuracy on the batch of this very step is at most that, 0.8 in 3D-GAN: the
        share of reals whose score is above 0 and of fakes whose score is below, that is, of games of logits, which it
        holds for real and for fake. Its statistics advance all the same; the generator always moves.

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
    if gate is not None:
        refuse(config, 'train.micro', 'the gate looks at the whole batch')
        pair = pair._replace(critic_terms={'accuracy': Term(_accuracy, 0.0, memory={'accuracy': np.float32(0)})})
    sheets = conditional and kinds.is_image(spec)
    samples = pair.sampler(asked={'label': 'labels'} if conditional else {})
    system = two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic},
        samplers={'samples': samples, **(class_sheets(samples, spec.classes) if sheets else {})},
        ema=ema(config.ema),
    )
    if gate is None:
        return system
    is_open = lambda state: state.memory['accuracy'] <= gate
    gated = lambda update: update._replace(gate=is_open) if update.player == 'critic' else update
    return system._replace(updates=tuple(map(gated, system.updates)))


def _accuracy(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
    """The critic's accuracy per pair of a real example and a fake, [P], which it also remembers, averaged."""
    right = (per_example(scene.real_scores) > 0).astype(jnp.float32) + (per_example(scene.fake_scores) < 0)
    return right / 2, Aux(memory={'accuracy': scene.mean(right / 2)})


def _is_conditional(config: ml_collections.ConfigDict) -> bool:
    """Whether the nets are conditioned on labels; both must be, or neither."""
    by_role = {role: config[role].get('condition') for role in ('generator', 'critic')}
    for role, condition in by_role.items():
        if condition is None and any(by_role.values()):
            raise UserError(f"{role}.condition is not set, but the other net's is: set both or neither")
    return any(by_role.values())
