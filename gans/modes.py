"""The modes of `launch.py`, one function each."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gans import configs, schema
from gans.errors import UserError

NEXT = ('sample', 'evaluate')  # modes that make sense after training


class Options(NamedTuple):
    """Flags of the modes that read a checkpoint or samples; `run` is --from."""

    num: int | None = None
    seed: int = 0
    step: str = 'latest'
    path: str = 'spherical'
    out: str | None = None
    features: str | None = None
    weights: str | None = None
    run: str | None = None
    label: str | None = None
    text: Sequence[str] | None = None
    text_file: str | None = None
    input: str | None = None
    direction: str | None = None
    space: str = 'z'
    truncation: str | None = None
    standing: int | None = None
    ppl: str | None = None
    encoder: str | None = None
    latents: str | None = None
    edit: str | None = None
    layers: str | None = None
    profile: bool = False
    typed: Mapping[str, Any] = {}  # keys of the config that the command line sets
    named: bool = False  # whether it names both an experiment and a folder
    command: str | None = None  # by which other modes find the run


class SweepOptions(NamedTuple):
    """Flags of a sweep."""

    seeds: int = 5
    row: str | None = None
    dry_run: bool = False
    cluster: str | None = None
    again: Sequence[str] = ()  # the command line, but for `cluster`


def train(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.training import loop, workdir

    summary = loop.train(config, folder)
    if summary:
        first = lambda name: name.startswith('eval/') or name.endswith(tuple(summary.get('headline', ())))
        final = ', '.join(_format_score(summary, name) for name in summary['final'] if first(name))
        last = folder / 'samples' / f'step_{summary["steps"]:08d}.png'
        workdir.say(f'done: {summary["steps"]:,} steps in {summary["seconds"]:,.0f} s, {final}')
        print(f'samples {last}  curves {folder / "curves.png"}  checkpoints {folder / "checkpoints"}  all in {folder}')
        if options.command:
            print('next:', *(f'  {options.command} --mode={mode}' for mode in NEXT), sep='\n')


def finetune(config: ConfigDict, folder: Path, options: Options) -> None:
    """Trains from the nets of another run: sets `config.finetune`, and trains."""
    if options.run is None and config.finetune.run is not None:  # of a run that goes on
        train(config, folder, options)
        return
    if options.run is None:
        raise UserError(
            'fine-tune which run? set --from=FOLDER, and --step to best or a number for one of its checkpoints'
        )
    start = {'finetune.run': options.run, 'finetune.step': options.step}
    train(configs.override(config, start, schema.COMMAND_LINE), folder, options)


def _format_score(summary: dict[str, Any], name: str) -> str:
    """A score with its references: 'fd_pixels 2.1 (two halves of the real data 0.5, untrained 133)'."""
    floor, untrained = (summary.get(key, {}).get(name) for key in ('floor', 'untrained'))
    known = floor is not None and untrained is not None
    references = f' (two halves of the real data {floor:.3g}, untrained {untrained:.3g})' if known else ''
    return f'{name.rpartition("/")[2]} {summary["final"][name]:.4g}{references}'


def _chosen(kind: type, options: Options) -> Any:
    """The options of one mode, a NamedTuple, as the flags of those names say; what is not given is at its default."""
    given = {name: getattr(options, name, None) for name in kind._fields}
    return kind(**{name: value for name, value in given.items() if value is not None})


def sample(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.training import draw, told, translate

    own, chosen = read_run_config(config, folder, options), _chosen(draw.Options, options)
    if options.text is not None or options.text_file is not None:
        print(told.sample(own, folder, _chosen(told.Options, options)))
    elif options.input:
        print(translate.translate(own, folder, options.input, chosen))
    else:
        print(draw.sample(own, folder, chosen))


def interpolate(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.latent_tools import interpolate as tool
    from gans.training import told

    if options.text is not None:
        own = read_run_config(config, folder, options)
        print(told.interpolate(own, folder, _chosen(told.Options, options)))
        return
    print(tool.interpolate(read_run_config(config, folder, options), folder, _chosen(tool.Options, options)))


def project(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.latent_tools import project as tool

    print(tool.project(read_run_config(config, folder, options), folder, _chosen(tool.Options, options)))


def directions(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.latent_tools import directions as tool

    print(tool.find(read_run_config(config, folder, options), folder, _chosen(tool.Options, options)))


def evaluate(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.evaluation import run

    print(run.evaluate(read_run_config(config, folder, options), folder, _chosen(run.Options, options)))


def anomaly(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.evaluation import anomaly

    print(anomaly.anomaly(read_run_config(config, folder, options), folder, _chosen(anomaly.Options, options)))


def describe(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.cost.describe import describe

    print(describe(config))


def benchmark(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.cost.benchmark import benchmark

    found = benchmark(config, folder, options.profile)
    if found:  # process 0 only
        print(found)


MODES: dict[str, Callable[[ConfigDict, Path, Options], None]] = {
    'train': train,
    'finetune': finetune,
    'sample': sample,
    'interpolate': interpolate,
    'project': project,
    'directions': directions,
    'evaluate': evaluate,
    'anomaly': anomaly,
    'describe': describe,
    'benchmark': benchmark,
}
COMPARE = 'compare'  # the one mode without a config


def compare(real: str | None, fake: str | None, options: Options, size: int | None) -> None:
    from gans.evaluation import compare

    if not real or not fake:
        raise UserError('compare what? set --real=PATH and --fake=PATH, folders of images or .npz files')
    print(compare.compare(real, fake, options.features or 'auto', options.weights, size, options.out))


def sweep(path: Path, base: ConfigDict, folder: Path, options: SweepOptions, command: str) -> None:
    from gans.sweep import run

    if options.dry_run:
        print(run.dry_run(path, base, options.seeds, options.row))
    elif options.cluster:
        print(run.run_on_cluster(path, base, folder, options.seeds, options.row, options.cluster, options.again))
    else:
        print(run.run(path, base, folder, options.seeds, options.row, command))


def report(folders: Sequence[str], out: str | None) -> None:
    from gans.sweep import run

    print(run.rewrite_report([Path(folder) for folder in folders], Path(out) if out else None))


def read_run_config(config: ConfigDict, folder: Path, options: Options) -> ConfigDict:
    """The config of the run in a folder, see `gans/training/identity.py`."""
    from gans.training import identity

    return identity.own_config(config, folder, options.typed, options.named)
