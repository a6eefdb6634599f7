"""Reads the tensors of PyTorch files without unpickling, since unpickling may run arbitrary code.

Both formats of torch.save are supported: the zip archive (PyTorch >= 1.6) and the legacy stream. The pickle inside is
interpreted operation by operation (`pickletools.genops`), with its few callables treated as data; anything that a plain
state dict does not need is rejected.
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

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # start of a legacy stream
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
    """Raw numbers, stored elsewhere in the file."""

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
    """The tensors of a state dict written by torch.save, by name, as read-only views of the file's bytes.

    Raises UserError if the file is missing, damaged or not from PyTorch, or if it contains anything but named tensors:
    objects, nested dicts (training checkpoints), plain numbers.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f'cannot read {path}: {error.strerror}') from error
    if not data:
        raise UserError(f'{path} is empty')
    legacy = data.startswith(LEGACY_START)
    if not legacy and not zipfile.is_zipfile(io.BytesIO(data)):
        raise UserError(f'{path} is not a file of torch.save, or truncated: it starts with {data[:8]!r}')
    try:
        return (_read_legacy if legacy else _read_zip)(data)
    except UserError as error:
        raise UserError(f'{path}: {error}') from error
    except Exception as error:  # truncated data, missing names, invalid numbers: in any case the file is at fault
        raise UserError(f'{path} is damaged, or not a state dict: {type(error).__name__}: {error}') from error


def _read_zip(data: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        top = next((name.removesuffix('data.pkl') for name in names if name.endswith('data.pkl')), None)
        if top is None:
            raise UserError('it is an archive without data.pkl, not a file of torch.save')
        order = '>' if f'{top}byteorder' in names and archive.read(f'{top}byteorder') == b'big' else '<'
        tensors = _state_dict(interpret(io.BytesIO(archive.read(f'{top}data.pkl'))))
        return _views(tensors, {key: archive.read(f'{top}data/{key}') for key in _storages(tensors)}, order)


def _read_legacy(data: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(data)
    if (interpret(stream), interpret(stream)) != (MAGIC, PROTOCOL):
        raise ValueError('not the legacy format of torch.save')
    interpret(stream)  # the machine that wrote it; numbers are always little-endian
    tensors = _state_dict(interpret(stream))
    storages, raw = _storages(tensors), {}
    for key in interpret(stream):
        (size,) = struct.unpack('<q', stream.read(8))
        if size != storages[key].size:
            raise ValueError(f'storage {key} has {size} elements, not {storages[key].size}')
        raw[key] = stream.read(size * np.dtype(storages[key].dtype).itemsize)
    return _views(tensors, raw, '<')


def interpret(stream: BinaryIO) -> Any:
    """Interprets the next pickle of the stream, with `Tensor` and `Storage` for those of PyTorch.

    The stream is left after the pickle. Raises UserError for operations and names that a state dict does not need.
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
                    raise UserError(f"it would run '{value.replace(' ', '.')}': not a plain state dict")
                stack.append(Global(value))
            case 'REDUCE':
                arguments = stack.pop()
                stack.append(_call(stack.pop(), arguments))
            case 'BINPERSID':
                stack.append(_storage(*stack.pop()))
            case 'BUILD':
                stack.pop()  # attributes of the dict: versions of modules
            case 'STOP':
                return stack.pop()
            case name:
                raise UserError(f'it needs the pickle operation {name}: not a plain state dict')
    raise EOFError('the pickle is truncated')


def _pairs(items: list[Any]) -> list[tuple[str, Any]]:
    pairs = list(zip(items[::2], items[1::2], strict=True))
    if not all(isinstance(name, str) for name, _ in pairs):
        raise UserError('it has a dict whose keys are not names: not a plain state dict')
    return pairs


def _call(function: Global, arguments: tuple[Any, ...]) -> Any:
    match function, arguments:
        case Global(name), () if name == DICT:
            return {}
        case Global(name), (Storage() as storage, offset, shape, strides, *_) if name == TENSOR:
            return Tensor(storage, offset, shape, strides)
        case Global(name), (Tensor() as tensor, *_) if name == PARAMETER:
            return tensor
    raise UserError('it calls a function unlike torch.save: not a plain state dict')


def _storage(kind: str, dtype: Global, key: str, place: str, size: int, view: None = None) -> Storage:
    if kind != 'storage' or view is not None:
        raise UserError('it refers to something other than plain storages of numbers')
    return Storage(DTYPES[dtype.name], key, size)


def _state_dict(found: Any) -> dict[str, Tensor]:
    if not isinstance(found, dict):
        raise UserError('it is not a dict of tensors: not a plain state dict')
    odd = [name for name, value in found.items() if not isinstance(value, Tensor)]
    if odd:
        raise UserError(f"its entry '{odd[0]}' is not a tensor: not a plain state dict")
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
    # as_strided does not check bounds
    if min(0, offset, *shape, *strides) < 0 or (0 not in shape and offset + last >= size):
        raise ValueError(f'a tensor exceeds its storage {key}')
    steps = [stride * flat.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps, writeable=False)


class StateDict:
    """A state dict from which a net takes its parameters; UserError for missing, misshapen or unused tensors."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        self.left = {name: value for name, value in tensors.items() if not name.endswith('.num_batches_tracked')}

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor of that name and shape, in float32."""
        if name not in self.left:
            raise UserError(f"the weights have no '{name}': they belong to another net")
        value = self.left.pop(name)
        if value.shape != shape:
            raise UserError(f"the weights' '{name}' has shape {value.shape}, not {shape}: they belong to another net")
        return np.ascontiguousarray(value, np.float32)

    def fold(self, conv: str, norm: str, shape: tuple[int, ...], epsilon: float) -> dict[str, np.ndarray]:
        """A convolution without bias and the batch norm after it, as one kernel [h, w, in, out] and bias [out]."""
        kernel = self.take(f'{conv}.weight', tuple(shape[axis] for axis in (3, 2, 0, 1))).transpose(2, 3, 1, 0)
        scale, bias, mean, variance = (
            self.take(f'{norm}.{name}', shape[3:]).astype(np.float64)
            for name in ('weight', 'bias', 'running_mean', 'running_var')
        )
        scale /= np.sqrt(variance + epsilon)
        return {'kernel': (kernel * scale).astype(np.float32), 'bias': (bias - mean * scale).astype(np.float32)}

    def finish(self) -> None:
        """Raises UserError if tensors are unused."""
        if self.left:
            raise UserError(f"the weights have an unknown '{min(self.left)}': they belong to another net")
