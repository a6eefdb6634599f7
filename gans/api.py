"""What `import gans` gives: functions to train, load and measure runs; see gans/__init__.py for an example.

Modules that need jax are imported by the functions that need them.
"""

import contextlib
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ml_collections import ConfigDict

from gans import config_file, configs, memory, ranges
from gans.errors import UserError

if TYPE_CHECKING:
    from gans.core import Array, TrainState
    from gans.train.setup import Experiment

NUM = 64  # samples
STEPS = ('latest', 'best')

Labels = int | str | Sequence[int | str] | np.ndarray  # classes, by number or name


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
    with _explain('train'):
        complete = configs.apply_defaults(config, 'of the config').lock()
        _start()
        from gans.train import loop

        return loop.train(complete, Path(folder).expanduser())


def evaluate(
    folder: str | Path,
    num: int = 10_000,
    *,
    step: int | str = 'latest',
    features: str | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Measures the generator of a run by all metrics that apply, as `--mode=evaluate` does.

    Args:
      folder: of the run; what is found is also written there, with what each number means: evaluation.json.
      num: samples, compared with as many real examples.
      step: of the checkpoint: a number, 'latest' or 'best'.
      features: that images are compared in, as of `--features` (default: those of the run's config).
      seed: of the latents.

    Returns:
      By name the metrics of the samples; as 'NAME/real' those of halves of the real data, as 'NAME/untrained' those of
      the untrained generator.

    Raises:
      UserError: no such run, checkpoint or features; the data set is not here; the samples are not finite.
    """
    if num < 2:
        raise UserError(f'num={num} must be at least 2')
    with _explain('evaluate'):
        place, which = _find_run(folder), _which(step)
        held = config_file.read(str(place / 'config.json'))
        _start()
        from gans.evaluate import run

        results, _ = run.measure(held, place, run.Options(num, seed, which, features))
    return {result.metric: float(result.value) for result in results}


def load(folder: str | Path, step: int | str = 'latest') -> 'Run':
    """Reads a run as it was at one step. No data set is read.

    Args:
      folder: of a run, or a row of a sweep that was trained with one seed.
      step: of the checkpoint: a number, 'latest' or 'best'.

    Raises:
      UserError: there is no run or no such checkpoint, or its files are damaged.
    """
    with _explain('sample'):
        place, which = _find_run(folder), _which(step)
        held = config_file.read(str(place / 'config.json'))
        _start()
        from gans.train import draw, remembered, setup

        experiments = setup.setup_stages(held, devices=1, sources=remembered.sources(place, held))
        return Run(place, held, *draw.restore(experiments, place, which))


class Run:
    """A run as it was at one step; made by `load`.

    Attributes:
      folder: where it lies.
      config: all keys, locked.
      step: its train steps.
      classes: names of the classes of its examples, if they have some.
    """

    def __init__(
        self, folder: Path, config: ConfigDict, experiment: 'Experiment', state: 'TrainState', step: int
    ) -> None:
        import jax

        self.folder, self.config, self.step = folder, config, step
        self.classes = experiment.source.spec.classes
        self._experiment, self._state = experiment, jax.device_put(state)

    def __repr__(self) -> str:
        return f"gans.load('{self.folder}', step={self.step})"

    @functools.cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """What was logged, over the whole run: by name float64 [N], NaN where there is no value; 'step' int64 [N]."""
        from gans.train import logs

        return logs.read_metrics(self.folder / 'metrics.csv')

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """The folder's summary.json; empty while the run is not over."""
        from gans.train import workdir

        return workdir.read_json(self.folder / 'summary.json', {})

    def sample(
        self,
        num: int | None = None,
        *,
        seed: int = 0,
        labels: Labels | None = None,
        inputs: np.ndarray | Mapping[str, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Samples of the generator, from averaged weights where the run has them: the same for the same seed.

        Args:
          num: how many (default: as many as there are inputs, or labels; else 64).
          seed: of the latents.
          labels: of a conditional system: a class for all, or classes that are taken in turn (default: all of them).
          inputs: of a system that makes samples from images: those images [N, ...], as examples or uint8; by field,
            if they are of several fields.

        Returns:
          float32 [num, *shape]: points, or images [num, H, W, C] in [-1, 1].

        Raises:
          UserError: labels or inputs that this system has no use for, lacks, or that do not fit it.
        """
        from gans.train import sampling

        experiment, sampler = self._experiment, sampling.main_sampler(self._experiment.system)
        read = sampling.fields_read(sampler, experiment.source)
        batch = self._fields(read - {'label'}, inputs)
        lengths = [len(x) for x in (*batch.values(), *([] if np.ndim(labels) == 0 else [labels]))]
        num = num if num is not None else lengths[0] if lengths else NUM
        ranges.check_one('num', num, ranges.count())
        ranges.check_one('seed', seed, ranges.SEED)
        if any(len(x) < num for x in batch.values()):
            raise UserError(f'num={num} samples are made from as many inputs, and there are {lengths[0]}')
        if labels is not None and 'label' not in read:
            raise UserError(f"labels={labels!r}: system '{self.config.system}' knows no classes; leave them out")
        batch = {name: x[:num] for name, x in batch.items()}
        if 'label' in read:
            batch['label'] = self._numbers(range(len(self.classes)) if labels is None else labels, num)
        shape = sampling.sampled_spec(experiment).shape
        with _explain('sample'):
            memory.check(8 * num * math.prod(shape), f'to draw {num:,} samples', 'num', on_host=True)
            given = sampling.fixed_inputs(experiment, num, seed, batch)
            return np.concatenate(memory.fetch(self._sampler(self._state, given)))

    def critic(self, examples: np.ndarray, labels: Labels | None = None) -> np.ndarray:
        """The critic's scores of examples by themselves, without augmentation or noise; higher is more real.

        Args:
          examples: [N, *shape] as samples are, or images as uint8.
          labels: of a critic that is told classes: one for all, or one for each example.

        Returns:
          float32 [N]. A critic that compares the examples of a batch sees up to 250 at a time.

        Raises:
          UserError: the system has no critic of single examples, or the examples or labels do not fit it.
        """
        from gans.train import sampling

        if self._experiment.system.critic is None:
            raise UserError(f"system '{self.config.system}' has no critic that judges one example by itself")
        x = self._fit('examples', examples, self._experiment.source.spec)
        if np.ndim(labels) and len(labels) != len(x):
            raise UserError(f'there are {len(labels)} labels for {len(x)} examples')
        told = () if labels is None else (self._numbers(labels, len(x)),)
        with _explain('sample'):
            parts = [slice(start, start + sampling.CHUNK) for start in range(0, len(x), sampling.CHUNK)]
            scores = [self._judge(self._state, x[part], *(label[part] for label in told)) for part in parts]
            return np.concatenate(memory.fetch(scores)) if parts else np.zeros(0, np.float32)

    @functools.cached_property
    def _sampler(self) -> Any:
        from gans.train import sampling

        return sampling.make_sampler(self._experiment)

    @functools.cached_property
    def _judge(self) -> Any:
        import jax

        return jax.jit(self._experiment.system.critic)

    def _fields(self, wanted: frozenset[str], inputs: Any) -> dict[str, 'Array']:
        """The fields of examples that samples are made from, as nets have them."""
        names = ' and '.join(sorted(wanted))
        if inputs is None and wanted:
            raise UserError(f"samples of this run are made from '{names}' of examples: give inputs=")
        if inputs is None:
            return {}
        given = inputs if isinstance(inputs, Mapping) else dict.fromkeys(sorted(wanted)[:1], inputs)
        if not wanted or {*given} != wanted:
            of = f"'{names}' of examples" if wanted else 'latents alone: leave inputs out'
            raise UserError(f'samples of this run are made from {of}')
        fields = self._experiment.source.fields
        return {name: self._fit(f'inputs of {name}', x, fields[name]) for name, x in given.items()}

    def _fit(self, what: str, x: Any, spec: Any) -> 'Array':
        """Examples as nets have them; UserError if they are of another shape."""
        from gans import kinds

        x = np.asarray(x)
        if x.shape[1:] != spec.shape or not x.ndim:
            wanted = ', '.join(map(str, ('N', *spec.shape)))
            raise UserError(f'{what} have the shape {list(x.shape)}; of this run it is [{wanted}]')
        return kinds.kind_of(spec).finish(x) if x.dtype == np.uint8 else np.asarray(x, np.float32)

    def _numbers(self, labels: Any, num: int) -> np.ndarray:
        """Numbers of `num` classes, int32, that are taken in turn."""
        from gans.data.base import class_number

        named = [labels] if np.ndim(labels) == 0 else list(labels)
        if not self.classes:
            raise UserError(f'labels={labels!r}: the examples of this run have no classes; leave them out')
        return np.resize([class_number(name, self.classes, 'label') for name in named], num).astype(np.int32)


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


@contextlib.contextmanager
def _explain(mode: str) -> Iterator[None]:
    """Too little memory is a mistake of one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not memory.is_exhausted(error):
            raise
        raise UserError(memory.explain(error, mode)) from error
