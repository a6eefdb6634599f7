"""Runs an experiment: `python launch.py --config=experiments/NAME.py[:variant] [--config.KEY=VALUE ...]`.

Or from the nets of another run: `--mode=finetune --from=FOLDER [--step=best]`.
Or a sweep: `python launch.py --sweep=experiments/sweeps/NAME.py[:variant] [--seeds=5] [--config.KEY=VALUE ...]`.
"""

import sys

from gans import streams
from gans.train import signals

if __name__ == '__main__':
    signals.install()  # before slow imports
    streams.install()

from pathlib import Path

from absl import flags

from gans import cli, config_file, devices, memory, modes
from gans.errors import Stopped, UserError

CONFIG = cli.define_path(
    'config',
    "The experiment: a file of experiments/, as FILE.py[:variant], or a run's config.json. --config.KEY=VALUE sets a "
    'key of it (all: gans/defaults.py).',
)
MODE = flags.DEFINE_enum('mode', 'train', [*modes.MODES, modes.COMPARE], 'What to do.')
WORKDIR = cli.define_path(
    'workdir', 'Folder of the run (default: runs/NAME[-variant]), or of the sweep (runs/sweeps/NAME[-variant]).'
)
SWEEP = cli.define_path('sweep', 'Instead of --config: a file of experiments/sweeps/, as FILE.py[:variant].')
SEEDS = flags.DEFINE_integer('seeds', 5, 'sweep: runs of each row, with seeds 0, 1, ... (from config.seed on).')
ROW = flags.DEFINE_string('row', None, 'sweep: train only this row.')
DRY_RUN = flags.DEFINE_bool('dry-run', False, 'sweep: check all rows, and print which would be trained together.')
REPORT = cli.define_path('report', 'Instead of --config: folders of sweeps, DIR [DIR ...], to write a report of.')
NUM = flags.DEFINE_integer(
    'num',
    None,
    'sample, evaluate: number of samples (64; 10,000); interpolate: number of steps between latents (64); anomaly: '
    'number of test images (1,000).',
)
SEED = flags.DEFINE_integer('seed', 0, 'sample, interpolate, evaluate, anomaly: seed of the latents.')
STEP = flags.DEFINE_string(
    'step', 'latest', 'sample, interpolate, evaluate, anomaly, finetune: the checkpoint: a step, latest or best.'
)
FROM = cli.define_path('from', 'finetune: folder of the run whose nets training starts from.')
LABEL = flags.DEFINE_string('label', None, 'sample: the class to sample, by name or number (default: all in turn).')
INPUT = cli.define_path('input', 'sample: a folder of images that samples are made from (default: held-out examples).')
PATH = flags.DEFINE_enum('path', 'spherical', ['spherical', 'linear'], 'interpolate: the path between latents.')
OUT = cli.define_path(
    'out',
    'sample: FILE.png (a grid), FILE.npz (one array) or FOLDER/ (single PNGs); report: its folder; compare: FILE.json.',
)
FEATURES = cli.define_path(
    'features',
    'evaluate, compare: inception_v3[:pytorch_fid], efficientnet_lite0[:SIDE], classifier[:DATA SET], pixels, identity '
    "(default: the config's eval.features; auto).",
)
WEIGHTS = cli.define_path('weights', "evaluate, compare: the file of inception_v3's weights.")
REAL = cli.define_path('real', 'compare: a folder of real images, or a .npz file.')
FAKE = cli.define_path('fake', 'compare: a folder of generated images, or a .npz file.')
SIZE = flags.DEFINE_integer('size', None, 'compare: side in pixels to which images of folders are cropped and scaled.')
PROFILE = flags.DEFINE_bool('profile', False, 'benchmark: also write a trace for Perfetto or TensorBoard.')
CACHE = cli.define_path(
    'compilation_cache',
    'Folder in which compiled programs are kept for later launches (default: ~/.cache/gans); or off.',
)
DISTRIBUTED = flags.DEFINE_string(
    'distributed', None, "Several processes: 'auto' on a cluster that jax knows, else HOST:PORT,PROCESSES,PROCESS."
)


def main(argv: list[str]) -> int:
    try:
        words, overrides = cli.parse(argv)
        if REPORT.value:
            modes.report([REPORT.value, *words], OUT.value)
            return 0
        file, swept = SWEEP.value or CONFIG.value, bool(SWEEP.value)
        config = cli.read_config(file, overrides, swept) if file else None
        devices.start(CACHE.value, DISTRIBUTED.value, cores=swept)
        options = modes.Options(
            num=NUM.value,
            seed=SEED.value,
            step=STEP.value,
            path=PATH.value,
            out=OUT.value,
            features=FEATURES.value,
            weights=WEIGHTS.value,
            run=FROM.value,
            label=LABEL.value,
            input=INPUT.value,
            profile=PROFILE.value,
            overridden=bool(overrides),
            command=cli.run_command(argv),
        )
        if MODE.value == modes.COMPARE:
            modes.compare(REAL.value, FAKE.value, options, SIZE.value)
            return 0
        folder = Path(WORKDIR.value or cli.default_workdir(file, swept))
        if swept:
            chosen = modes.SweepOptions(seeds=SEEDS.value, row=ROW.value, dry_run=DRY_RUN.value)
            modes.sweep(config_file.find(file, swept), config, folder, chosen, cli.sweep_command(argv))
        else:
            modes.MODES[MODE.value](config, folder, options)
    except UserError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(f'stopped: {stopped}', file=sys.stderr)
        return stopped.code
    except Exception as error:
        if not memory.is_exhausted(error):
            raise
        print(f'error: {memory.explain(error, MODE.value)}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(signals.run(main, sys.argv))
