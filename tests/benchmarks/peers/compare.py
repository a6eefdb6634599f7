"""Whether a peer computes what ours does."""

from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import torch
from benchmarks.peers import nets
from benchmarks.peers.train import Peer
from ml_collections import ConfigDict

from gans import latents, penalties
from gans.core import Array, System, TrainState, Tree
from gans.ops.random import example_keys
from gans.training.setup import setup


def compare(config: ConfigDict, batch: int = 4, device: str = 'cpu', compiled: bool = False) -> dict[str, float]:
    """How far a step of the peer is from ours, on the same weights, examples, latents and points between examples.

    Returns:
      For each net the difference of its losses, over the larger of 1 and the loss; that of its gradients, over their
      norm; and that of the numbers of parameters.
    """
    config = config.copy_and_resolve_references()
    config.train.batch_size, config.train.n_critic, config.train.steps_per_call = batch, 1, 1
    for optimizer in config.optimizer.values():
        optimizer.learning_rate = 1e-30  # so that the step of one player is none to the other
    experiment, random = setup(config, devices=1), np.random.default_rng(0)
    draw = lambda low, *shape: random.uniform(low, 1, shape).astype(np.float32)
    shape = experiment.source.spec.shape
    real, z, mix = draw(-1, batch, *shape), draw(-1, batch, config.latents.size), draw(0, batch, *[1] * len(shape))

    state = experiment.init()
    peer = Peer(experiment, state, device, compiled)
    state = state.replace(stats=_settled(peer, state.stats))
    given = lambda x: lambda: torch.from_numpy(x).to(device)
    peer.real, peer.latents, peer.coefficients = lambda: peer.arranged(given(real)()), given(z), given(mix)
    theirs = dict(zip(('critic', 'generator'), peer.step(), strict=True))

    same = {name: lambda keys, shape: jnp.asarray(z) for name in latents.LATENTS}
    between = lambda keys, a, b: a + mix * (b - a)
    with mock.patch.object(latents, 'LATENTS', same), mock.patch.object(penalties, '_mix', between):
        ours = _ours(setup(config, devices=1, source=experiment.source).system, state, {'real': jnp.asarray(real)})

    differences = {}
    for name, (loss, gradients) in ours.items():
        pairs = list(nets.paired(getattr(peer, name), gradients))
        flat = lambda tensors: torch.cat([x.detach().cpu().flatten() for x in tensors])
        mine, peers = flat(value for _, value in pairs), flat(_gradient(parameter) for parameter, _ in pairs)
        differences[f'{name} loss'] = abs(float(loss) - float(theirs[name].detach())) / max(1.0, abs(float(loss)))
        differences[f'{name} gradients'] = float((mine - peers).norm() / mine.norm())
        differences[f'{name} parameters'] = sum(p.numel() for p in peer.parameters[name]) - len(mine)
    return differences


def _gradient(parameter: torch.nn.Parameter) -> torch.Tensor:
    """Zeros of what no loss has reached: layers that are there for other sizes of images."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _settled(peer: Peer, stats: dict[str, Tree]) -> dict[str, Tree]:
    """Our statistics, and the peer's, with all power iterations at their end, where half a step makes no difference."""

    def settled(path: tuple, value: Array) -> Array:
        net, _, *layers, name = (entry.key for entry in path)
        layer = getattr(peer, net).get_submodule('.'.join(layers))
        return jnp.asarray(nets.settle(layer).cpu()) if name == 'u' else value

    return jax.tree_util.tree_map_with_path(settled, stats)


def _ours(system: System, state: TrainState, batch: dict[str, Array]) -> dict[str, tuple[Array, Tree]]:
    """The loss of each net's player, and its gradients."""
    keys, found = example_keys(jax.random.key(0), jnp.arange(len(batch['real']))), {}
    for update in system.updates:

        @jax.jit
        def gradients(owned: Tree, loss=update.loss) -> tuple[Tree, dict[str, Array]]:
            def objective(owned: Tree) -> tuple[Array, dict[str, Array]]:
                value, aux = loss({**state.params, **owned}, state, batch, keys)
                return value, {'loss': value, **aux.metrics}

            return jax.grad(objective, has_aux=True)(owned)

        owned = {net: state.params[net] for net in system.players[update.player].nets}
        for net, gradient in (found_gradients := gradients(owned))[0].items():
            metrics = found_gradients[1]
            found[net] = metrics.get(f'{net}_loss', metrics['loss']), gradient
    return found
