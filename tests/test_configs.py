"""Config files: what they may give, what they do wrong, and what the command line sets in them."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterable
from pathlib import Path

import gan_ring8
import launching
import pytest
import test_experiments
from absl import flags
from ml_collections import ConfigDict

import gans.dynamics
import gans.systems
from experiments import common
from gans import arguments, cli, config_file, configs, defaults, keys, signatures, terms
from gans.data import load
from gans.errors import UserError
from gans.training import setup

EXPERIMENTS = Path(__file__).resolve().parent.parent / 'experiments'
NAMES = [*test_experiments.NAMES, *(f'sweeps/{path.stem}' for path in (EXPERIMENTS / 'sweeps').glob('*.py'))]
HEAD = 'from experiments.gan_ring8 import get_config as base\n\n'
SECTIONS = configs.flatten(ConfigDict(defaults.systems() | {'terms': defaults.terms()}))
TYPO = HEAD + "def get_config():\n    config = base('smoke')\n    config.train.stepz = 6\n    return config\n"


def write(folder: Path, text: str, name: str = 'mine.py') -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def of(section: str) -> dict:
    """The defaults of a section that a config need not have, by dotted key."""
    return {key: value for key, value in SECTIONS.items() if key.startswith(f'{section}.')}


def sections(keys: Iterable[str]) -> set[str | None]:
    """Those of the sections that a config need not have that stand in one."""
    return {configs.section_of(key, defaults.sections()) for key in keys}


def refused(run, *args) -> str:
    with pytest.raises(UserError) as error:
        run(*args)
    assert '\n' not in str(error.value)
    return str(error.value)


def read(path: Path, *overrides: tuple[str, str]) -> ConfigDict:
    return cli.read_config(str(path), list(overrides))


# What files give


@pytest.mark.parametrize('name', NAMES)
def test_an_experiment_is_as_its_file_says(name: str) -> None:
    """To the order of its keys: the defaults know all of it, and complete the sections that it names."""
    for variant in ('', 'smoke'):
        config = config_file.read(f'{EXPERIMENTS / name}.py:{variant}')
        found, given = configs.flatten(config), configs.flatten(test_experiments.config_of(name, variant))
        assert json.dumps({key: value for key, value in found.items() if key in given}) == json.dumps(given)
        added = {key: value for key, value in found.items() if key not in given}
        moves = configs.flatten(ConfigDict({'schedules': {each: defaults.schedule() for each in config.schedules}}))
        assert {key: (SECTIONS | moves)[key] for key in added} == added
        assert sections(found) == sections(given)
        assert config.is_locked


def test_what_a_config_leaves_out_is_as_the_defaults_say(tmp_path: Path) -> None:
    """A dict, keys with dots, a ConfigDict of few keys, and a frozen one."""
    text = "{'seed': 3, 'train': {'steps': 6}, 'ema.decay': 0.5, 'optimizer': {'critic': {'learning_rate': 1}}}"
    nested = text.replace("'ema.decay': 0.5", "'ema': {'decay': 0.5}")
    for given in (text, f'ConfigDict({nested})', f'FrozenConfigDict({nested})'):
        path = write(tmp_path, f'from ml_collections import *\n\ndef get_config():\n    return {given}\n')
        config, whole = configs.flatten(read(path)), configs.flatten(common.get_config())
        differ = {key: value for key, value in config.items() if value != whole[key]}
        assert differ == {'seed': 3, 'train.steps': 6, 'ema.decay': 0.5, 'optimizer.critic.learning_rate': 1.0}
        assert type(config['optimizer.critic.learning_rate']) is float
        # Arguments of a function have their defaults there.
        assert [key for key in whole if key not in config] == [
            f'optimizer.critic.{key}' for key in common.adam() if key not in ('name', 'learning_rate')
        ]
        assert config['optimizer.critic.name'] == 'adam'


def test_a_dict_is_a_config(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Where it lacks what has no default, that is said."""
    nets = {role: {'net': 'mlp', 'widths': (8,)} for role in ('generator', 'critic')}
    for given, code in (
        ({'seed': 0, 'system': 'gan'}, 2),
        ({'data': {'name': 'ring'}}, 2),
        ({'data.name': 'ring', **nets}, 0),
    ):
        path = write(tmp_path, f'def get_config():\n    return {given}\n')
        assert launching.main(f'--config={path}', '--mode=describe') == code
        out, errors = capsys.readouterr()
        assert 'generator' in out if code == 0 else errors.count('\n') == 1
    assert 'data.name' in refused(lambda: setup.setup(configs.apply_defaults({'seed': 0}, 'of a test'), devices=1))
    assert 'generator.net' in refused(
        lambda: setup.setup(configs.apply_defaults({'data.name': 'ring'}, 'of a test'), devices=1)
    )


