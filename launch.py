"""Runs an experiment: `python launch.py --config=experiments/NAME.py[:variant] [--config.KEY=VALUE ...]`."""

import sys
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from gans import cli
from gans.errors import Stopped, UserError

CONFIG = config_flags.DEFINE_config_file(
    'config', help_string='The experiment: a file of experiments/, as FILE.py[:variant].'
)
MODE = flags.DEFINE_enum('mode', 'train', list(cli.MODES), 'What to do.')
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the run (default: runs/NAME[-variant]).')
NUM = flags.DEFINE_integer('num', 64, 'sample: how many samples; interpolate: how many steps between two latents.')
SEED = flags.DEFINE_integer('seed', 0, 'sample, interpolate: seed of the latents.')
STEP = flags.DEFINE_string('step', 'latest', 'sample, interpolate: the checkpoint: a step, latest or best.')
PATH = flags.DEFINE_enum('path', 'spherical', ['spherical', 'linear'], 'interpolate: the way between latents.')
OUT = flags.DEFINE_string('out', None, 'sample: FILE.png (a grid), FILE.npz (one array) or FOLDER/ (single PNGs).')
CACHE = flags.DEFINE_string('compilation_cache', None, 'Folder that keeps compiled programs between launches.')
DISTRIBUTED = flags.DEFINE_string(
    'distributed', None, "Many processes: 'auto' where a cluster says who is who, else HOST:PORT,PROCESSES,PROCESS."
)


def main(argv: list[str]) -> int:
    try:
        cli.parse(argv)
        cli.start(CACHE.value, DISTRIBUTED.value)
        folder = Path(WORKDIR.value or cli.default_workdir(config_flags.get_config_filename(flags.FLAGS['config'])))
        options = cli.Options(NUM.value, SEED.value, STEP.value, PATH.value, OUT.value)
        cli.MODES[MODE.value](CONFIG.value, folder, options)
    except UserError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(f'stopped: {stopped}', file=sys.stderr)
        return stopped.code
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
