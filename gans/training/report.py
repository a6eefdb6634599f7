"""What runs report of themselves: metrics, scores and pictures, made beside the training.

The device never waits for this: a step's report goes to a worker thread as arrays that are still being computed. The
worker is waited for before a checkpoint, so that what lies on disk is never behind it, and before the report after the
next, so that no queue grows. It begins after the first call: until then the processor is needed to compile that.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from gans import files, kinds, pictures, plots
from gans.core import Params, System
from gans.features import load
from gans.metrics.r_precision import Retrieval
from gans.metrics.score import Scorer, selection_metric
from gans.step import Metrics, due_updates
from gans.training import encoders, sampling, targets, workdir
from gans.training.logs import Logs
from gans.training.program import Program
from gans.training.progress import Progress
from gans.training.setup import Experiment

ROWS = 8  # of a picture whose columns are classes


class NotFinite(Exception):
    """A number of the training is NaN or infinite; the message says which, and at which step."""


class _Run(NamedTuple):
    experiment: Experiment
    folder: Path
    logs: Logs
    truth: sampling.Truth  # the same for all runs of a set
    beside: plots.Beside  # what the pictures of points are drawn with; the critic's scores come with each picture
    places: np.ndarray | None  # at which its critic is asked for them, [G, d]; None: nowhere
    scorer: Callable[[], Scorer]  # which the worker makes first, once
    retrieval: Retrieval | None  # the captions that samples which are scored are made of, if they are


class _Drawn(NamedTuple):
    """What all members have made for a report, or one of them."""

    samples: np.ndarray  # [members, N, ...]
    critic: np.ndarray | None  # scores at the places of `_Run`, [members, G]
    encoders: Params | None  # that see words, leaves [members, ...]

    def of(self, i: int, num: int) -> '_Drawn':
        """The member's first `num` samples, [num, ...], its critic's scores, [G], and its encoders."""
        critic, own = (jax.tree.map(lambda x: x[i], each) for each in (self.critic, self.encoders))
        return _Drawn(self.samples[i, :num], critic, own)


class Reporter:
    """Writes metrics.csv, stamps.json, TensorBoard and samples/ of each member's run, as often as the config says.

    `failures`: why members have come to their end, by place; nothing more is reported of them.
    """

    def __init__(
        self, program: Program, folders: Sequence[Path], done: int | None, failures: dict[int, NotFinite] | None = None
    ) -> None:
        """
        Args:
          done: steps done, None if the runs are new.
        """
        self.failures = dict(failures or {})
        self.waited = 0.0  # seconds in which the training stood still for a report
        self._program, self._config = program, program.members[0].config
        first = program.members[0]
        self._names = sampling.class_names(first)
        self._pictured = len(self._names) * ROWS or kinds.kind_of(sampling.sampled_spec(first)).shown
        self._given = sampling.batch_of(first, sampling.main_sampler(first.system), self._pictured)
        self._worker = ThreadPoolExecutor(1)
        sets: dict[int, tuple] = {}  # real examples, scorer and so on by source, which members may share
        for member in program.members:
            if id(member.source) not in sets:
                sets[id(member.source)] = self._set(member)
        self._runs = [
            _Run(member, folder, Logs(folder, -1 if done is None else done), *sets[id(member.source)])
            for member, folder in zip(program.members, folders, strict=True)
        ]
        asked = [run.places for run in self._runs]
        self._places = None if asked[0] is None else np.stack(asked)
        self._scored = self._runs[0].truth.most(self._config.eval.samples)
        self._waiting: list[Callable] = [partial(self._stamp, found[3]) for found in sets.values()]
        self._jobs: list[Future] = []
        self._scores: tuple[int, list[float | None]] = 0, []  # of the last report: its step, and each member's
        self._pending: list[tuple[int, Metrics]] = []  # of the calls since the last report, each with its first step

    def begin(self, state: object) -> None:
        """Scores the untrained generators: where the training starts, and the ceiling of any distance. The picture of
        one is drawn, too; those of a population would take as long as compiling.
        """
        num, pictured = self._scored, self._pictured if len(self._runs) == 1 else 0
        drawn = self._draw(state, num, pictured)
        self._waiting.append(partial(self._work, 0, [], drawn, num, pictured, False))

    def report(self, step: int, metrics: Metrics, state: object, progress: Progress) -> None:
        """Takes what the call that ended at `step` gave, and reports if that is due.

        Raises NotFinite if, by an earlier report, no member goes on.
        """
        self._submit()
        config = self._config
        self._pending.append((step - config.train.steps_per_call, metrics))
        due = lambda every: step % every == 0 or step == config.train.steps
        num = self._scored if due(config.eval.every) else 0
        pictured = self._pictured if due(config.train.sample_every) else 0
        log = due(config.train.log_every)
        if not (num or pictured or log):
            return
        self._join(1)
        drawn = self._draw(state, num, pictured) if num or pictured else None
        job = (step, self._pending, drawn, num, pictured, log, progress)
        self._jobs.append(self._worker.submit(self._work, *job))
        self._pending = []

    def _submit(self) -> None:
        """Has the worker begin with what waits."""
        self._jobs += map(self._worker.submit, self._waiting)
        self._waiting = []

    def settle(self, step: int) -> list[float | None]:
        """Waits until all is reported, and returns each member's score after this step, if one was due there.

        Raises NotFinite if no member goes on.
        """
        self._join(0)
        scored, scores = self._scores
        return scores if scored == step else [None] * len(self._runs)

    def close(self) -> None:
        self._worker.shutdown()
        for run in self._runs:
            run.logs.close()

    def _join(self, left: int) -> None:
        """Waits until at most so many reports are under way."""
        while len(self._jobs) > left:
            began = time.monotonic()
            computed = self._jobs.pop(0).result()  # until then it was the training that was waited for
            self.waited += time.monotonic() - max(began, computed or began)
        if len(self.failures) == len(self._runs):
            raise next(iter(self.failures.values()))

    def _work(
        self,
        step: int,
        pending: list,
        draw: Callable[[], _Drawn] | None,
        num: int,
        pictured: int,
        log: bool,
        progress: Progress | None = None,
    ) -> float:
        """In the worker: the report of a step. Returns when its numbers were there: devices work late."""
        metrics = self._program.metrics([metrics for _, metrics in pending])
        computed = time.monotonic()
        for i, failure in _failures(pending, metrics).items():
            self.failures.setdefault(i, failure)
        if progress:
            progress.finish(step)
        drawn = draw() if draw else None
        logged = _of_due(self._program.members[0].system, step, metrics[-1]) if log else ()
        told: dict[int, dict[str, float]] = {}
        for i, run in enumerate(self._runs):
            if i in self.failures:
                continue
            values = {name: float(metrics[-1][name][i, -1]) for name in logged}
            if num:
                own = drawn.of(i, num)
                values |= run.scorer()(own.samples, own.encoders)
            if values:
                told[i] = values
                run.logs.scalars(step, values)
                if progress and progress.rate():
                    run.logs.timing(step, {'steps_per_second': progress.rate()})
            if pictured:
                self._picture(run, step, drawn.of(i, pictured), values)
            run.logs.flush()
        if told and progress:
            names = dict.fromkeys(name for values in told.values() for name in values)
            mean = lambda name: np.mean([values.get(name, np.nan) for values in told.values()])
            headline = self._program.members[0].system.headline
            progress.show(step, {name: float(mean(name)) for name in names}, headline)
        scores = [told.get(i, {}) for i in range(len(self._runs))]
        self._scores = step, [found.get(selection_metric(found)) for found in scores]
        return computed

    def _draw(self, state: object, num: int, pictured: int) -> Callable[[], _Drawn]:
        """What is being drawn of a state, `num` samples to score and `pictured` for a picture: to be waited for."""
        samples, scores, weights = self._program.samples(state, max(num, pictured)), None, None
        if pictured and self._places is not None:
            scores = self._program.judge(state, self._places)
        if num and self._runs[0].retrieval:
            weights = self._program.weights(state, encoders.NETS)
        return lambda: _Drawn(samples(), scores and scores(), weights and weights())

    def _picture(self, run: _Run, step: int, drawn: _Drawn, values: Mapping[str, float]) -> None:
        """In the worker: a member's picture of a step. It names the score where one is due there, be it the end or not,
        so that a longer run has the same.
        """
        scores = values if step % self._config.eval.every == 0 else {}
        caption = pictures.Caption(sampling.words(step, run.experiment.config.seed, scores), self._names)
        beside = run.beside._replace(critic=drawn.critic)
        path = run.folder / 'samples' / f'step_{step:08d}.png'
        pictures.save(path, sampling.picture(run.experiment, drawn.samples, beside, caption, self._given))
        run.logs.image(step, 'samples', path)

    def _set(self, experiment: Experiment) -> tuple:
        """What a member is compared with, as of `_Run`."""
        config, truth = experiment.config, sampling.truth(experiment)
        num = truth.most(config.eval.samples)
        extractor = load.load(config.eval.features, truth.source.spec, truth.data) if config.eval.features else None
        if extractor and extractor.apply is None:  # of points the sliced distance says it all
            extractor = None
        batch = truth.batch(max(2 * num, self._pictured * (4 if self._names else 1)))  # some of each class
        real = batch[truth.like]
        arranged = _arrange(real, batch.get('label'), self._pictured, self._names)
        shown = plots.Beside(arranged, truth.source.modes, sheet=plots.Sheet())
        pairs, asked = targets.targets(experiment, num), encoders.retrieval(experiment, num)
        sampler, classes = sampling.main_sampler(experiment.system), None
        if extractor and extractor.is_classifier and 'labels' in sampler.asked.values():
            classes = sampling.batch_of(experiment, sampler, num)['label']
        scorer = cache(partial(Scorer, truth.source, real, num, extractor, pairs, asked, classes))
        return truth, shown, sampling.places_to_judge(experiment, shown.real), scorer, asked

    def _stamp(self, scorer: Callable[[], Scorer]) -> None:
        """In the worker: writes what the scores of a set's runs mean, and shows what they are compared with."""
        made, runs = scorer(), [run for run in self._runs if run.scorer is scorer]
        first, *_ = runs
        common = sampling.protocol_of(first.experiment, first.truth) | {'latents seed': 'config.seed'}
        caption = pictures.Caption(f'real examples: {common["data"]}, split {common["split"]}', self._names)
        kind, none = kinds.kind_of(first.truth.source.spec), first.beside.real[:0]
        drawn = kind.draw(none, caption, first.beside)
        drawn = drawn if isinstance(drawn, pictures.Film) else pictures.to_pixels(drawn)  # a plot is drawn once
        found = made.stamps(common)
        lines = {name: {'protocol': stamp, 'floor': made.floor.get(name)} for name, stamp in found.items()}
        for name, warning in made.warnings.items():
            lines[name]['warning'] = warning
        for run in runs:
            workdir.write_json(run.folder / 'stamps.json', lines)
        pictures.save(first.folder / 'reals.png', drawn)
        for path in first.folder.glob('reals.*'):  # encoded once
            encoded = path.read_bytes()
            for run in runs[1:]:
                files.write(run.folder / path.name, lambda file, encoded=encoded: file.write(encoded))


