"""Runs an experiment: `python launch.py --config=NAME[:variant] [--config.KEY=VALUE ...]`.

Or from the nets of another run: `--mode=finetune --from=FOLDER [--step=best]`.
Or what is in a folder: `python launch.py --workdir=FOLDER --mode=sample`, or evaluate, ...; or to train it on.
Or a sweep: `python launch.py --sweep=NAME[:variant] [--seeds=5] [--config.KEY=VALUE ...]`.
"""

import os
import sys

from gans import streams
from gans.training import signals

if __name__ == '__main__':
    signals.install()  # before slow imports
    streams.install()

from pathlib import Path

from absl import flags

from gans import cli, config_file, devices, memory, modes
from gans.errors import Stopped, UserError

CONFIG = cli.define_path(
    'config',
    "The experiment: NAME[:variant] of experiments/, a file of your own, or a run's config.json (default: that of the "
    'run in --workdir). --config.KEY=VALUE sets a key of it (all: gans/defaults.py).',
)
MODE = flags.DEFINE_enum('mode', 'train', [*modes.MODES, modes.COMPARE], 'What to do.')
WORKDIR = cli.define_path(
    'workdir',
    'Folder of the run (default: runs/NAME[-variant]; with another config.seed NAME-seedN, with --mode=finetune '
    'NAME-finetuned), or of the sweep (runs/sweeps/NAME[-variant]).',
)
SWEEP = cli.define_path('sweep', 'Instead of --config: NAME[:variant] of experiments/sweeps/, or a file of your own.')
SEEDS = cli.define_whole('seeds', 5, 'sweep: runs of each row, with seeds 0, 1, ... (from config.seed on).')
ROW = flags.DEFINE_string('row', None, 'sweep: train only this row.')
CLUSTER = flags.DEFINE_string(
    'cluster',
    None,
    'sweep: by several processes: local[:jobs=2], or jobs of SLURM: slurm[:KEY=VALUE,...] of jobs, partition, '
    "timeout_min, mem_gb, gpus_per_node, and whatever else submitit's SLURM executor takes.",
)
DRY_RUN = flags.DEFINE_bool('dry-run', False, 'sweep: check all rows, and print which would be trained together.')
REPORT = cli.define_path('report', 'Instead of --config: folders of sweeps, DIR [DIR ...], to write a report of.')
NUM = cli.define_whole(
    'num',
    None,
    'sample, evaluate: number of samples (64 images or 2,000 points, of each sentence 8; 10,000); '
    'interpolate: columns, steps between '
    'latents (10), or frames of a film (240); project: images (all); '
    'directions: w that they are found from (50,000); anomaly: number of test images (1,000).',
)
SEED = cli.define_whole('seed', 0, 'all but training: seed of the latents, and of the noise beside them.')
STEP = cli.define_step(
    'step',
    'latest',
    'all but training, and finetune: the checkpoint: a step, latest or best.',
)
FROM = cli.define_path('from', 'finetune: folder of the run whose nets training starts from.')
LABEL = flags.DEFINE_string('label', None, 'sample: the class to sample, by name or number (default: all in turn).')
TEXT = flags.DEFINE_multi_string(
    'text',
    None,
    'sample: a sentence of which samples are made, in the words of the run; --text=A --text=B for several, a row each; '
    'interpolate: two of them, from one to the other.',
)
TEXT_FILE = cli.define_path('text-file', 'sample: a file of such sentences, one a line.')
INPUT = cli.define_path(
    'input',
    'sample: a folder of images that samples are made from, each at its own size (default: held-out examples); '
    'project: the images to project.',
)
DIRECTION = flags.DEFINE_string(
    'direction',
    None,
    'sample, evaluate: which of the things that a system makes, by name, such as b_to_a (default: the first).',
)
PATH = flags.DEFINE_enum('path', 'spherical', ['spherical', 'linear'], 'interpolate: the path between latents.')
SPACE = flags.DEFINE_enum('space', 'z', ['z', 'w'], 'interpolate: between latents z, or between styles w.')
TRUNCATION = flags.DEFINE_string(
    'truncation',
    None,
    'sample, interpolate, directions: PSI, as 0.7, by which styles are moved to their mean; PSI:LAYERS of the first '
    'layers alone; of systems without styles T, by which latents within [-2, 2] are multiplied, or z_var:T. '
    'evaluate: the same, or several for a curve: 1,0.7,0.5.',
)
STANDING = cli.define_whole(
    'standing', None, 'sample, evaluate: batches of which statistics of batch norms are taken anew, such as 16.'
)
LATENTS = cli.define_path(
    'latents', 'sample: w.npz of --mode=project; samples are made of it, with the noise of --seed.'
)
EDIT = flags.DEFINE_string(
    'edit', None, 'sample: NAME:STRENGTH[,...] of directions of --mode=directions, by which styles are moved: sefa_1:2.'
)
LAYERS = flags.DEFINE_string('layers', None, 'directions: FIRST-LAST of the layers that they move (default: all).')
OUT = cli.define_path(
    'out',
    'sample: FILE.png (a picture; of points FILE.svg or .pdf, too), FILE.npz (one array) or FOLDER/ (single PNGs); of '
    'volumes also FILE.binvox, .npy, .obj or .ply, and FOLDER/ of .binvox; '
    'with --input FOLDER, or FILE.png for a sheet of it; interpolate: FILE.png, or FILE.gif or .webp, a looping film; '
    'project: FOLDER, or FILE.gif or .webp for a film of the course, too; directions: FOLDER; '
    'report: its folder; compare: FILE.json.',
)
FEATURES = cli.define_path(
    'features',
    'evaluate, compare: inception_v3[:pytorch_fid], efficientnet_lite0[:SIDE], classifier[:DATA SET], pixels, voxels, '
    "identity (default: the config's eval.features; auto); "
    'project: efficientnet_lite0[:LAYER], vgg19[:LAYER] or pixels; directions: classifier, to find those of classes.',
)
WEIGHTS = cli.define_path('weights', "evaluate, compare: the file of inception_v3's weights; project: of vgg19's.")
REAL = cli.define_path('real', 'compare: a folder of real images, or a .npz file.')
FAKE = cli.define_path('fake', 'compare: a folder of generated images, or a .npz file.')
SIZE = cli.define_whole('size', None, 'compare: side in pixels to which images of folders are cropped and scaled.')
PROFILE = flags.DEFINE_bool('profile', False, 'benchmark: also write a trace for Perfetto or TensorBoard.')
CACHE = cli.define_path(
    'compilation_cache',
    'Folder in which compiled programs are kept for later launches (default: ~/.cache/gans); or off.',
)
PPL = flags.DEFINE_string(
    'ppl',
    None,
    'evaluate: also perceptual path lengths, by auto, efficientnet_lite0[:LAYER], vgg19[:LAYER] or pixels; '
    'as many ways as samples.',
)
ENCODER = cli.define_path(
    'encoder',
    'evaluate: folder of another run, such as damsm_openmoji32, whose encoders judge whether samples are of their '
    "captions (default: the run's own, with which it may have been trained).",
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
        file, swept = cli.named_file(), bool(SWEEP.value)
        base = config_file.read(file, swept) if file else None
        typed = cli.values(base, overrides) if file else {}
        config = cli.lay_over(base, typed) if file else None
        devices.start(CACHE.value, DISTRIBUTED.value, cores=swept)
        if MODE.value == modes.COMPARE:
            chosen = modes.Options(out=OUT.value, features=FEATURES.value, weights=WEIGHTS.value)
            modes.compare(REAL.value, FAKE.value, chosen, SIZE.value)
            return 0
        more = [f'seed{config.seed}'] * (config.seed != base.seed and not swept)
        more += ['finetuned'] * (MODE.value == 'finetune')
        folder = Path(WORKDIR.value or cli.default_workdir(file, swept, *more))
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
            text=TEXT.value,
            text_file=TEXT_FILE.value,
            input=INPUT.value,
            direction=DIRECTION.value,
            space=SPACE.value,
            truncation=TRUNCATION.value,
            standing=STANDING.value,
            ppl=PPL.value,
            encoder=ENCODER.value,
            latents=LATENTS.value,
            edit=EDIT.value,
            layers=LAYERS.value,
            profile=PROFILE.value,
            typed=typed,
            named=bool(CONFIG.value and WORKDIR.value),
            command=cli.run_command(argv[0], folder),
        )
        if swept:
            again = [sys.executable, os.path.abspath(argv[0]), *cli.without(argv[1:], ('cluster',))]
            chosen = modes.SweepOptions(SEEDS.value, ROW.value, DRY_RUN.value, CLUSTER.value, again)
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
