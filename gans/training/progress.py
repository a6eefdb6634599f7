"""What a person sees while a run trains: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Mapping

import tqdm

BAR = '{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]'  # tqdm's own rate is of calls, not of what is computed


class Progress:
    """Steps done, steps/s, examples/s, the latest losses and the time left.

    The device computes later than it is called, so a rate is of what has been waited for: from the last program that
    was compiled on. Until there are such steps there is none.
    """

    def __init__(self, start: int, total: int, examples: int, unit: str = 'examples', quiet: bool = False) -> None:
        """
        Args:
          examples: real ones that a step sees.
          unit: what they are called, see `gans.kinds.unit_of`.
          quiet: says nothing.
        """
        self._examples, self._unit, self._quiet = examples, unit, quiet
        self._terminal = sys.stderr.isatty() and not quiet
        self._first = self._last = start, time.monotonic()  # steps that were waited for, and when they were there
        self._said = 0.0
        self._bar = tqdm.tqdm(
            initial=start, total=total, unit='step', dynamic_ncols=True, disable=not self._terminal, bar_format=BAR
        )
        self._total = total

    def advance(self, steps: int) -> None:
        """To be called after each call of the program."""
        self._bar.update(steps)

    def restart(self, step: int) -> None:
        """The results of this step are there; forgets the time before, which went to compiling."""
        self._first = self._last = step, time.monotonic()

    def finish(self, step: int) -> None:
        """The results of this step are there."""
        if step > self._first[0]:
            self._last = step, time.monotonic()

    def rate(self) -> float | None:
        """Steps a second since `restart`; None before any is finished."""
        (first, began), (last, now) = self._first, self._last
        return (last - first) / (now - began) if last > first else None

    def show(self, step: int, values: Mapping[str, float], headline: tuple[str, ...] = ()) -> None:
        """Shows the losses and scores of a step, and a system's `headline`."""
        if self._quiet:
            return
        among = lambda name: name.startswith('eval/') or name.endswith(('/loss', *headline))
        chosen = filter(among, values)
        text = ' '.join(f'{name.removeprefix("eval/")} {values[name]:.3g}' for name in chosen)
        rate = self.rate()
        left = tqdm.tqdm.format_interval((self._total - step) / rate) if rate else ''
        rates = f'{_number(rate)} steps/s, {_number(rate * self._examples)} {self._unit}/s' if rate else ''
        speed = f'{rates}, {left} left  ' if rate else ''
        if self._terminal:
            self._bar.set_postfix_str(f'{speed}{text}')
        elif time.monotonic() - self._said > 2 or step >= self._total:
            self._said = time.monotonic()
            print(f'step {step:,}/{self._total:,}  {speed}{text}', file=sys.stderr, flush=True)

    def __enter__(self) -> 'Progress':
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _number(value: float) -> str:
    """Three digits without an exponent."""
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'
