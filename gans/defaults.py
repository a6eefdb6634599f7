"""The keys of every config, with their defaults. A key that is None is off; a number there turns it on."""

from ml_collections import ConfigDict, config_dict

# Sections that one system, or one of gans/dynamics/, alone reads: a config of it has them beside those below.
SYSTEMS = {
    'acgan': {'weight': 1.0},  # of the classification losses
    'began': {'gamma': 0.5, 'rate': 0.001},  # the diversity ratio, and how fast k follows it
    'consensus': {'gamma': 10.0},
    'ebgan': {'margin': 1.0, 'pull_away': 0.1},
    'infogan': {
        'categories': 10,
        'codes': 2,
        'category_weight': 1.0,
        'code_weight': 0.1,
        'widths': (128,),  # of the recognition net
        'norm': 'batch',
    },
    'lapgan': {'coarsest': 8, 'conditional': False, 'generator': {}, 'critic': {}},  # the coarsest level's nets
    'lookahead': {'every': 5, 'alpha': 0.5},
    'unrolled': {'steps': 5},
}
# Sections of `terms`, each there where its term is on: the arguments of the function of that name in gans/terms.py.
_PENALTY = {'weight': 10.0, 'every': 1, 'through_view': True}  # every=k: only every k steps, k times as strong
TERMS = {
    'wgan_gp': {**_PENALTY, 'target': 1.0, 'one_sided': False},  # target: the norm of the gradient that is asked for
    'dragan': {**_PENALTY, 'target': 1.0, 'one_sided': False},
    'r1': _PENALTY,
    'r2': _PENALTY,
    'consistency': {'weight': 10.0, 'names': 'flip_shift', 'every': 1},  # balanced consistency (bCR)
    'lecam': {'weight': 0.3, 'decay': 0.99},  # decay: of the averages of scores
    'feature_matching': {'weight': 1.0, 'alone': True},  # alone: in place of the generator's game
}
# All sections that a config need not have, with their defaults.
SECTIONS = SYSTEMS | {f'terms.{name}': section for name, section in TERMS.items()}
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
# What may be None though it is on by default.
OPTIONAL = ('eval.features', 'ebgan.pull_away')


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

    config.terms = ConfigDict()  # what is added to the losses, by name: see TERMS

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
