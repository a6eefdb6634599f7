"""What a person sees while a run trains: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Mapping

import tqdm


class Progress:
    """Steps done, steps/s, images/s, the latest losses and the time left."""

    def __init__(self, start: int, total: int, examples: int, quiet: bool = False) -> None:
        """`examples`: real examples a step sees, for images/s. `quiet`: says nothing."""
        self._examples, self._latest, self._quiet = examples, '', quiet
        self._terminal = sys.stderr.isatty() and not quiet
        self._first, self._began, self._said = start, time.monotonic(), 0.0
        self._bar = tqdm.tqdm(
            initial=start, total=total, unit='step', dynamic_ncols=True, disable=not self._terminal, smoothing=0.05
        )
        self._done, self._total = start, total

    def advance(self, steps: int) -> None:
        """To be called after each call of the program."""
        self._done += steps
        self._bar.update(steps)

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """Shows the losses and scores of a step."""
        if self._quiet:
            return
        chosen = {name: value for name, value in values.items() if name.endswith('/loss') or name.startswith('eval/')}
        text = ' '.join(f'{name.removeprefix("eval/")} {value:.3g}' for name, value in chosen.items())
        rate = self.rate()
        if self._terminal:
            self._bar.set_postfix_str(f'{rate * self._examples:,.0f} images/s {text}')
        elif time.monotonic() - self._said > 2 or step >= self._total:
            self._said = time.monotonic()
            left = f', {tqdm.tqdm.format_interval((self._total - step) / rate)} left' if rate else ''
            speed = f'{rate:,.1f} steps/s, {rate * self._examples:,.0f} images/s{left}'
            print(f'step {step:,}/{self._total:,}  {speed}  {text}', file=sys.stderr, flush=True)

    def rate(self) -> float:
        """Steps a second since the start, or since `restart`."""
        return (self._done - self._first) / (time.monotonic() - self._began)

    def restart(self) -> None:
        """Forgets the time before, which went to compiling."""
        self._first, self._began = self._done, time.monotonic()

    def __enter__(self) -> 'Progress':
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
