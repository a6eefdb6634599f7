"""The keys of every config, with their defaults. A key that is None is off; a number there turns it on.

What one system, one of gans/dynamics/ or one term alone reads stands in a section of its name, which a config has where
that is on: `began`, `lookahead`, `terms.r1`. Its keys and defaults are the keyword arguments of the function that reads
it, taken from its file without running it: a command line that is wrong is answered before jax is imported.
"""

import functools
import importlib
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict, config_dict

from gans.signatures import Function, functions

# What became of keys that configs of earlier versions have.
MOVED = {
    'penalty': 'terms.NAME, such as terms.r1.weight and terms.r1.every; several may be on',
    'consistency': 'terms.consistency',
    'lecam': 'terms.lecam',
    'feature_matching': 'terms.feature_matching.weight',
    'unroll': 'unrolled',
}
# Sections whose keys are the arguments of a function, which has defaults of its own and names what it does not know.
ARGUMENTS = (
    'data',
    'generator',
    'critic',
    'optimizer.generator',
    'optimizer.critic',
    'lapgan.generator',
    'lapgan.critic',
)
# What is read once for a whole run, and is no key of a stage: its random numbers, its end, what it begins from, how
# many of its checkpoints stay, and with how many other runs it is trained.
OF_A_RUN = ('seed', 'train.steps', 'train.keep', 'finetune', 'population', 'stages')
# What may be None though it is on by default.
OPTIONAL = ('eval.features',)


Sections = dict[str, dict[str, Any]]  # by name, keys and their defaults


def systems() -> Sections:
    """The sections of systems and dynamics."""
    made = _functions('systems', 'build') | _functions('dynamics', 'transform')
    return _sections({name: function for name, function in made.items() if function.defaults})


def terms() -> Sections:
    """The sections of `terms`."""
    return _sections({name: made for name, made in _all_terms().items() if not made.positional})


def sections() -> Sections:
    """All sections that a config need not have, by dotted name."""
    return systems() | {f'terms.{name}': section for name, section in terms().items()}


def optional() -> frozenset[str]:
    """Keys that may be None though they are on by default."""
    made = _functions('systems', 'build') | _functions('dynamics', 'transform')
    return frozenset(OPTIONAL) | {f'{name}.{key}' for name, function in made.items() for key in function.optional}


