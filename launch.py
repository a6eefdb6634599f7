"""Runs an experiment: `python launch.py --config=experiments/NAME.py[:variant] [--config.KEY=VALUE ...]`.

Or from where another run's nets stand: `--mode=finetune --from=FOLDER [--step=best]`.
Or a sweep: `python launch.py --sweep=experiments/sweeps/NAME.py[:variant] [--seeds=5] [--config.KEY=VALUE ...]`.
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from gans import cli, configs
from gans.errors import Stopped, UserError

CONFIG = config_flags.DEFINE_config_file(
    'config', help_string='The experiment: a file of experiments/, as FILE.py[:variant].'
)
MODE = flags.DEFINE_enum('mode', 'train', [*cli.MODES, cli.COMPARE], 'What to do.')
WORKDIR = flags.DEFINE_string(
    'workdir', None, 'Folder of the run (default: runs/NAME[-variant]), or of the sweep (runs/sweeps/NAME[-variant]).'
)
SWEEP = flags.DEFINE_string('sweep', None, 'Instead of --config: a file of experiments/sweeps/, as FILE.py[:variant].')
SEEDS = flags.DEFINE_integer('seeds', 5, 'sweep: runs of each row, with seeds 0, 1, ... (from config.seed on).')
ROW = flags.DEFINE_string('row', None, 'sweep: train this row alone.')
DRY_RUN = flags.DEFINE_bool('dry-run', False, 'sweep: check all rows and say what would be trained together.')
REPORT = flags.DEFINE_string('report', None, 'Instead of --config: folders of sweeps, DIR [DIR ...], to report anew.')
NUM = flags.DEFINE_integer(
    'num',
    None,
    'sample, evaluate: how many samples (64; 10,000); interpolate: how many steps between latents (64); anomaly: how '
    'many test images (1,000).',
)
SEED = flags.DEFINE_integer('seed', 0, 'sample, interpolate, evaluate, anomaly: seed of the latents.')
STEP = flags.DEFINE_string(
    'step', 'latest', 'sample, interpolate, evaluate, anomaly, finetune: the checkpoint: a step, latest or best.'
)
FROM = flags.DEFINE_string('from', None, 'finetune: folder of the run whose nets the training begins from.')
LABEL = flags.DEFINE_string('label', None, 'sample: the class to draw, by name or number (default: all in turn).')
PATH = flags.DEFINE_enum('path', 'spherical', ['spherical', 'linear'], 'interpolate: the way between latents.')
OUT = flags.DEFINE_string(
    'out',
    None,
    'sample: FILE.png (a grid), FILE.npz (one array) or FOLDER/ (single PNGs); report: its folder; compare: FILE.json.',
)
FEATURES = flags.DEFINE_string(
    'features',
    None,
    'evaluate, compare: inception_v3[:pytorch_fid], efficientnet_lite0[:SIDE], classifier[:DATA SET], pixels, identity '
    "(default: the config's eval.features; auto).",
)
WEIGHTS = flags.DEFINE_string('weights', None, "evaluate, compare: the file of inception_v3's weights.")
REAL = flags.DEFINE_string('real', None, 'compare: a folder of real images, or a .npz file.')
FAKE = flags.DEFINE_string('fake', None, 'compare: a folder of generated images, or a .npz file.')
SIZE = flags.DEFINE_integer('size', None, 'compare: pixels of a side, to crop and scale images of folders to.')
PROFILE = flags.DEFINE_bool('profile', False, 'benchmark: also write a trace for Perfetto or TensorBoard.')
CACHE = flags.DEFINE_string('compilation_cache', None, 'Folder that keeps compiled programs between launches.')
DISTRIBUTED = flags.DEFINE_string(
    'distributed', None, "Many processes: 'auto' where a cluster says who is who, else HOST:PORT,PROCESSES,PROCESS."
)


def main(argv: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):  # what a terminal's encoding lacks becomes '?', and nothing is lost for it
            stream.reconfigure(errors='replace')
    try:
        rest, added = cli.parse(argv)
        if REPORT.value:
            cli.report([REPORT.value, *rest], OUT.value)
            return 0
        cli.start(CACHE.value, DISTRIBUTED.value, cores=bool(SWEEP.value))
        given = (NUM, SEED, STEP, PATH, OUT, FEATURES, WEIGHTS, FROM, LABEL, PROFILE)
        options = cli.Options(*(flag.value for flag in given))
        if MODE.value == cli.COMPARE:
            cli.compare(REAL.value, FAKE.value, options, SIZE.value)
            return 0
        config = configs.overridden(CONFIG.value, added, 'on the command line')
        file = config_flags.get_config_filename(flags.FLAGS['config'])
        folder = Path(WORKDIR.value or cli.default_workdir(file, bool(SWEEP.value)))
        if SWEEP.value:
            cli.sweep(file, config, folder, cli.SweepOptions(SEEDS.value, ROW.value, DRY_RUN.value), argv)
        else:
            cli.MODES[MODE.value](config, folder, options)
    except UserError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(f'stopped: {stopped}', file=sys.stderr)
        return stopped.code
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