def test_the_section_of_a_system_has_defaults_where_it_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "def get_config():\n    return {'system': 'began', 'began': {'gamma': 0.9}}\n")
    config = read(path)
    assert config.began.to_dict() == {'gamma': 0.9, 'rate': 0.001} and 'ebgan' not in config


def test_a_term_is_on_where_it_is_named_and_off_where_it_is_none(tmp_path: Path) -> None:
    """With its defaults, in a dict, by a key with dots, and on the command line, which may come after."""
    r1 = {'weight': 10.0, 'every': 1, 'through_view': True}
    for given, words, wanted in (
        ({'terms': {'r1': {'weight': 1}}}, {}, {'r1': {**r1, 'weight': 1.0}}),
        ({'terms': {'r1': {}}}, {}, {'r1': r1}),
        ({'terms.r1.every': 4}, {'terms.r2.weight': '2'}, {'r1': {**r1, 'every': 4}, 'r2': {**r1, 'weight': 2.0}}),
        ({'terms.r1.every': 4}, {'terms.r1': 'None'}, {}),
        ({'terms': {'r1': None}}, {}, {}),
        ({}, {'terms.r1': 'None', 'terms.r1.every': '4'}, {'r1': {**r1, 'every': 4}}),
        ({}, {}, {}),
    ):
        path = write(tmp_path, f'def get_config():\n    return {given}\n')
        assert read(path, *words.items()).terms.to_dict() == wanted


def test_sections_are_the_arguments_of_their_functions() -> None:
    """Which are read from the text of their files, and are what Python itself finds there."""
    found = {}
    for package, name in ((gans.systems, 'build'), (gans.dynamics, 'transform')):
        for file in pkgutil.iter_modules(package.__path__):
            make = getattr(importlib.import_module(f'{package.__name__}.{file.name}'), name, None)
            if file.name != 'build' and not file.name.startswith('_'):
                found[file.name] = inspect.getfullargspec(make).kwonlydefaults or {}
    for name, make in (terms.TERMS).items():
        found[f'terms.{name}'] = inspect.getfullargspec(make).kwonlydefaults
    assert {'began', 'lookahead', 'terms.lecam'} < found.keys()
    assert {name: section for name, section in found.items() if section} == defaults.sections()


def test_what_functions_take_is_read_from_their_text() -> None:
    """And is what Python itself finds there; no experiment sets anything else."""
    for name, kinds in {'tfds:x': load.FAMILIES['tfds'], 'folder:x': load.FAMILIES['folder'], **load.SETS}.items():
        assert {*arguments.taken('data', name)} == {*load.arguments(name), *arguments.OF_ANY['data']}, (name, kinds)
    for name in signatures.files('gans.nets'):
        classes = vars(importlib.import_module(f'gans.nets.{name}'))
        fields = {
            each: {field.name for field in dataclasses.fields(net)}
            for each, net in classes.items()
            if dataclasses.is_dataclass(net) and each[0] != '_' and net.__module__ == f'gans.nets.{name}'
        }
        for role in ('generator', 'critic'):
            nets = [
                found
                for each, found in fields.items()
                if {'shape', 'compute'} <= found and each.endswith(('Critic', 'Autoencoder')) == (role == 'critic')
            ]
            found = {*arguments.OF_ANY['net']}.union(*nets) - {'parent', 'name', 'shape', 'compute', 'classes'}
            assert {*(arguments.taken(role, name) or arguments.OF_ANY['net'])} == found, (name, role)
    for name in NAMES:
        config = config_file.read(f'{EXPERIMENTS / name}.py')
        for section in defaults.ARGUMENTS:
            held = keys.parent_of(config, f'{section}.')[0]
            if held:
                over = arguments.left_over(section, held.get(arguments.naming(section)), held)
                over = [key for key in over if (section, key, held[key]) != ('data', 'flip', False)]  # a default
                assert not over, (name, section)