def get_config() -> ConfigDict:
    """A non-saturating GAN; an experiment says what is special about it."""
    number = lambda: config_dict.placeholder(float)
    config = ConfigDict()
    config.seed = 0  # of weights, latents and the order of the data
    config.system = 'gan'  # a file of gans/systems/
    config.dynamics = config_dict.placeholder(str)  # files of gans/dynamics/, with commas: how its players move

    config.data = ConfigDict()  # name, and the arguments of that set's function in gans/data/
    config.data.name = config_dict.placeholder(str)
    config.data.flip = False  # mirror images left to right at random
    config.data.on_device_max_mb = 2000.0  # larger sets are streamed from the host

    config.latents = ConfigDict()
    config.latents.size = 128
    config.latents.distribution = 'normal'  # or 'uniform' in [-1, 1)
    config.latents.scale = 1.0

    config.generator = ConfigDict()  # net: a file of gans/nets/, and the arguments of its Generator
    config.critic = ConfigDict()  # net, and the arguments of its Critic

    config.game = 'non_saturating'  # see gans/losses.py
    config.labels = ConfigDict()  # targets of the games that have them; one-sided smoothing: real = 0.9
    config.labels.real = 1.0
    config.labels.fake = 0.0
    config.labels.generator = 1.0
    config.pack = 1  # examples that the critic judges together (PacGAN), side by side in the channels
    config.flip_labels = number()  # probability that a pair of labels is swapped for the critic

    config.terms = ConfigDict()  # what is added to the losses, by name: see gans/terms.py

    config.instance_noise = ConfigDict()
    config.instance_noise.sigma = number()  # standard deviation at the start, in units of the data
    config.instance_noise.until = 10_000  # step at which it has faded to nothing

    config.augment = ConfigDict()  # of all that the critic is shown, see gans/augment.py
    config.augment.names = config_dict.placeholder(str)  # 'color,translation,cutout' or 'blit,geometric,lighting'
    config.augment.probability = 1.0  # with a target where it begins, 0.0 in ADA
    config.augment.target = number()  # adapts the probability: ADA's mean sign of real scores, 0.6
    config.augment.kimg = 500.0  # thousands of real examples in which it could go from 0 to 1

    config.top_k = ConfigDict()  # the generator learns from its best fakes alone
    config.top_k.share = number()  # which it comes to, 0.5 in the paper
    config.top_k.until = 10_000  # step at which it is there

    config.replay = ConfigDict()  # the critic is also shown past fakes
    config.replay.size = config_dict.placeholder(int)  # how many are kept, such as 4096
    config.replay.fresh = 8  # of them new in each step
    config.replay.share = 0.5  # of the fakes that the critic is shown

    config.optimizer = ConfigDict()  # see gans/optimizers.py
    config.optimizer.generator = adam()
    config.optimizer.critic = adam()

    config.ema = ConfigDict()
    config.ema.decay = number()  # averages the generator's weights, e.g. 0.999
    config.ema.warmup = 10.0

    config.train = ConfigDict()
    config.train.steps = 10_000  # generator updates
    config.train.batch_size = 64  # over all devices
    config.train.n_critic = 1  # critic updates a step
    config.train.micro = 1  # pieces that a batch is cut into to save memory
    config.train.steps_per_call = 1  # steps fused into one program; for nets that are small
    config.train.precision = 'float32'  # or 'bfloat16' for activations and products
    config.train.remat = False  # norms and activations are computed again for the gradients, which takes less memory
    config.train.conv = 'auto'  # form of convolutions: auto, loop, lax, direct, matmul, winograd
    config.train.sync_batch_norm = False  # batch norm over all devices
    config.train.log_every = 100
    config.train.sample_every = 1_000
    config.train.checkpoint_every = 1_000
    config.train.keep = 2  # checkpoints, beside the best

    config.stages = ConfigDict()  # stretches of the run in which keys have other values, by name; see
    # gans/train/stages.py. stages.big = {'begin': 4000, 'data': {'size': 32}}: from step 4,000 on images are larger

    config.finetune = ConfigDict()  # begins from the nets of another run, see gans/train/graft.py
    config.finetune.run = config_dict.placeholder(str)  # its folder; --mode=finetune --from=FOLDER sets it
    config.finetune.step = 'latest'  # or 'best', or a number
    config.finetune.nets = ('generator', 'critic')
    config.finetune.freeze = ()  # layers of the critic that stay as they are (freezeD), such as ('block_28',)

    config.population = ConfigDict()
    config.population.max_size = 64  # runs of a sweep that train side by side

    config.eval = ConfigDict()
    config.eval.every = 1_000
    config.eval.samples = 2_000
    config.eval.features = config_dict.placeholder(str)  # of the Fréchet distance of images; None: there is none
    config.eval.features = 'auto'  # the best that is here and costs little; all: gans/features/load.py
    return config


def adam(learning_rate: float = 2e-4, b1: float = 0.5, b2: float = 0.999, eps: float = 1e-8) -> ConfigDict:
    """Adam with the DCGAN paper's numbers."""
    return _optimizer(name='adam', learning_rate=learning_rate, b1=b1, b2=b2, eps=eps)


def rmsprop(learning_rate: float = 5e-5, decay: float = 0.99, eps: float = 1e-8) -> ConfigDict:
    """RMSProp as PyTorch has it."""
    return _optimizer(name='rmsprop', learning_rate=learning_rate, decay=decay, eps=eps)


def sgd(learning_rate: float = 1e-2, momentum: float = 0.0) -> ConfigDict:
    """Gradient descent."""
    return _optimizer(name='sgd', learning_rate=learning_rate, momentum=momentum)


def _optimizer(**numbers: float | str) -> ConfigDict:
    around = ('historical_averaging', 'clip_value', 'clip_norm', 'optimism', 'clip_weights')
    off = {key: config_dict.placeholder(float) for key in around}
    return ConfigDict({**numbers, **off})


@functools.cache
def _functions(package: str, name: str) -> dict[str, Function]:
    """The function of that name in each file of a package of gans."""
    folders = importlib.import_module(f'gans.{package}').__path__
    files = sorted(path for folder in folders for path in Path(folder).glob('*.py'))
    found = {path.stem: functions(path).get(name) for path in files if not path.stem.startswith('_')}
    return {stem: function for stem, function in found.items() if function is not None and stem != 'build'}


@functools.cache
def _all_terms() -> dict[str, Function]:
    made = functions(Path(__file__).with_name('terms.py'))
    return {name: function for name, function in made.items() if function.returns == 'Term'}


def _sections(made: dict[str, Function]) -> Sections:
    return {name: dict(function.defaults) for name, function in made.items()}
