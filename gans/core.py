"""The vocabulary: every GAN is players that own nets, and a schedule of updates. No behavior lives here.

The names of nets ('generator', 'critic', ...) and of players are the keys that join everything: parameters and
statistics are dicts by net name, optimizer states are dicts by player name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

Array = jax.Array
Tree = Any  # a pytree of arrays
Keys = Array  # [B] typed PRNG keys, one for each example of a batch
Params = dict[str, Tree]  # parameters (or statistics) by net
Batch = dict[str, Array]  # fields of examples, leaves [B, ...]: 'real', 'label' where the set has labels, and others


class Modes(NamedTuple):
    """The truth about a mixture of Gaussians of equal weight."""

    centers: np.ndarray  # [K, d]
    sigma: float  # standard deviation in each direction


class Spec(NamedTuple):
    """What one field of an example looks like: 'real', unless it is one of another's `fields`."""

    shape: tuple[int, ...]  # (H, W, C) of an image in [-1, 1], (T, H, W, C) of a clip, (d,) of a point
    classes: tuple[str, ...] = ()  # names of the labels, if the set has labels
    kind: str = ''  # of gans/kinds.py; '' by the rank of the shape: images or points
    fields: Mapping[str, 'Spec'] = {}  # what an example has beside 'real' and 'label': a source image, a caption


class Compute(NamedTuple):
    """How nets compute; what they compute is the same for each choice, up to rounding."""

    dtype: Any = jnp.float32  # of activations and products; parameters and losses are float32 always
    conv: str = 'auto'  # the form of convolutions, see gans/ops/conv.py
    axis_name: str | None = None  # batch norm averages its moments over this device axis
    remat: bool = False  # of what a gradient needs keep only products with kernels, see gans/nets/build.py
    device_axis: str | None = None  # of several devices; what must see the whole batch gathers it over this axis


class Net(NamedTuple):
    """A pair of pure functions. Made from a linen module by `gans.nets.build.from_linen`."""

    init: Callable[[Array], tuple[Tree, Tree]]  # (rng) -> (params, stats)
    # (params, stats, *inputs, train) -> (out, stats); with features=True ((out, features [B, f]), stats)
    apply: Callable[..., tuple[Array | tuple[Array, Array], Tree]]
    module: nn.Module  # the same net and the shapes of its inputs, for tables
    inputs: tuple[jax.ShapeDtypeStruct, ...]
    batchwise: bool = True  # the output for one example may depend on the rest of its batch (minibatch deviation)


class Player(NamedTuple):
    """An optimizer, and the nets that it may move. A net that no player owns is frozen."""

    nets: tuple[str, ...]
    tx: optax.GradientTransformation
    rates: Mapping[str, Callable[[Array], Array]] = {}  # by net: (steps done) -> factor of the optimizer's steps


class Aux(NamedTuple):
    """What a loss gives back beside its value; nets and memories that are not named stay as they are."""

    metrics: Mapping[str, Array] = {}  # scalars to log
    stats: Mapping[str, Tree] = {}  # advanced statistics (batch norm, spectral norm) by net
    memory: Mapping[str, Tree] = {}  # advanced memories (running means, image pools) by name; averaged over devices


# (params, state, batch, keys [B]) -> (scalar, Aux). The keys are functions of (seed, step, update, repeat, place in
# the global batch), so that randomness depends neither on the number of devices nor on micro-batches.
Loss = Callable[[dict[str, Tree], 'TrainState', dict[str, Array], Keys], tuple[Array, Aux]]


class Update(NamedTuple):
    """One line of the schedule: a player takes steps down the gradient of a loss in the nets it owns."""

    name: str
    player: str
    loss: Loss
    repeats: int = 1  # consecutive steps on distinct batches (n_critic)
    every: int = 1  # runs at steps every, 2 every, 3 every, ... (lazy regularization)
    micro: int = 1  # the batch is cut in so many pieces whose gradients are averaged
    # (state, with the memories that this update's loss leaves) -> bool []; False: parameters and optimizer stay
    gate: Callable[['TrainState'], Array] | None = None
    looks_ahead: tuple[str, ...] = ()  # players with whose optimizers the loss takes steps (unrolled GANs)


