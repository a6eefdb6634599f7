"""Formats a benchmark for the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PREFIXES = ('', 'k', 'M', 'G', 'T', 'P')


def format_benchmark(found: Mapping[str, Any]) -> list[str]:
    """The results of `gans.cost.benchmark.measure` as lines of text."""
    about, build, speed, flops = (found[key] for key in ('experiment', 'compile', 'steps_per_second', 'flops'))
    cold, cached = (build['trace'] + build[key] for key in ('cold', 'cached'))
    peaks = {"XLA's plan": found['bytes']['planned_peak'], "the device's count": found['bytes']['device_peak']}
    known = [f'{format_quantity(size, "B")} by {by}' for by, size in peaks.items() if size is not None]
    examples = found['examples_per_second']['median']
    windows = f'{len(speed["windows"])} windows of {_format_count(speed["steps_per_window"], "step")}'
    lines = [
        f'experiment   system {about["system"]}, data {about["data"]}, batch {about["batch_size"]}, '
        f'{about["precision"]}, {_format_count(about["steps_per_call"], "step")} per call',
        f'device       {found["device"]}, jax {found["packages"]["jax"]}',
        f'compile      {cold:.1f} s, with the compilation cache {cached:.1f} s '
        f'({build["trace"]:.1f} s of both in Python)',
        f'speed        {_format_spread(speed)} steps/s, {_format_number(examples)} {about["examples"]}/s '
        f'(median, smallest and largest of {windows})',
        f'FLOPs        {format_quantity(flops["step"], "FLOP")} per step, {_format_rate(flops)} of the '
        f'{format_quantity(flops["matmul_per_second"], "FLOP/s")} of a {about["precision"]} matrix product here',
        f'memory       state {format_quantity(found["bytes"]["state"], "B")}; at most {", ".join(known) or "unknown"}',
        'share of time',
        *_format_shares(found),
        'updates, each alone with its data',
    ]
    for name, update in found['updates'].items():
        lines += _format_update(name, update)
    if found['profile']:
        logs = Path(found['profile']).parents[3]
        lines += [
            f'trace        {found["profile"]}',
            '             open it at https://ui.perfetto.dev, where it stays in the browser; or',
            f'             pip install xprof, and tensorboard --logdir={logs}',
        ]
    return lines


def _format_shares(found: Mapping[str, Any]) -> list[str]:
    data = found['data']
    lines = [
        f'  data         {_format_percent(data["share_waited"]):>7}  the host waits for it ({data["kind"]})',
        f'               {_format_percent(data["share_in_program"]):>7}  in the program, '
        f'{_format_number(data["in_program"] * 1e3)} ms per step if fetched alone',
    ]
    for name, each in found['beside'].items():
        took = f'{_format_number(each["seconds"] * 1e3)} ms every {_format_count(each["every"], "step")}'
        lines.append(f'  {name:<12} {_format_percent(each["share"]):>7}  {took}')
    return [*lines, '  (from logs on: measured without training; in a run they overlap with the steps)']


def _format_update(name: str, update: Mapping[str, Any]) -> list[str]:
    when = 'every step' if update['every'] == 1 else f'every {update["every"]} steps'
    milliseconds = {key: 1e3 * update['seconds'][key] for key in ('median', 'min', 'max')}
    lines = [
        f'  {name:<12} {_format_spread(milliseconds)} ms, {format_quantity(update["flops"], "FLOP")}, '
        f'{_format_rate(update)} of a matrix product; {update["repeats"]} x, {when}'
    ]
    if update['terms']:
        terms = update['terms']
        lines.append(f'    of it      {_format_number(terms["seconds"] * 1e3)} ms ({_format_percent(terms["share"])}) '
                     f'and {format_quantity(terms["flops"], "FLOP")} for {", ".join(terms["names"])}')  # fmt: skip
    return lines


def _format_spread(values: Mapping[str, float]) -> str:
    return f'{_format_number(values["median"])} ({_format_number(values["min"])}-{_format_number(values["max"])})'


def _format_rate(found: Mapping[str, float]) -> str:
    return f'{format_quantity(found["per_second"], "FLOP/s")}, {_format_percent(found["share_of_matmul"])}'


def _format_percent(share: float) -> str:
    return f'{share * 100:.1f} %'


def _format_count(count: int, what: str) -> str:
    return f'{count:,} {what}' + ('s' if count != 1 else '')


def _format_number(value: float) -> str:
    """Three digits without an exponent."""
    return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3g}'


def format_quantity(value: float, unit: str) -> str:
    """Three digits and a prefix: '4.31 GFLOP'."""
    power = 0
    while power + 1 < len(PREFIXES) and float(f'{value / 1000**power:.3g}') >= 1000:
        power += 1
    return f'{value / 1000**power:.3g} {PREFIXES[power]}{unit}'
