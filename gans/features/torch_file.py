"""Reads the tensors of PyTorch files without unpickling: a pickle is a program, and nobody else's program runs here.

Both formats of torch.save are known: the zip archive (PyTorch >= 1.6) and the legacy stream. The pickle inside is
read operation by operation (`pickletools.genops`), and its few callables are taken as data; anything that a plain
state dict does not need is refused.
"""

import hashlib
import io
import pickletools
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from gans.errors import UserError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # what a legacy stream begins with
LEGACY_START = b'\x80\x02\x8a\x0a'  # the pickle of MAGIC: protocol 2, an integer of ten bytes

DICT, TENSOR, PARAMETER = (
    'collections OrderedDict',
    'torch._utils _rebuild_tensor_v2',
    'torch._utils _rebuild_parameter',
)
DTYPES = {
    'torch FloatStorage': 'f4',
    'torch DoubleStorage': 'f8',
    'torch HalfStorage': 'f2',
    'torch LongStorage': 'i8',
    'torch IntStorage': 'i4',
    'torch ShortStorage': 'i2',
    'torch CharStorage': 'i1',
    'torch ByteStorage': 'u1',
    'torch BoolStorage': '?',
}


class Global(NamedTuple):
    """A name that the pickle would import. Nothing is imported."""

    name: str


class Storage(NamedTuple):
    """Raw numbers that stand elsewhere in the file."""

    dtype: str
    key: str
    size: int  # in elements


