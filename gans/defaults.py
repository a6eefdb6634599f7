"""The keys of every config, with their defaults. None means off; a number turns the feature on.

Options of a single system, of dynamics or of a term form a section of that name, which exists only while it is on:
`began`, `lookahead`, `terms.r1`. Their keys and defaults are the keyword arguments of the function that reads them,
parsed from its file without running it, so that wrong command lines are rejected before jax is imported.
"""

import functools
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict, config_dict

from gans.signatures import Function, files, functions

# Keys of earlier versions, and what became of them.
MOVED = {
    'penalty': 'terms.NAME, such as terms.r1.weight and terms.r1.every; several may be on',
    'consistency': 'terms.consistency',
    'lecam': 'terms.lecam',
    'feature_matching': 'terms.feature_matching.weight',
    'unroll': 'unrolled',
    'labels': 'targets',
    'flip_labels': 'flip_targets',
}
# Sections whose keys are keyword arguments of a function, which has its own defaults and rejects unknown keys.
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
# Keys that are on by default and may be None.
OPTIONAL = ('eval.features',)


Sections = dict[str, dict[str, Any]]  # by name, keys and their defaults


def systems() -> Sections:
    """The sections of systems and dynamics."""
    found = _functions('systems', 'build') | _functions('dynamics', 'transform')
    return _sections({name: function for name, function in found.items() if function.defaults})


def terms() -> Sections:
    """The sections of `terms`."""
    return _sections({name: function for name, function in _all_terms().items() if not function.positional})


def schedule() -> dict[str, Any]:
    """The section of each of `schedules`, whatever its name."""
    return dict(functions(Path(__file__).with_name('schedules.py'))['move'].defaults)


def sections() -> Sections:
    """All optional sections, by dotted name."""
    return systems() | {f'terms.{name}': section for name, section in terms().items()}


def optional() -> frozenset[str]:
    """Keys that are on by default and may be None."""
    found = _functions('systems', 'build') | _functions('dynamics', 'transform')
    return frozenset(OPTIONAL) | {f'{name}.{key}' for name, function in found.items() for key in function.optional}


