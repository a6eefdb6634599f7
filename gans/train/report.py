"""What a run reports of itself: metrics, scores and pictures, made beside the training.

The device never waits for this: a step's report goes to a worker thread as arrays that are still being computed. The
worker is waited for before a checkpoint, so that what lies on disk is never behind it, and before the report after the
next, so that no queue grows.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np

from gans.core import SAMPLES, TrainState
from gans.data import feed
from gans.metrics.score import BEST, scores
from gans.train import pictures, program
from gans.train.logs import Logs
from gans.train.progress import Progress
from gans.train.setup import Experiment

GRID = 64  # images in a picture
POINTS = 2_000  # points in a picture


class NotFinite(Exception):
    """A number of the training is NaN or infinite."""

    def __init__(self, step: int, name: str, value: float) -> None:
        super().__init__(f'step {step:,}: {name} is {value}')


class Reporter:
    """Writes metrics.csv, TensorBoard and samples/ of a run, every so many steps as its config says."""

    def __init__(self, experiment: Experiment, folder: Path, done: int) -> None:
        config = self._config = experiment.config
        self._experiment = experiment
        self._source, self._folder = experiment.source, folder
        self._pictured = GRID if experiment.source.spec.is_image else POINTS
        num = max(config.eval.samples, self._pictured)
        self._latents = program.fixed_latents(experiment, num)
        key = jax.random.fold_in(jax.random.key(config.seed), SAMPLES)
        self._real = feed.examples(experiment.source, num, key)['real']
        self._sample = program.make_sampler(experiment)
        self._logs = Logs(folder, done)
        self._worker = ThreadPoolExecutor(1)
        self._jobs: list[Future] = []
        self._pending: list[tuple[int, program.Schedule, list]] = []  # metrics of the calls since the last report

    def report(
        self, step: int, schedule: program.Schedule, metrics: list, state: TrainState, progress: Progress
    ) -> None:
        """Takes what the call that ended at `step` gave, and reports if that is due; raises NotFinite."""
        config = self._config
        self._pending.append((step - config.train.steps_per_call, schedule, metrics))
        due = lambda every: step % every == 0 or step == config.train.steps
        num = config.eval.samples if due(config.eval.every) else 0
        pictured = self._pictured if due(config.train.sample_every) else 0
        if not (num or pictured or due(config.train.log_every)):
            return
        while len(self._jobs) > 1:
            self._jobs.pop(0).result()
        job = (
            step,
            self._pending,
            self._samples(state, max(num, pictured)),
            num,
            pictured,
            due(config.train.log_every),
        )
        self._jobs.append(self._worker.submit(self._work, *job, progress))
        self._pending = []

    def settle(self) -> float | None:
        """Waits until all is reported, and returns the score if the last report has one; raises NotFinite."""
        score = None
        while self._jobs:
            score = self._jobs.pop(0).result()
        return score

    def close(self) -> None:
        self._worker.shutdown()
        self._logs.close()

    def _samples(self, state: TrainState, num: int) -> list[jax.Array]:
        """The first `num` samples of the fixed latents, in chunks, about to be computed."""
        if not num:
            return []
        latents = jax.tree.map(lambda x: x[:num], self._latents)
        return self._sample(program.one(self._experiment, state), latents)

    def _work(
        self, step: int, pending: list, samples: list, num: int, pictured: int, log: bool, progress: Progress
    ) -> float | None:
        """In the worker: the report of a step; returns its score."""
        latest = self._check(pending)
        values = latest if log else {}
        if samples:
            samples = np.concatenate(jax.device_get(samples))
        if num:
            values |= scores(samples[:num], self._real[:num], self._source)
        if values:
            self._logs.scalars(step, values)
            self._logs.timing(step, {'steps_per_second': progress.rate()})
            progress.show(step, values)
        if pictured:
            picture = pictures.draw(samples[:pictured], self._real[:pictured], self._source.spec)
            pictures.save_png(self._folder / 'samples' / f'step_{step:08d}.png', picture)
            self._logs.image(step, 'samples', picture)
        self._logs.flush()
        return values.get(BEST)

    def _check(self, pending: list) -> dict[str, float]:
        """The metrics of the last step; raises NotFinite for the first number that is not."""
        everything = jax.device_get(program.one(self._experiment, [metrics for _, _, metrics in pending]))
        for (start, schedule, _), runs in zip(pending, everything, strict=True):
            for (_, count), run in zip(schedule, runs, strict=True):
                bad = [(i, name) for name, values in run.items() for i in np.flatnonzero(~np.isfinite(values))]
                if bad:
                    i, name = min(bad, key=lambda entry: entry[0])
                    raise NotFinite(start + i + 1, name, run[name][i])
                start += count
        return {name: float(values[-1]) for name, values in run.items()}