def _arrange(real: np.ndarray, labels: np.ndarray | None, num: int, names: tuple[str, ...]) -> np.ndarray:
    """Real examples [num, ...] in the places of samples in a picture: the first of them; where columns are classes, the
    first of each class below each other, and white images where there are no more.
    """
    if not names:
        return real[:num]
    shown = np.ones((num // len(names), len(names), *real.shape[1:]), np.float32)
    for i in range(len(names)):
        some = real[labels == i][: len(shown)]
        shown[: len(some), i] = some
    return shown.reshape(num, *real.shape[1:])


def _of_due(system: System, step: int, names: Iterable[str]) -> list[str]:
    """Of the names of metrics, 'update/metric', those of updates that run in the step."""
    due = due_updates(system, step - 1)
    return [name for name in names if name.partition('/')[0] in due]


def _failures(pending: list, metrics: list) -> dict[int, NotFinite]:
    """The first number of each member that is not finite, by the member's place."""
    found: dict[int, NotFinite] = {}
    for (start, _), call in zip(pending, metrics, strict=True):
        bad = [(i, m, name) for name, values in call.items() for m, i in np.argwhere(~np.isfinite(values))]
        for i, m, name in sorted(bad, key=lambda entry: entry[0]):
            found.setdefault(int(m), NotFinite(f'step {start + i + 1:,}: {name} is {call[name][m, i]}'))
    return found