class Tensor(NamedTuple):
    """A strided view of a storage; offset and strides in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal digits."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict that torch.save wrote, by name, as read-only views of the file's bytes.

    Raises UserError where there is no file, where it is damaged or no file of PyTorch, and where it holds anything but
    tensors by name: objects, nested dicts (checkpoints of a whole training), plain numbers.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f'cannot read {path}: {error.strerror}') from error
    if not data:
        raise UserError(f'{path} is empty')
    legacy = data.startswith(LEGACY_START)
    if not legacy and not zipfile.is_zipfile(io.BytesIO(data)):
        raise UserError(f'{path} is no file of torch.save, or is cut short: its beginning is {data[:8]!r}')
    try:
        return (_read_legacy if legacy else _read_zip)(data)
    except UserError as error:
        raise UserError(f'{path}: {error}') from error
    except Exception as error:  # a short read, a missing name, nonsense for a number: the file's fault in any case
        raise UserError(f'{path} is damaged, or no state dict: {type(error).__name__}: {error}') from error


def _read_zip(data: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        top = next((name.removesuffix('data.pkl') for name in names if name.endswith('data.pkl')), None)
        if top is None:
            raise UserError('it is an archive without data.pkl: no file of torch.save')
        order = '>' if f'{top}byteorder' in names and archive.read(f'{top}byteorder') == b'big' else '<'
        tensors = _state_dict(interpret(io.BytesIO(archive.read(f'{top}data.pkl'))))
        return _views(tensors, {key: archive.read(f'{top}data/{key}') for key in _storages(tensors)}, order)


def _read_legacy(data: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(data)
    if (interpret(stream), interpret(stream)) != (MAGIC, PROTOCOL):
        raise ValueError('not the legacy format of torch.save')
    interpret(stream)  # the machine that wrote it; the numbers are little-endian on any
    tensors = _state_dict(interpret(stream))
    storages, raw = _storages(tensors), {}
    for key in interpret(stream):
        (size,) = struct.unpack('<q', stream.read(8))
        if size != storages[key].size:
            raise ValueError(f'storage {key} has {size} elements, not {storages[key].size}')
        raw[key] = stream.read(size * np.dtype(storages[key].dtype).itemsize)
    return _views(tensors, raw, '<')


def interpret(stream: BinaryIO) -> Any:
    """The object that the next pickle of the stream describes, with `Tensor` and `Storage` for PyTorch's own.

    Leaves the stream behind the pickle. Raises UserError for operations and names that a state dict does not need.
    """
    stack, marks, memo = [], [], {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    for operation, value, _ in pickletools.genops(stream):
        match operation.name:
            case 'PROTO':
                pass
            case 'BINUNICODE' | 'BININT' | 'BININT1' | 'BININT2' | 'LONG1':
                stack.append(value)
            case 'NONE' | 'NEWTRUE' | 'NEWFALSE':
                stack.append({'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}[operation.name])
            case 'MARK':
                marks.append(len(stack))
            case 'EMPTY_TUPLE':
                stack.append(())
            case 'TUPLE1' | 'TUPLE2' | 'TUPLE3':
                count = int(operation.name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case 'TUPLE':
                stack.append(tuple(since_mark()))
            case 'EMPTY_LIST':
                stack.append([])
            case 'APPEND' | 'APPENDS':
                items = since_mark() if operation.name == 'APPENDS' else [stack.pop()]
                stack[-1].extend(items)
            case 'EMPTY_DICT':
                stack.append({})
            case 'SETITEM' | 'SETITEMS':
                items = since_mark() if operation.name == 'SETITEMS' else [stack.pop(-2), stack.pop()]
                stack[-1].update(_pairs(items))
            case 'BINPUT' | 'LONG_BINPUT':
                memo[value] = stack[-1]
            case 'BINGET' | 'LONG_BINGET':
                stack.append(memo[value])
            case 'GLOBAL':
                if value not in DTYPES and value not in (DICT, TENSOR, PARAMETER):
                    raise UserError(f"it wants to run '{value.replace(' ', '.')}': not a plain state dict")
                stack.append(Global(value))
            case 'REDUCE':
                arguments = stack.pop()
                stack.append(_call(stack.pop(), arguments))
            case 'BINPERSID':
                stack.append(_storage(*stack.pop()))
            case 'BUILD':
                stack.pop()  # attributes of the dict below: versions of modules
            case 'STOP':
                return stack.pop()
            case name:
                raise UserError(f'it needs the pickle operation {name}: not a plain state dict')
    raise EOFError('a pickle without an end')


def _pairs(items: list[Any]) -> list[tuple[str, Any]]:
    pairs = list(zip(items[::2], items[1::2], strict=True))
    if not all(isinstance(name, str) for name, _ in pairs):
        raise UserError('it holds a dict whose keys are no names: not a plain state dict')
    return pairs


def _call(function: Global, arguments: tuple[Any, ...]) -> Any:
    match function, arguments:
        case Global(name), () if name == DICT:
            return {}
        case Global(name), (Storage() as storage, offset, shape, strides, *_) if name == TENSOR:
            return Tensor(storage, offset, shape, strides)
        case Global(name), (Tensor() as tensor, *_) if name == PARAMETER:
            return tensor
    raise UserError('it calls a function as torch.save does not: not a plain state dict')


def _storage(kind: str, dtype: Global, key: str, place: str, size: int, view: None = None) -> Storage:
    if kind != 'storage' or view is not None:
        raise UserError('it refers to something else than plain storages of numbers')
    return Storage(DTYPES[dtype.name], key, size)


def _state_dict(found: Any) -> dict[str, Tensor]:
    if not isinstance(found, dict):
        raise UserError('it is no dict of tensors: not a plain state dict')
    odd = [name for name, value in found.items() if not isinstance(value, Tensor)]
    if odd:
        raise UserError(f"its entry '{odd[0]}' is no tensor: not a plain state dict")
    return found


def _storages(tensors: dict[str, Tensor]) -> dict[str, Storage]:
    return {tensor.storage.key: tensor.storage for tensor in tensors.values()}


def _views(tensors: dict[str, Tensor], raw: dict[str, bytes], order: str) -> dict[str, np.ndarray]:
    return {name: _view(tensor, raw[tensor.storage.key], order) for name, tensor in tensors.items()}


def _view(tensor: Tensor, raw: bytes, order: str) -> np.ndarray:
    (dtype, key, size), offset, shape, strides = tensor
    flat = np.frombuffer(raw, np.dtype(dtype).newbyteorder(order))
    if len(flat) != size:
        raise ValueError(f'storage {key} has {len(flat)} elements, not {size}')
    last = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    # as_strided believes what it is told
    if min(0, offset, *shape, *strides) < 0 or (0 not in shape and offset + last >= size):
        raise ValueError(f'a tensor reaches beyond its storage {key}')
    steps = [stride * flat.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps, writeable=False)


class StateDict:
    """A state dict out of which a net takes its parameters; UserError for what is missing, misshapen or left over."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        self.left = {name: value for name, value in tensors.items() if not name.endswith('.num_batches_tracked')}

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor of that name and shape, in float32."""
        if name not in self.left:
            raise UserError(f"the weights have no '{name}': they are of another net")
        value = self.left.pop(name)
        if value.shape != shape:
            raise UserError(f"the weights' '{name}' has shape {value.shape}, not {shape}: they are of another net")
        return np.ascontiguousarray(value, np.float32)

    def fold(self, conv: str, norm: str, shape: tuple[int, ...], epsilon: float) -> dict[str, np.ndarray]:
        """A convolution without bias and the batch norm behind it, as one kernel [h, w, in, out] and bias [out]."""
        kernel = self.take(f'{conv}.weight', tuple(shape[axis] for axis in (3, 2, 0, 1))).transpose(2, 3, 1, 0)
        scale, bias, mean, variance = (
            self.take(f'{norm}.{name}', shape[3:]).astype(np.float64)
            for name in ('weight', 'bias', 'running_mean', 'running_var')
        )
        scale /= np.sqrt(variance + epsilon)
        return {'kernel': (kernel * scale).astype(np.float32), 'bias': (bias - mean * scale).astype(np.float32)}

    def finish(self) -> None:
        """Raises UserError if something was not taken."""
        if self.left:
            raise UserError(f"the weights hold '{min(self.left)}', which is not known: they are of another net")
