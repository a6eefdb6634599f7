"""The keys of every config, with their defaults. A key that is None is off; a number there turns it on."""

from ml_collections import ConfigDict, config_dict

# Sections that one system alone reads: they stand in a config beside those above where it is of that system.
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
    'unroll': {'steps': 5},
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

    config.penalty = ConfigDict()  # see gans/penalties.py
    config.penalty.name = 'none'
    config.penalty.weight = 10.0
    config.penalty.target = 1.0  # norm of the gradient that wgan_gp and dragan ask for
    config.penalty.one_sided = False
    config.penalty.every = 1  # k > 1: only every k steps, k times as strong (StyleGAN2)

    config.instance_noise = ConfigDict()
    config.instance_noise.sigma = number()  # standard deviation at the start, in units of the data
    config.instance_noise.until = 10_000  # step at which it has faded to nothing

    config.augment = ConfigDict()  # of all that the critic is shown, see gans/augment.py
    config.augment.names = config_dict.placeholder(str)  # 'color,translation,cutout' or 'blit,geometric,lighting'
    config.augment.probability = 1.0  # with a target where it begins, 0.0 in ADA
    config.augment.target = number()  # adapts the probability: ADA's mean sign of real scores, 0.6
    config.augment.kimg = 500.0  # thousands of real examples in which it could go from 0 to 1

    config.consistency = ConfigDict()  # balanced consistency (bCR)
    config.consistency.weight = number()  # 10.0 in the paper
    config.consistency.names = 'flip_shift'

    config.lecam = ConfigDict()
    config.lecam.weight = number()  # 0.3 in the paper
    config.lecam.decay = 0.99  # of the averages of scores

    config.top_k = ConfigDict()  # the generator learns from its best fakes alone
    config.top_k.share = number()  # which it comes to, 0.5 in the paper
    config.top_k.until = 10_000  # step at which it is there

    config.replay = ConfigDict()  # the critic is also shown past fakes
    config.replay.size = config_dict.placeholder(int)  # how many are kept, such as 4096
    config.replay.fresh = 8  # of them new in each step
    config.replay.share = 0.5  # of the fakes that the critic is shown

    config.feature_matching = number()  # weight of the generator's loss that takes the place of the game's

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
