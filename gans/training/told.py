"""`--text`: what a run makes of the user's own sentences, and of what lies between two of them.

The words are those of the run's own vocabulary, as its folder remembers it: the data are not read.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from gans import kinds, pictures
from gans.core import SAMPLES, TrainState, Tree
from gans.data.caption_files import read_lines
from gans.data.words import encode_sentences
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.systems._words import read
from gans.training import draw, remembered, sampling, save
from gans.training.setup import Experiment, setup_stages

COLUMNS, STEPS, ROWS = 8, 10, 8  # samples of a sentence; steps from one to another, and latents of which all are made


class Options(NamedTuple):
    """Which sentences, and what is made of them."""

    text: Sequence[str] = ()
    text_file: str | None = None  # more of them, one a line
    num: int | None = None  # samples of each sentence, or steps from one to the other
    seed: int = 0  # of the latents
    step: str = 'latest'
    out: str | None = None

    def sentences(self) -> list[str]:
        """All that are given; UserError if a file has none."""
        if self.text_file is None:
            return list(self.text)
        lines = [line.strip() for line in read_lines(Path(self.text_file)) if line.strip()]
        if not lines:
            raise UserError(f'--text-file={self.text_file} is empty: write a sentence into each line')
        return [*self.text, *lines]


def sample(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Draws a row of samples of each sentence, in their order; all rows are of the same latents. Returns a line that
    says where they are.

    Raises:
      UserError: the system is not told words; a sentence has none that the run knows.
    """
    num, sentences = options.num or COLUMNS, options.sentences()
    experiment, state, done = _restore(config, folder, options)
    draw.check_memory(experiment, num * len(sentences))
    captions = _encode(experiment, sentences)
    samples = draw.apply(experiment, state, _inputs(experiment, np.repeat(captions, num, 0), num, options.seed))

    def sheet() -> pictures.Picture:
        title = sampling.words(done, options.seed, draw.scores_of(folder, done))
        return _sheet(experiment, samples, num, pictures.Caption(title, rows=tuple(sentences)))

    out = options.out or folder / f'text_seed{options.seed}.png'
    said = save.save_samples(out, samples, sampling.sampled_spec(experiment), draw=sheet)
    return f'{num} samples of each of {len(sentences)} sentences, of step {done:,}: {said}'


def interpolate(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Draws rows of samples from one sentence to another, each row of a latent of its own that stays: what the text
    encoder says of them (of the sentences, and of words at the same places) is mixed. Returns a line that says where
    they are.

    Raises:
      UserError: not two sentences; as of `sample`.
    """
    num, sentences = STEPS if options.num is None else options.num, options.sentences()
    out = Path(options.out or folder / f'interpolation_text_seed{options.seed}.png')
    if len(sentences) != 2:
        raise UserError(
            f'--mode=interpolate goes from one sentence to another: give --text twice, not {len(sentences)} times'
        )
    if num < 2:
        raise UserError(f'--num={num} must be at least 2')
    if out.suffix != '.png':
        raise UserError(f'--out={out}: an interpolation of sentences is a picture, name a FILE.png')
    experiment, state, done = _restore(config, folder, options)
    draw.check_memory(experiment, ROWS * num)
    ends = _encode(experiment, sentences)
    start = _inputs(experiment, np.repeat(ends[:1], ROWS, 0), ROWS, options.seed)
    between = {'caption': _between(experiment, state, ends, num)}
    inputs = jax.tree.map(lambda x: np.repeat(x, num, 0), start) | between
    samples = draw.apply(experiment, state, inputs)
    shown = sampling.words(done, options.seed, draw.scores_of(folder, done))
    title = f"{shown}: from '{sentences[0]}' to '{sentences[1]}'"
    pictures.save(out, _sheet(experiment, samples, num, pictures.Caption(title)))
    return f'{ROWS} ways from one sentence to another, of step {done:,}: {out}'


def _restore(config: ml_collections.ConfigDict, folder: Path, options: Options) -> tuple[Experiment, TrainState, int]:
    """The run, without its data. Raises UserError if it is not told words."""
    if options.num is not None and options.num < 1:
        raise UserError(f'--num={options.num} must be at least 1')
    experiments = setup_stages(config, devices=1, sources=remembered.sources(folder, config))
    experiment, state, done = draw.restore(experiments, folder, options.step)
    made_from = sampling.fields_read(sampling.main_sampler(experiment.system), experiment.source)
    if made_from != {'caption'}:
        of = ' and '.join(sorted(made_from)) or 'latents alone'
        system = experiment.config.system
        raise UserError(f"--text: samples of system '{system}' are made from {of}, not from words alone: leave it off")
    return experiment, state, done


def _encode(experiment: Experiment, sentences: Sequence[str]) -> np.ndarray:
    return encode_sentences(sentences, experiment.source.spec.fields['caption'])


def _inputs(experiment: Experiment, captions: np.ndarray, num: int, seed: int) -> Tree:
    """Inputs of captions [N, L]: each `num` of them have the latents of the first `num` samples of that seed."""
    sampler, key = sampling.main_sampler(experiment.system), jax.random.fold_in(jax.random.key(seed), SAMPLES)
    keys = example_keys(key, jnp.arange(len(captions)) % num)
    return jax.device_get(jax.jit(sampler.inputs)({'caption': captions}, keys))


def _between(experiment: Experiment, state: TrainState, ends: np.ndarray, num: int) -> Tree:
    """What is told in `num` steps from the first caption to the second, [ROWS * num, ...]."""
    told = jax.device_get(jax.jit(partial(read, experiment.system.nets['text']))(state.params, ends))
    share = np.linspace(0, 1, num, dtype=np.float32)

    def mix(x: np.ndarray) -> np.ndarray:
        if x.dtype == bool:  # between them a place counts where one has a word; at the ends each is as by itself
            return np.stack([x[0], *[x.any(0)] * (num - 2), x[1]])
        of = share.reshape(-1, *[1] * (x.ndim - 1))
        return (1 - of) * x[0] + of * x[1]

    return jax.tree.map(lambda x: np.concatenate([mix(x)] * ROWS), told)


def _sheet(experiment: Experiment, samples: np.ndarray, columns: int, caption: pictures.Caption) -> np.ndarray:
    look = kinds.kind_of(sampling.sampled_spec(experiment)).look
    return pictures.annotate(pictures.grid(look(samples), columns), caption)