def test_a_file_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    write(tmp_path, 'STEPS = 7\n', 'helper_of_a_test.py')
    write(tmp_path, 'SEED = 8\n', 'late_helper_of_a_test.py')
    path = write(
        tmp_path,
        'import helper_of_a_test\n\ndef get_config():\n    import late_helper_of_a_test as late\n'
        "    return {'train': {'steps': helper_of_a_test.STEPS}, 'seed': late.SEED}\n",
    )
    config = read(path)
    assert (config.train.steps, config.seed) == (7, 8)


def test_colons_in_a_path(tmp_path: Path) -> None:
    path = write(tmp_path / 'a:b', "def get_config(variant='x'):\n    return {'data.name': variant}\n", 'c:d.py')
    assert read(path).data.name == 'x'
    assert read(f'{path}:small').data.name == 'small'
    assert cli.default_workdir(f'{path}:small') == Path('runs/c:d-small')
    assert config_file.split('C:\\gone\\gan.py:smoke') == (Path('C:\\gone\\gan.py'), 'smoke')
    assert config_file.split('C:\\gone\\gan.py') == (Path('C:\\gone\\gan.py'), None)


# What they do wrong


@pytest.mark.parametrize(
    'text, said',
    [
        (TYPO, "unknown key of FILE 'train.stepz'; did you mean 'train.steps'?"),
        ("def get_config():\n    return {'ema': {'deca': 1}}", "'ema.deca'; did you mean 'ema.decay'?"),
        ("def get_config():\n    return {'zebra': {}}", "unknown key of FILE 'zebra'"),
        ("def get_config():\n    return {'began': {'gama': 1}}", "'began.gama'; did you mean 'began.gamma'?"),
        ("def get_config():\n    return {'terms': {'r1': 5}}", 'terms.r1=5 of FILE does not fit: expected a section'),
        ("def get_config():\n    return {'terms': {'r11': {}}}", "'terms.r11'; did you mean 'terms.r1'?"),
        ("def get_config():\n    return {'terms.r1.wait': 1}", "'terms.r1.wait'; did you mean 'terms.r1.weight'?"),
        ("def get_config():\n    return {'train': 5}", 'train=5 of FILE does not fit: expected a section'),
        ("def get_config():\n    return {'seed': {'a': 1}}", "unknown key of FILE 'seed.a'; did you mean 'seed'?"),
        ("def get_config():\n    return {'pack': True}", 'pack=True of FILE does not fit: expected a whole number'),
        ("def get_config():\n    return {'pack': 1.5}", 'pack=1.5 of FILE does not fit: expected a whole number'),
        (
            "def get_config():\n    return {'ema': {'decay': '0.9'}}",
            "ema.decay='0.9' of FILE does not fit: expected a number",
        ),
        (
            "def get_config():\n    return {'ema': {'decay': True}}",
            'ema.decay=True of FILE does not fit: expected a number',
        ),
        (
            "def get_config():\n    return {'train': {'steps': None}}",
            'train.steps=None of FILE: this key cannot be turned',
        ),
        (
            'def get_config():\n    pass',
            'FILE, line 1: get_config must return a ConfigDict or a dict, but returns None',
        ),
        (
            'x = 1\ndef get_config():\n    return [1]',
            'FILE, line 2: get_config must return a ConfigDict or a dict, but',
        ),
        (
            'def get_config(size):\n    return {}',
            'FILE, line 1: get_config(size): it needs a variant: --config=FILE:NAME',
        ),
        ('def get_config():\n    return {}[1]', 'FILE, line 2: KeyError: 1'),
        (
            HEAD + 'def get_config():\n    config = base()\n    config.generator = 1e4',
            'FILE, line 5: generator=10000.0 does not fit: expected a section',
        ),
        ("def get_config():\n    raise ValueError('two\\nlines')", 'FILE, line 2: ValueError: two lines'),
        ('import sys\nsys.exit(3)', 'FILE, line 2: SystemExit: 3'),
        ('import nothing_like_it', "FILE, line 1: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ('x = (\n', 'FILE, line 1: SyntaxError: '),
        ('x = 1', 'FILE has no `def get_config()`'),
        ('get_config = 3', 'FILE has no `def get_config()`'),
        ('get_config = dict', 'FILE: '),
    ],
)
def test_mistakes_in_a_file(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an absolute path, and by one from here."""
    path = write(tmp_path, text)
    assert said.replace('FILE', str(path)) in refused(read, path)
    monkeypatch.chdir(tmp_path)
    assert said.replace('FILE', 'mine.py') in refused(read, 'mine.py')


def test_mistakes_in_what_a_file_imports(tmp_path: Path) -> None:
    helper = write(tmp_path, 'x = (\n', 'broken_helper_of_a_test.py')
    assert f'{helper}, line 1: SyntaxError' in refused(read, write(tmp_path, 'import broken_helper_of_a_test'))
    path = write(tmp_path, 'def get_config():\n    return {}')
    assert f"{path}, line 1: get_config(): it has no variants: leave out ':tiny'" in refused(read, f'{path}:tiny')
    assert 'it must be a Python file (.py), or' in refused(read, write(tmp_path, '', 'notes.txt'))
    for text in ('[1]', '{', '3'):
        assert 'config.json' in refused(read, write(tmp_path, text, 'config.json'))
    assert "did you mean 'train.steps'" in refused(read, write(tmp_path, '{"train": {"stepz": 1}}', 'config.json'))


def test_unknown_keys_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Files, bases of sweeps and their rows alike: exit code 2, one line, and no folder."""
    typo, folder = write(tmp_path, TYPO), tmp_path / 'run'
    rows = "\ndef sweep(add):\n    add('a', **{'train.stepz': 6})\n"
    base = write(tmp_path, TYPO + rows, 'base.py')
    row = write(tmp_path, TYPO.replace('stepz', 'steps') + rows, 'row.py')
    for given, where in ((f'--config={typo}', typo), (f'--sweep={base}', base), (f'--sweep={row}', "row 'a'")):
        assert launching.main(given, f'--workdir={folder}') == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: unknown key of {where} 'train.stepz'; did you mean 'train.steps'?")
        assert said.count('\n') == 1 and not folder.exists()


@pytest.mark.parametrize(
    'key, now',
    [
        ('penalty.name', 'terms.NAME, such as terms.r1.weight'),
        ('penalty.weight', 'terms.NAME, such as terms.r1.weight'),
        ('consistency.weight', 'terms.consistency'),
        ('lecam.weight', 'terms.lecam'),
        ('feature_matching', 'terms.feature_matching.weight'),
        ('unroll.steps', 'unrolled'),
        ('labels.real', 'targets'),
        ('flip_labels', 'flip_targets'),
    ],
)
def test_keys_that_have_moved(key: str, now: str, tmp_path: Path) -> None:
    """In a file, on the command line, and in the config.json of a run that was made before."""
    path = write(tmp_path, f'def get_config():\n    return {{{key!r}: 1.0}}\n')
    assert refused(read, path).startswith(f'there is no key {key} of {path} any more: it is {now}')
    path = write(tmp_path, 'def get_config():\n    return {}\n')
    said = refused(lambda: read(path, (key, '1')))
    assert said.startswith(f'there is no key {key} on the command line any more: it is {now}')
    section, _, last = key.partition('.')
    run = ConfigDict({**common.get_config().to_dict(), section: {last: 1.0} if last else 1.0})
    run.data.name, run.generator.net, run.critic.net = 'ring', 'mlp', 'mlp'
    assert refused(lambda: setup.setup(run, devices=1)).startswith(f'there is no key {section} any more: it is {now}')


# What is set in them


@pytest.mark.parametrize(
    'words, wanted',
    [
        (['--config.pack=4'], {'pack': 4}),
        (['-config.pack', '0x4'], {'pack': 4}),
        (['--config.critic.norm', 'spectral'], {'critic.norm': 'spectral'}),
        (['--config.critic.init_std', '-1.5'], {'critic.init_std': -1.5}),
        (['--config.critic.minibatch', 'True', '--num=3'], {'critic.minibatch': True}),
        (['--config.critic.residual', '--num=3'], {'critic.residual': True}),
        (['--config.data.labels'], {'data.labels': True}),
        (['--config.terms.wgan_gp.one_sided'], of('terms.wgan_gp') | {'terms.wgan_gp.one_sided': True}),
        (['--config.terms.wgan_gp.one_sided=1', '--noconfig.terms.wgan_gp.one_sided'], of('terms.wgan_gp')),
        (['--config.terms.r1.weight', '1e-4'], {'terms.r1.weight': 1e-4}),
        (['--config.terms.r1.weight=0', '--config.terms.r1=None'], dict.fromkeys(of('terms.r1'))),
        (['--config.terms.r2=None'], {}),
        (['--config.dynamics=extragradient,lookahead'], {'dynamics': 'extragradient,lookahead'}),
        (['--config.ema.decay', 'None'], {'ema.decay': None}),
        (['--config.eval.features=None'], {'eval.features': None}),
        (['--config.critic.widths=8,8'], {'critic.widths': [8, 8]}),
        (
            ['--config.system=began', '--config.began.gamma', '1'],
            {'system': 'began', 'began.gamma': 1.0, 'began.rate': 1e-3},
        ),
        (['--config.optimizer.critic.decay=0.5'], {'optimizer.critic.decay': 0.5}),
        (["--config.train={'steps': 5, 'micro': 2}"], {'train.steps': 5, 'train.micro': 2}),
        (['--config.finetune.step=best', '--config.finetune.step=7'], {'finetune.step': '7'}),
        (['--config.train.steps=1e4', '--config.pack=4e0'], {'train.steps': 10_000, 'pack': 4}),
        (['--config.data.modes=1e1', '--config.critic.pieces=2e0'], {'data.modes': 10, 'critic.pieces': 2}),
        (
            ['--config.critic.net=dcgan', '--config.critic.width=1e1'],
            {'critic.net': 'dcgan', 'critic.width': 10, 'critic.widths': None},
        ),
        (
            ['--config.critic.width=8', '--config.critic.net=dcgan'],
            {'critic.net': 'dcgan', 'critic.width': 8, 'critic.widths': None},
        ),
    ],
)
def test_keys_on_the_command_line(words: list[str], wanted: dict) -> None:
    flags.FLAGS.unparse_flags()
    file = str(EXPERIMENTS / 'gan_ring8.py')
    _, overrides = cli.parse(['launch.py', f'--config={file}', *words])
    before, after = configs.flatten(config_file.read(file)), configs.flatten(cli.read_config(file, overrides))
    assert {key: after.get(key) for key in before | after if before.get(key) != after.get(key)} == wanted


def test_the_command_of_a_sweep_says_what_not_where() -> None:
    words = ['--sweep=a b.py', '--workdir', 'W', '--row=x', '--config.pack', '2', '--compilation_cache=c', '--seeds=3']
    assert cli.sweep_command(['launch.py', *words]) == "python launch.py '--sweep=a b.py' --config.pack 2 --seeds=3"


def test_a_section_of_arguments_is_set_as_a_whole() -> None:
    set_to = lambda value: configs.override(gan_ring8.get_config(), value, 'of a test')
    assert set_to({'critic': {'net': 'dirac'}}).critic == ConfigDict({'net': 'dirac'})
    rated = set_to({'optimizer': {'critic': {'learning_rate': 1}}}).optimizer
    assert rated.critic == ConfigDict({'name': 'adam', 'learning_rate': 1.0})
    assert rated.generator == gan_ring8.get_config().optimizer.generator


@pytest.mark.parametrize(
    'given, wanted',
    [
        ({'critic.net': 'dcgan'}, {'net': 'dcgan', 'norm': 'batch'}),
        ({'critic.net': 'mlp'}, {'net': 'mlp', 'widths': (8,), 'norm': 'batch', 'pieces': 2}),
        ({'critic.widths': (9,), 'critic.net': 'dcgan'}, {'net': 'dcgan', 'norm': 'batch', 'widths': (9,)}),  # an error
        ({'critic.width': 9, 'critic.net': 'dcgan'}, {'net': 'dcgan', 'norm': 'batch', 'width': 9}),
        ({'critic.width': 9, 'critic': {'norm': 'none', 'net': 'dcgan'}}, {'net': 'dcgan', 'norm': 'none', 'width': 9}),
        ({'critic': {'widths': (9,)}}, {'net': 'mlp', 'widths': (9,)}),
        ({'critic.net': 'no_such_net'}, {'net': 'no_such_net', 'widths': (8,), 'norm': 'batch', 'pieces': 2}),
    ],
)
def test_another_function_takes_its_own_arguments_along(given: dict, wanted: dict) -> None:
    """It keeps those that it takes as well, and what is given with it, in whatever order; in a stage as in a row."""
    base = {'critic': {'net': 'mlp', 'widths': (8,), 'norm': 'batch', 'pieces': 2}}
    config = configs.override(config_file.read('gan_ring8'), base, 'of a test')
    assert configs.override(config, given, 'of a test').critic.to_dict() == wanted
    if 'critic' not in given:  # a section in a stage that does not name its function is laid over
        staged = configs.override(config, {f'stages.big.{key}': each for key, each in given.items()}, 'of a test')
        assert configs.of_one_stage(staged, 'big').critic.to_dict() == wanted
        again = configs.apply_defaults(json.loads(json.dumps(staged.to_dict())), 'of a test')
        assert configs.flatten(configs.of_one_stage(again, 'big')) == configs.flatten(
            configs.of_one_stage(staged, 'big')
        )


def test_any_name_of_a_function_takes_arguments_along() -> None:
    """Of optimizers, data sets, systems and dynamics; and from stages that name none of their own."""
    config = configs.override(
        gan_ring8.get_config(),
        {'data': {'name': 'openmoji', 'size': 32, 'group': 'objects', 'flip': True}, 'began.gamma': 0.5,
         'system': 'began', 'dynamics': 'extragradient,lookahead', 'lookahead.every': 3,
         'optimizer.critic.clip_norm': 1, 'stages.big.begin': 9, 'stages.big.critic': {'net': 'mlp', 'widths': (9,)},
         'stages.big.generator': {'widths': (9,), 'norm': 'batch'}},
        'of a test',
    )  # fmt: skip
    set_to = lambda **given: configs.override(
        config, {key.replace('__', '.'): x for key, x in given.items()}, 'of a test'
    )
    assert set_to(data__name='digits').data.to_dict() == {'name': 'digits', 'size': 32, 'flip': True}
    assert set_to(data__name='folder:x').data.size == 32 and 'group' not in set_to(data__name='folder:x').data
    parts = {'data__name': 'joined', 'data__a__name': 'digits'}
    assert set_to(**parts).data.to_dict() == {'name': 'joined', 'a': {'name': 'digits'}}
    typed = set_to(optimizer__critic={'b1': 0.9, 'name': 'sgd'}).optimizer.critic
    assert typed.to_dict() == {'b1': 0.9, 'name': 'sgd'}  # an error
    sgd = set_to(optimizer__critic__name='sgd').optimizer.critic
    assert 'b1' not in sgd and sgd.clip_norm == 1 and sgd.learning_rate == config.optimizer.critic.learning_rate
    assert 'began' not in set_to(system='gan') and 'began' in set_to(system='gan', began__gamma=1.0)
    assert 'lookahead' not in set_to(dynamics='extragradient') and 'lookahead' not in set_to(dynamics=None)
    assert 'lookahead' in set_to(dynamics='lookahead')
    other = set_to(generator__net='dcgan', critic__net='dcgan')
    assert other.stages.big.to_dict() == {
        'begin': 9, 'generator': {'norm': 'batch'}, 'critic': {'net': 'mlp', 'widths': (9,)}
    }  # fmt: skip
    told = configs.consequences(config, other)
    assert (
        'generator.net=dcgan takes no widths: dropped' in told and 'critic.net=dcgan takes no widths: dropped' in told
    )
    assert configs.consequences(config, config) == []


def test_a_schedule_that_stays_where_the_run_ended_is_told() -> None:
    schedule = {'optimizer.critic.schedule': 'linear', 'optimizer.critic.schedule_end': 50, 'train.steps': 50}
    config = configs.override(gan_ring8.get_config(), schedule, 'of a test')
    after = lambda **more: configs.override(config, {'train.steps': 90} | more, 'of a test')
    said = 'optimizer.critic.schedule_end=50 stays, where the run ended before train.steps=90'
    assert configs.consequences(config, after()) == [said]
    assert configs.consequences(config, after(**{'optimizer.critic.schedule_end': 90})) == []


@pytest.mark.parametrize(
    'given, said',
    [
        ({'generator': 'dcgan'}, "'dcgan' of a test does not fit: expected a section; set generator.net=dcgan"),
        ({'data': 'mnist'}, 'set data.name=mnist'),
        ({'optimizer': 'sgd'}, 'set optimizer.generator.name=sgd and optimizer.critic.name=sgd'),
        ({'optimizer.critic': 1e-3}, 'where KEY is b1, b2, eps, learning_rate'),
        ({'ema': 0.9}, 'set ema.decay=0.9'),
        ({'terms': 'r1'}, 'set terms.r1.weight'),
        ({'terms.r1': 2}, 'set terms.r1.weight=2'),
        ({'began': 0.5}, 'set began.gamma=0.5'),
        ({'latents': 64}, 'set latents.KEY=64, where KEY is scale, size'),
        ({'stages.big': {'begin': 3, 'critic': 'mlp'}}, "'big' of a test does not fit: expected a section; set"),
        ({'width': 8}, "unknown key of a test 'width'; did you mean"),
        ({'learning_rate': 1}, "did you mean 'optimizer.critic.learning_rate' or 'optimizer.generator.learning_rate'?"),
        ({'r1.weight': 1}, "did you mean 'terms.r1.weight'?"),
        ({'stages.big': {'begin': 3, 'batch_size': 4}}, "did you mean 'train.batch_size'?"),
        ({'train.steps': 2.5}, 'train.steps=2.5 of a test does not fit: expected a whole number'),
    ],
)  # fmt: skip
def test_a_key_without_its_path_and_a_value_in_place_of_a_section(given: dict, said: str) -> None:
    dcgans = {'generator': {'net': 'dcgan'}, 'critic': {'net': 'dcgan'}}
    config = configs.override(gan_ring8.get_config(), dcgans, 'of a test')
    assert said in refused(configs.override, config, given, 'of a test')


def test_whole_numbers_in_files_and_rows_may_be_written_as_floats() -> None:
    given = {'train.steps': 1e4, 'data.modes': 4.0, 'stages.big': {'begin': 1e2, 'train': {'batch_size': 8.0}}}
    config = configs.override(gan_ring8.get_config(), given, 'of a test')
    found = (config.train.steps, config.data.modes, config.stages.big.begin, config.stages.big.train.batch_size)
    assert found == (10_000, 4, 100, 8) and {type(each) for each in found} == {int}


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    set_to = {'pack': np.int64(2), 'terms.r1.weight': np.float32(0.5), 'ema.decay': np.float64(0.5)}
    config = configs.override(gan_ring8.get_config(), set_to, 'of a test')
    assert [type(x) for x in (config.pack, config.terms.r1.weight, config.ema.decay)] == [int, float, float]


def test_a_section_that_is_there_in_part_is_made_whole() -> None:
    config = gan_ring8.get_config()
    config.terms = ConfigDict({'r1': {'weight': 3.0}})
    found = configs.override(config, {'terms.r1.every': 4}, 'of a test').terms.r1
    assert found.to_dict() == defaults.terms()['r1'] | {'weight': 3.0, 'every': 4}