def get_config() -> ConfigDict:
    """The config of a non-saturating GAN; experiments change what differs."""
    config = ConfigDict()
    config.seed = 0  # of weights, latents and the order of the data
    config.system = 'gan'  # a file of gans/systems/
    config.dynamics = config_dict.placeholder(str)  # files of gans/dynamics/, comma-separated: how players update

    config.data = ConfigDict()  # name, and the arguments of that data set's function in gans/data/
    config.data.name = config_dict.placeholder(str)
    config.data.flip = False  # mirrors images left to right at random
    config.data.on_device_max_mb = 2000.0  # larger data sets are streamed from the host

    config.latents = ConfigDict()
    config.latents.size = 128
    config.latents.distribution = 'normal'  # or 'truncated_normal' in [-2, 2], 'uniform' in [-1, 1), 'unit' in [0, 1)
    config.latents.scale = 1.0

    config.generator = ConfigDict()  # net: a file of gans/nets/, and the arguments of its Generator
    config.critic = ConfigDict()  # net, and the arguments of its Critic

    config.encoders = ConfigDict()  # of words and images, in systems that are told words
    config.encoders.text = 'lstm'  # or a frozen one, 'minilm', see gans/features/sentences.py
    config.encoders.image = 'small'  # or layers on a frozen net, see gans/features/regions.py
    config.encoders.features = 256  # numbers of a word, a sentence, a region and an image; frozen text has its own
    config.encoders.embedding = 300  # of a word before 'lstm' reads it in its sentence
    config.encoders.width = 32  # channels of the first convolution of 'small'
    config.encoders.weights = config_dict.placeholder(str)  # the file of 'inception_v3'

    config.game = 'non_saturating'  # see gans/losses.py
    config.targets = ConfigDict()  # of the games that have them; one-sided label smoothing: real = 0.9
    config.targets.real = 1.0
    config.targets.fake = 0.0
    config.targets.generator = 1.0
    config.pack = 1  # examples that the critic scores together (PacGAN), stacked along the channels
    config.flip_targets = config_dict.placeholder(float)  # label flipping: probability of swapping the critic's targets

    config.terms = ConfigDict()  # additions to the losses, by name: see gans/terms.py

    config.instance_noise = ConfigDict()
    config.instance_noise.sigma = config_dict.placeholder(
        float
    )  # standard deviation at the start, in units of the data
    config.instance_noise.until = 10_000  # step at which it has faded out

    config.augment = ConfigDict()  # of everything that the critic is shown, see gans/augment.py
    config.augment.names = config_dict.placeholder(str)  # 'color,translation,cutout' or 'blit,geometric,lighting'
    config.augment.probability = 1.0  # the initial one with a target, 0.0 in ADA
    config.augment.target = config_dict.placeholder(
        float
    )  # adapts the probability: ADA's mean sign of real scores, such as 0.6
    config.augment.kimg = 500.0  # thousands of real examples in which the probability could go from 0 to 1

    config.top_k = ConfigDict()  # the generator learns from its best fakes only
    config.top_k.share = config_dict.placeholder(float)  # final fraction, 0.5 in the paper
    config.top_k.until = 10_000  # step at which it is reached

    config.replay = ConfigDict()  # the critic is also shown past fakes
    config.replay.size = config_dict.placeholder(int)  # of the pool, such as 4096
    config.replay.fresh = 8  # new ones per step
    config.replay.share = 0.5  # fraction of the fakes that the critic is shown

    config.optimizer = ConfigDict()  # see gans/optimizers.py
    config.optimizer.generator = adam()
    config.optimizer.critic = adam()

    config.ema = ConfigDict()
    config.ema.decay = config_dict.placeholder(float)  # of the generator's averaged weights, such as 0.999
    config.ema.half_life = config_dict.placeholder(float)  # the same in steps, after which old weights count half
    config.ema.warmup = 10.0
    config.ema.begin = config_dict.placeholder(int)  # step before which the average is a copy of the weights

    config.train = ConfigDict()
    config.train.steps = 10_000  # generator updates
    config.train.batch_size = 64  # over all devices
    config.train.n_critic = 1  # critic updates per step
    config.train.micro = 1  # micro-batches that a batch is split into to save memory
    config.train.steps_per_call = 1  # steps fused into one program, for small nets
    config.train.precision = 'float32'  # or 'bfloat16' for activations and products
    config.train.remat = False  # recomputes norms and activations in the backward pass to save memory
    config.train.conv = 'auto'  # implementation of convolutions: auto, loop, lax, direct, matmul, winograd
    config.train.sync_batch_norm = False  # batch norm statistics over all devices
    config.train.fresh_optimizers = False  # of a stage: they begin anew with it, even if they could go on
    config.train.log_every = 100
    config.train.sample_every = 1_000
    config.train.checkpoint_every = 1_000
    config.train.keep = 2  # checkpoints, in addition to the best

    config.stages = ConfigDict()  # stretches of the run in which keys have other values, by name; see
    # gans/training/stages.py. stages.big = {'begin': 4000, 'data': {'size': 32}}: from step 4,000 on images are larger

    config.schedules = ConfigDict()  # numbers that change over the steps, by name; see gans/schedules.py

    config.finetune = ConfigDict()  # starts from the nets of another run, see gans/training/graft.py
    config.finetune.run = config_dict.placeholder(str)  # its folder; set by --mode=finetune --from=FOLDER
    config.finetune.step = 'latest'  # or 'best', or a number
    config.finetune.nets = ('generator', 'critic')
    config.finetune.freeze = ()  # layers that are not trained; ('critic/block_28',) is freezeD

    config.population = ConfigDict()
    config.population.max_size = 64  # runs of a sweep that train together

    config.eval = ConfigDict()
    config.eval.every = 1_000
    config.eval.samples = 2_000
    config.eval.classes = 'in_turn'  # of conditional samples; 'as_data': with the frequencies of the data
    config.eval.features = config_dict.placeholder(str)  # of the Fréchet distance of images; None turns it off
    config.eval.features = 'auto'  # the best of the cheap ones that are installed; all: gans/features/load.py
    return config


def adam(learning_rate: float = 2e-4, b1: float = 0.5, b2: float = 0.999, eps: float = 1e-8) -> ConfigDict:
    """Adam with the DCGAN paper's hyperparameters."""
    return _optimizer(name='adam', learning_rate=learning_rate, b1=b1, b2=b2, eps=eps)


def rmsprop(learning_rate: float = 5e-5, decay: float = 0.99, eps: float = 1e-8) -> ConfigDict:
    """RMSProp with PyTorch's defaults."""
    return _optimizer(name='rmsprop', learning_rate=learning_rate, decay=decay, eps=eps)


def sgd(learning_rate: float = 1e-2, momentum: float = 0.0) -> ConfigDict:
    """Gradient descent."""
    return _optimizer(name='sgd', learning_rate=learning_rate, momentum=momentum)


def _optimizer(**numbers: float | str) -> ConfigDict:
    wrappers = ('historical_averaging', 'clip_value', 'clip_norm', 'optimism', 'clip_weights')
    off = {key: config_dict.placeholder(float) for key in wrappers}
    return ConfigDict({**numbers, **off})


@functools.cache
def _functions(package: str, name: str) -> dict[str, Function]:
    """The function of that name in every file of a package of gans that has one."""
    found = {stem: functions(path).get(name) for stem, path in files(f'gans.{package}').items()}
    return {stem: function for stem, function in found.items() if function is not None}


@functools.cache
def _all_terms() -> dict[str, Function]:
    found = functions(Path(__file__).with_name('terms.py'))
    return {name: function for name, function in found.items() if function.returns == 'Term'}


def _sections(found: dict[str, Function]) -> Sections:
    return {name: dict(function.defaults) for name, function in found.items()}
