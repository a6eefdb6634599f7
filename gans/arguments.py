"""Sections whose keys are the arguments of a function that they name: `data`, nets, optimizers.

What a function takes is read from its text, so that a command line is answered before jax is imported.
"""

from collections.abc import Mapping
from typing import Any

from gans import defaults, signatures, user_code

# What any data set, net or optimizer takes, beside the arguments of its own function.
OF_ANY = {
    'data': {
        'flip': 'bool', 'random_crop': 'int', 'shrink': 'int', 'shrink_kernel': 'str', 'view': 'int', 'turn': 'float',
        'split': 'str', 'num': 'int', 'on_device_max_mb': 'float',
    },
    'net': {'condition': 'str', 'embedding': 'int'},
    'optimizer': {
        'schedule': 'str', 'schedule_start': 'int', 'schedule_end': 'int', 'schedule_final': 'float', 'warmup': 'int',
    },
}  # fmt: skip
OPTIMIZERS = {make.__name__: make for make in (defaults.adam, defaults.rmsprop, defaults.sgd)}
CRITICS = ('Critic', 'Autoencoder')  # how classes end that are nets of critics; all others are of generators
GIVEN = ('shape', 'compute', 'classes')  # fields of nets that a config cannot set; every net has the first two
KINDS = {'int': int, 'int | None': int, 'tuple[int, ...]': tuple}  # annotations, and the types that texts are read as


def is_argument(key: str) -> bool:
    """Whether a dotted key is the argument of a function, which has its own defaults and rejects unknown keys."""
    return key.startswith(tuple(f'{section}.' for section in defaults.ARGUMENTS))


def takes_arguments(key: str) -> bool:
    """Whether a dotted key may be a section whose keys are such arguments: `data`, and `data.a` of a joined set."""
    return key in defaults.ARGUMENTS or key.startswith('data.')


def naming(section: str) -> str:
    """The key by which a section of arguments names its function."""
    return 'name' if section.partition('.')[0] in ('data', 'optimizer') else 'net'


def names_function(key: str) -> bool:
    """Whether a dotted key names a function, whose arguments stand beside it."""
    section, _, last = key.rpartition('.')
    return takes_arguments(section) and last == naming(section)


def names_its_function(key: str, value: Any) -> bool:
    """Whether a value of a dotted key is a section of arguments that names its function."""
    return takes_arguments(key) and isinstance(value, Mapping) and naming(key) in value


def taken(section: str, name: Any) -> Mapping[str, str] | None:
    """What a section of arguments may hold beside the name of this function, and how it is annotated there; None if
    nobody knows such a function. Of a joined set that is what holds for the whole; sections of parts are beside it.
    """
    if not isinstance(name, str):
        return None
    if section.partition('.')[0] == 'optimizer':
        own = dict.fromkeys(OPTIMIZERS[name](), '') if name in OPTIMIZERS else None
        return None if own is None else own | OF_ANY['optimizer']
    if section.partition('.')[0] == 'data':
        if name == 'joined':
            return {'on_device_max_mb': 'float'}
        own, common = _of_set(name), OF_ANY['data']
    else:
        own, common = _of_net(section.rpartition('.')[2], name), OF_ANY['net']
    return None if own is None else {**common, **own}


def left_over(section: str, name: Any, held: Mapping[str, Any]) -> list[str]:
    """The keys of a section that are not for the function of this name."""
    known = taken(section, name)
    if known is None:
        return []
    is_part = lambda value: name == 'joined' and hasattr(value, 'items')
    return [key for key, value in held.items() if key not in {naming(section), *known} and not is_part(value)]


def _of_set(name: str) -> Mapping[str, str] | None:
    if user_code.is_reference(name):
        return user_code.annotations(name)
    found = (signatures.annotations(path, name.partition(':')[0]) for path in signatures.files('gans.data').values())
    return next((each for each in found if each is not None), None)


def _of_net(role: str, name: str) -> Mapping[str, str] | None:
    """The fields of all classes of a file that are nets of this role."""
    path = signatures.files('gans.nets').get(name)
    if user_code.is_reference(name):
        classes = [user_code.annotations(name)]
    elif path is not None:
        own = [each for each in signatures.names(path) if not each.startswith('_')]
        classes = [signatures.annotations(path, each) for each in own if each.endswith(CRITICS) == (role == 'critic')]
    else:
        classes = []
    nets = [fields for fields in classes if fields is not None and {*GIVEN[:2]} <= fields.keys()]
    return {key: kind for fields in nets for key, kind in fields.items() if key not in GIVEN} if nets else None
