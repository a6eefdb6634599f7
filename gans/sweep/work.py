"""How much work the programs of a sweep are, and how long what is left of it takes by what is done."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
from jax.extend.core import ClosedJaxpr, JaxprEqn

from gans.training import workdir

Watch = Callable[[Callable[..., Any]], Callable[..., Any]]
QUIET = 60.0  # seconds between lines about the time left


class Work(NamedTuple):
    """A stage of one run."""

    steps: int
    operations: float  # of a step in which all updates are due: arithmetic of products, and elements of all else
    equations: int  # of its program, which compiling takes time for

    @property
    def total(self) -> float:
        return self.steps * self.operations


class Part(Protocol):
    """Runs that train together, see `gans.sweep.plan.Group`."""

    @property
    def members(self) -> tuple: ...
    @property
    def work(self) -> tuple[Work, ...]: ...


def measure(jaxpr: ClosedJaxpr, steps: int) -> Work:
    """The work of so many steps, one of which is traced."""
    operations, equations = _count(jaxpr)
    return Work(steps, operations, equations)


def operations_of(part: Part) -> float:
    return len(part.members) * sum(stage.total for stage in part.work)


def equations_of(part: Part) -> int:
    return sum(stage.equations for stage in part.work)


def say_time(seconds: float) -> str:
    """'40 s', '12 min', '3.5 h': as exact as an estimate is."""
    if seconds < 150:
        return f'{max(10 * round(seconds / 10), 10)} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'


class Clock:
    """Tells how long the programs of a sweep still take, as those before, and this one, did so far."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._begun = 0  # programs
        self._left: list[tuple[int, float]] = []  # equations and operations, of this program and of those after it
        self._compiling, self._training = (0.0, 0.0), (0.0, 0.0)  # seconds, and what was done in them
        self._since, self._waited = now(), 0.0
        self._said = now()

    def begin(self, parts: Sequence[Part]) -> str:
        """Says that the first of the parts begins, and what is left: these."""
        self._left = [(equations_of(part), operations_of(part)) for part in parts]
        self._begun, self._said = self._begun + 1, self._now()
        return self._text()

    def skip(self, operations: float) -> None:
        """Takes off what of this program is done."""
        equations, left = self._left[0]
        self._left[0] = equations, left - operations

    def wait(self, seconds: float) -> None:
        """Counts what was spent on scores and pictures while no step ran."""
        self._waited += seconds

    def spent(self) -> dict[str, float]:
        """Seconds so far: of the first calls, which compile; of waiting for scores and pictures; and of all else."""
        parts = {'compiling': self._compiling[0], 'scoring': self._waited}
        return parts | {'training': self._now() - self._since - sum(parts.values())}

    def watching(self, work: Work, steps: int) -> Watch:
        """What makes a watched `call` of a `call` that takes so many steps, of all members: it says what is left now
        and then. The first call compiles.
        """
        operations = steps * work.operations
        begun, last = 0, self._now()  # calls, and when the last of them began, which is over when the next one begins

        def called() -> None:
            nonlocal begun, last
            now = self._now()
            if begun:
                self.skip(operations)
            if begun == 1:
                self._compiling = _add(self._compiling, (now - last, work.equations))
                self._left[0] = self._left[0][0] - work.equations, self._left[0][1]
            elif begun:
                self._training = _add(self._training, (now - last, operations))
            if now - self._said > QUIET and self.left() is not None:
                self._said = now
                workdir.say(f'sweep: {self._text()}')
            begun, last = begun + 1, now

        def watch(call: Callable[..., Any]) -> Callable[..., Any]:
            def watched(*args: Any) -> Any:
                called()
                return call(*args)

            return watched

        return watch

    def left(self) -> float | None:
        """Seconds; None before anything is known."""
        if not self._training[1]:
            return None
        equations, operations = (sum(max(0, each) for each in column) for column in zip(*self._left, strict=True))
        rate = lambda spent: spent[0] / spent[1] if spent[1] else 0.0
        return equations * rate(self._compiling) + operations * rate(self._training)

    def _text(self) -> str:
        left = self.left()
        about = '' if left is None else f', about {say_time(left)} left'
        return f'program {self._begun} of {self._begun - 1 + len(self._left)}{about}'


def _add(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return a[0] + b[0], a[1] + b[1]


def _count(jaxpr: Any) -> tuple[float, int]:
    """Operations and equations, bodies of scans as often as they run."""
    operations, equations = 0.0, 0
    for equation in jaxpr.eqns:
        inner = [leaf for leaf in jax.tree.leaves(list(equation.params.values())) if hasattr(leaf, 'eqns')]
        found = [_count(each) for each in inner]
        times = equation.params['length'] if equation.primitive.name == 'scan' else 1
        operations += times * sum(each[0] for each in found) if inner else _operations(equation)
        equations += 1 + sum(each[1] for each in found)
    return operations, equations


def _operations(equation: JaxprEqn) -> float:
    size = float(sum(getattr(out.aval, 'size', 0) for out in equation.outvars))
    name, shapes = equation.primitive.name, [getattr(each.aval, 'shape', ()) for each in equation.invars]
    if name == 'dot_general':
        (contracted, _), _ = equation.params['dimension_numbers']
        return 2 * size * math.prod(shapes[0][axis] for axis in contracted)
    if name == 'conv_general_dilated':
        out = equation.params['dimension_numbers'].rhs_spec[0]
        return 2 * size * math.prod(side for axis, side in enumerate(shapes[1]) if axis != out)
    return size
