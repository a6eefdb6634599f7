"""A benchmark as text for a terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PREFIXES = ('', 'k', 'M', 'G', 'T', 'P')


def text(found: Mapping[str, Any]) -> list[str]:
    """Lines that say what `gans.cost.benchmark.measure` has found."""
    about, build, speed, flops = (found[key] for key in ('experiment', 'compile', 'steps_per_second', 'flops'))
    cold, cached = (build['trace'] + build[key] for key in ('cold', 'cached'))
    peaks = {"XLA's plan": found['bytes']['planned_peak'], "the device's count": found['bytes']['device_peak']}
    known = [f'{quantity(size, "B")} by {by}' for by, size in peaks.items() if size is not None]
    examples = found['examples_per_second']['median']
    windows = f'{len(speed["windows"])} windows of {_plural(speed["steps_per_window"], "step")}'
    lines = [
        f'experiment   system {about["system"]}, data {about["data"]}, batch {about["batch_size"]}, '
        f'{about["precision"]}, {_plural(about["steps_per_call"], "step")} a call',
        f'device       {found["device"]}, jax {found["packages"]["jax"]}',
        f'compile      {cold:.1f} s, with the compilation cache {cached:.1f} s '
        f'({_plural(build["programs"], "program")}; {build["trace"]:.1f} s of both are Python)',
        f'speed        {_spread(speed)} steps/s, {_number(examples)} {about["examples"]}/s '
        f'(median, smallest and largest of {windows})',
        f'FLOPs        {quantity(flops["step"], "FLOP")} a step, {_rate(flops)} of the '
        f'{quantity(flops["matmul_per_second"], "FLOP/s")} of a {about["precision"]} matrix product here',
        f'memory       state {quantity(found["bytes"]["state"], "B")}; at most {", ".join(known) or "unknown"}',
        'share of time',
        *_shares(found),
        'updates, each alone with its data',
    ]
    for name, update in found['updates'].items():
        lines += _update(name, update)
    if found['profile']:
        logs = Path(found['profile']).parents[3]
        lines += [
            f'trace        {found["profile"]}',
            '             open it on https://ui.perfetto.dev, which keeps it in the browser; or',
            f'             pip install xprof, and tensorboard --logdir={logs}',
        ]
    return lines


def _shares(found: Mapping[str, Any]) -> list[str]:
    data = found['data']
    lines = [
        f'  data         {_percent(data["share_waited"]):>7}  the host waits for it ({data["kind"]})',
        f'               {_percent(data["share_in_program"]):>7}  in the program, '
        f'{_number(data["in_program"] * 1e3)} ms a step if fetched alone',
    ]
    for name, each in found['beside'].items():
        took = f'{_number(each["seconds"] * 1e3)} ms every {_plural(each["every"], "step")}'
        lines.append(f'  {name:<12} {_percent(each["share"]):>7}  {took}')
    return [*lines, '  (from logs on: alone, while nothing trains; in a run they are written beside the steps)']


def _update(name: str, update: Mapping[str, Any]) -> list[str]:
    when = 'every step' if update['every'] == 1 else f'every {update["every"]} steps'
    milliseconds = {key: 1e3 * update['seconds'][key] for key in ('median', 'min', 'max')}
    lines = [
        f'  {name:<12} {_spread(milliseconds)} ms, {quantity(update["flops"], "FLOP")}, '
        f'{_rate(update)} of a matrix product; {update["repeats"]} x, {when}'
    ]
    if update['terms']:
        terms = update['terms']
        lines.append(f'    of it      {_number(terms["seconds"] * 1e3)} ms ({_percent(terms["share"])}) '
                     f'and {quantity(terms["flops"], "FLOP")} for {", ".join(terms["names"])}')  # fmt: skip
    return lines


def _spread(values: Mapping[str, float]) -> str:
    return f'{_number(values["median"])} ({_number(values["min"])}-{_number(values["max"])})'


def _rate(found: Mapping[str, float]) -> str:
    return f'{quantity(found["per_second"], "FLOP/s")}, {_percent(found["share_of_matmul"])}'


def _percent(share: float) -> str:
    return f'{share * 100:.1f} %'


def _plural(count: int, what: str) -> str:
    return f'{count:,} {what}' + ('s' if count != 1 else '')


def _number(value: float) -> str:
    """Three digits without an exponent."""
    return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3g}'


def quantity(value: float, unit: str) -> str:
    """Three digits and a prefix: '4.31 GFLOP'."""
    power = 0
    while power + 1 < len(PREFIXES) and float(f'{value / 1000**power:.3g}') >= 1000:
        power += 1
    return f'{value / 1000**power:.3g} {PREFIXES[power]}{unit}'
