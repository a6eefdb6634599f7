"""What `import gans` gives: functions to train, load and measure runs; see gans/__init__.py for an example.

Modules that need jax are imported by the functions that need them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_collections import ConfigDict

from gans import config_file, configs, memory, ranges
from gans.errors import UserError

if TYPE_CHECKING:
    from gans.run import Run

STEPS = ('latest', 'best')


def config(name: str, variant: str = '') -> ConfigDict:
    """The config of an experiment, with all keys (gans/defaults.py says what they mean); it may be changed.

    Args:
      name: of an experiment of this project, wherever one stands, or the path of a config file of one's own.
      variant: such as 'smoke', the same experiment made tiny.

    Raises:
      UserError: there is no such experiment, or its file has a mistake.

    >>> config('gan_ring8').data.name
    'ring'
    """
    return config_file.read(f'{name}:{variant}' if variant else str(name)).unlock()


def train(config: Mapping[str, Any] | ConfigDict, folder: str | Path) -> dict[str, Any]:
    """Trains the run of a config in a folder to its end, from where it stands there.

    An interrupt (Ctrl-C, a notebook's stop button) saves the run first; the same call goes on.

    Args:
      config: of `gans.config`, or a dict of the keys that are not as gans/defaults.py has them.
      folder: of the run.

    Returns:
      The summary, as in the folder's summary.json: final scores and losses, seconds, device, versions.

    Raises:
      UserError: the config, the data or the folder will not do, or another process trains there.
      Stopped: it was interrupted, and is saved; or its numbers are no longer finite.
    """
    if not isinstance(config, Mapping | ConfigDict):
        raise UserError(f'config={config!r} is no config: give what gans.config(NAME) returns, or a dict of keys')
    with memory.explaining('train'):
        complete = configs.apply_defaults(config, 'of the config').lock()
        _start()
        from gans.training import loop

        return loop.train(complete, Path(folder).expanduser())


def evaluate(
    folder: str | Path,
    num: int = 10_000,
    *,
    step: int | str = 'latest',
    features: str | None = None,
    seed: int = 0,
    direction: str | None = None,
    truncation: float | str | None = None,
    standing: int | None = None,
    ppl: str | None = None,
    encoder: str | Path | None = None,
) -> dict[str, float]:
    """Measures the generator of a run by all metrics that apply, as `--mode=evaluate` does.

    Args:
      folder: of the run; what is found is also written there, with what each number means: evaluation.json.
      num: samples, compared with as many real examples.
      step: of the checkpoint: a number, 'latest' or 'best'.
      features: that images are compared in, as of `--features` (default: those of the run's config).
      seed: of the latents.
      direction: of a run that translates both ways, such as 'b_to_a' (default: its first).
      truncation: of the samples, as of `--truncation`: one.
      standing: batches of which statistics of batch norms are taken anew.
      ppl: the net by which path lengths are measured, too: 'auto' is the best that is installed.
      encoder: folder of a run whose encoders judge whether samples are of their captions (default: the run's own).

    Returns:
      By name the metrics of the samples; as 'NAME/real' those of halves of the real data, as 'NAME/untrained' those of
      the untrained generator; where pairs are known, as 'NAME/source' and 'NAME/mean' those of the images that samples
      are made from, and of the mean of all targets; of R-precision, as 'NAME/truth' that of real images, and as
      'NAME/shuffled' that of the samples with captions of others.

    Raises:
      UserError: no such run, checkpoint or features; the data set is not here; the samples are not finite.
    """
    ranges.check_one('num', num, ranges.count(2))
    ranges.check_one('seed', seed, ranges.SEED)
    with memory.explaining('evaluate'):
        place, which = _find_run(folder), _which(step)
        held = config_file.read(str(place / 'config.json'))
        _start()
        from gans.evaluation import run

        cut = None if truncation is None else str(truncation)
        more = {'direction': direction, 'truncation': cut, 'standing': standing, 'ppl': ppl}
        more['encoder'] = None if encoder is None else str(Path(encoder).expanduser())
        results, _ = run.measure(held, place, run.Options(num, seed, which, features, **more))
    return {result.metric: float(result.value) for result in results}


def load(folder: str | Path, step: int | str = 'latest', *, direction: str | None = None) -> 'Run':
    """Reads a run as it was at one step. No data set is read.

    Args:
      folder: of a run, or a row of a sweep that was trained with one seed.
      step: of the checkpoint: a number, 'latest' or 'best'.
      direction: of a run that translates both ways, such as 'b_to_a' (default: its first).

    Raises:
      UserError: there is no run or no such checkpoint, or its files are damaged.
    """
    with memory.explaining('sample'):
        place, which = _find_run(folder), _which(step)
        held = config_file.read(str(place / 'config.json'))
        _start()
        from gans.run import Run
        from gans.training import draw, remembered, setup

        experiments = setup.setup_stages(held, devices=1, sources=remembered.sources(place, held))
        return Run(place, held, *draw.restore(experiments, place, which, direction))


def _find_run(folder: str | Path) -> Path:
    """The folder of the one run that a folder is, or a row of a sweep holds."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise UserError(f'there is no folder {folder}: train a run in it first')
    if (folder / 'config.json').is_file():
        return folder
    runs = sorted(path.parent for path in (*folder.glob('seed_*/config.json'), *folder.glob('rows/*/*/config.json')))
    if len(runs) == 1:
        return runs[0]
    raise UserError(f'{folder} holds ' + (f'{len(runs)} runs: name one, such as {runs[0]}' if runs else 'no run'))


def _which(step: int | str) -> str:
    if step not in STEPS and not str(step).isdecimal():
        raise UserError(f"step={step!r} is neither a number nor 'latest' nor 'best'")
    return str(step)


def _start() -> None:
    from gans import devices

    devices.start(None, None)