class Ema(NamedTuple):
    """Exponential moving averages of the weights and statistics of some nets."""

    nets: tuple[str, ...]
    decay: Callable[[Array], Array]  # (steps done) -> decay


class Sampler(NamedTuple):
    """One thing that a system makes: from what, and how."""

    inputs: Callable[[Batch, Keys], Tree]  # (examples [B], keys [B]) -> what the nets are given, leaves [N, ...]
    make: Callable[['TrainState', Tree], Array]  # (state with averaged weights, inputs) -> [N, *shape]
    like: str = 'real'  # the field of examples that scores compare it with
    # The field whose i-th example sample i should equal, where such pairs are known: for scores, nothing trains on it
    target: str | None = None
    # Of a translator: images of any size can be given to `make` in place of those among its inputs, if their sides are
    # multiples of so many pixels; None: only images of the size that examples have
    multiple: int | None = None
    # Of a picture of it: what it shows, in words; its columns, where rows belong together; equal shares of its rows
    about: str = ''
    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    # What of the inputs a metric may know, by its name there: {'label': 'labels'}, {'category': 'codes'}
    asked: Mapping[str, str] = {}
    # (as `make`) -> statistics by net as making these in training leaves them; None: it takes more than its inputs
    advance: Callable[['TrainState', Tree], Params] | None = None


class Styles(NamedTuple):
    """The space between the latents of the main sampler and its images, in which tools move: one w for each layer.

    `inputs` are those of the main sampler; the state has averaged weights.
    """

    to_w: Callable[['TrainState', Tree], Array]  # (state, inputs) -> w [N, layers, d]
    # (state, w [N, layers, d], inputs, of which the latents are not read) -> [N, *shape]
    make: Callable[['TrainState', Array, Tree], Array]
    # (state) -> [d]: the mean of w as training tracked it, to which w is truncated
    mean: Callable[['TrainState'], Array] | None = None
    # (state) -> of each layer the kernel [d, features] by which it reads its w
    kernels: Callable[['TrainState'], tuple[Array, ...]] | None = None
    # (inputs) -> the noise of each layer [N, h, w, 1] that `make` draws, and takes as inputs['noise'] as well
    maps: Callable[[Tree], Sequence[Array]] | None = None


class System(NamedTuple):
    """A whole method, as data: what `gans/systems/<name>.py` builds and `gans/step.py` runs."""

    nets: dict[str, Net]
    players: dict[str, Player]
    updates: tuple[Update, ...]
    samplers: Mapping[str, Sampler]  # the first is scored, kept as best and ranked; the others are pictures
    ema: Ema | None = None
    memory: Mapping[str, Tree] = {}  # initial values
    headline: tuple[str, ...] = ()  # metrics, of whichever update, that are looked at first beside losses and scores
    # (state, examples [N, *shape], labels [N] if it is told them) -> scores [N], with features=True also features
    # [N, f]: the critic outside of training. None: there are several, or it judges no single examples by themselves
    critic: Callable[..., Any] | None = None
    styles: Styles | None = None  # None: there is no space but that of the latents
    # By net: reads the parameters that it begins from, where they are not drawn; UserError: they cannot be had
    pretrained: Mapping[str, Callable[[], Tree]] = {}


class Weights(NamedTuple):
    """Parameters and statistics of one net."""

    params: Tree
    stats: Tree


# Folds of the base key that are no steps: what else is random in a run.
WEIGHTS, DATA, SAMPLES = 2**32 - 1, 2**32 - 2, 2**32 - 3


@flax.struct.dataclass
class TrainState:
    """All that training changes, and the one base key from which all randomness follows."""

    step: Array  # int32 [], steps done
    params: dict[str, Tree]  # by net
    stats: dict[str, Tree]  # by net
    opt: dict[str, Tree]  # by player
    ema: dict[str, Weights]  # by net
    memory: dict[str, Tree]
    rng: Array  # typed key [], never changes
