"""Files of torch.save, written by PyTorch where it is installed, and written by hand: good, damaged and malicious."""

import hashlib
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from gans.errors import UserError
from gans.features import torch_file

NUMBERS = np.arange(12, dtype='<f4')


# A small assembler of pickles: code that leaves one object on the stack.
def text(value: str) -> bytes:
    return b'X' + struct.pack('<i', len(value)) + value.encode()


def integer(value: int) -> bytes:
    return b'J' + struct.pack('<i', value)


def tuple_of(*codes: bytes) -> bytes:
    return b'(' + b''.join(codes) + b't'


def call(name: str, *codes: bytes) -> bytes:
    return b'c' + name.replace(' ', '\n').encode() + b'\n' + tuple_of(*codes) + b'R'


def storage(key: str = '7', size: int = 12, dtype: str = 'Float') -> bytes:
    name = b'c' + f'torch\n{dtype}Storage\n'.encode()
    return tuple_of(text('storage'), name, text(key), text('cpu'), integer(size)) + b'Q'


def tensor(shape: tuple, strides: tuple, offset: int = 0, of: bytes | None = None) -> bytes:
    shape, strides = (tuple_of(*map(integer, numbers)) for numbers in (shape, strides))
    hooks = call('collections OrderedDict')
    return call('torch._utils _rebuild_tensor_v2', of or storage(), integer(offset), shape, strides, b'\x89', hooks)


def pickled(**entries: bytes) -> bytes:
    items = b''.join(text(name) + code for name, code in entries.items())
    return b'\x80\x02' + call('collections OrderedDict') + b'(' + items + b'u.'


def zipped(code: bytes, numbers: np.ndarray = NUMBERS, byteorder: str = 'little') -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), 'w') as archive:
        archive.writestr('weights/data.pkl', code)
        archive.writestr('weights/byteorder', byteorder)
        archive.writestr('weights/data/7', numbers.tobytes())
    return file.getvalue()


def legacy(code: bytes, numbers: np.ndarray = NUMBERS) -> bytes:
    start = [torch_file.MAGIC, torch_file.PROTOCOL, {'little_endian': True, 'type_sizes': {'int': 4}}]
    start = b''.join(pickle.dumps(each, 2) for each in start)
    return start + code + pickle.dumps(['7'], 2) + struct.pack('<q', len(numbers)) + numbers.tobytes()


def read(path, data: bytes):
    path = path / 'weights.pth'
    path.write_bytes(data)
    return torch_file.read(path)


def refuse(path, data: bytes, message: str):
    with pytest.raises(UserError, match=message) as error:
        read(path, data)
    assert '\n' not in str(error.value) and 'weights.pth' in str(error.value)


FORMATS = pytest.mark.parametrize('wrap', [zipped, legacy])


@FORMATS
def test_views_of_one_storage(wrap, tmp_path):
    views = {
        'plain': tensor((3, 4), (4, 1)),
        'transposed': tensor((4, 3), (1, 4)),
        'every other from the second': tensor((2, 3), (6, 2), offset=1),
        'scalar': tensor((), (), offset=11),
        'expanded': tensor((2, 3), (0, 1)),
        'none': tensor((0, 4), (4, 1)),
    }
    found = read(tmp_path, wrap(pickled(**views)))
    grid = NUMBERS.reshape(3, 4)
    expected = [grid, grid.T, NUMBERS[1::2].reshape(2, 3), NUMBERS[11], NUMBERS[[[0, 1, 2]] * 2], grid[:0]]
    assert list(found) == list(views)
    for value, wanted in zip(found.values(), expected, strict=True):
        np.testing.assert_array_equal(value, wanted, strict=True)


def test_a_parameter_and_big_endian_numbers(tmp_path):
    parameter = call('torch._utils _rebuild_parameter', tensor((12,), (1,)), b'\x88', call('collections OrderedDict'))
    found = read(tmp_path, zipped(pickled(w=parameter), NUMBERS.astype('>f4'), 'big'))
    np.testing.assert_array_equal(found['w'], NUMBERS)


@FORMATS
@pytest.mark.parametrize(
    'name, argument', [('posix system', 'touch {}'), ('builtins exec', 'import os; os.mkdir("{}")')], ids=['os', 'exec']
)
def test_a_malicious_pickle_does_not_run(wrap, name, argument, tmp_path):
    ran = tmp_path / 'ran'
    code = b'\x80\x02' + call(name, text(argument.format(ran))) + b'.'
    pickle.loads(code)  # Python's own way runs it, so that the test could fail
    assert ran.exists()
    ran.rmdir() if ran.is_dir() else ran.unlink()
    refuse(tmp_path, wrap(code), f"it would run '{name.replace(' ', '.')}': not a plain state dict")
    refuse(tmp_path, wrap(pickled(w=call(name, text(argument.format(ran))))), 'would run')
    assert not ran.exists()


class Harm:
    def __reduce__(self):
        return os.system, ('exit 1',)


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@FORMATS
def test_whatever_pickle_writes_of_an_object_is_refused(wrap, protocol, tmp_path):
    refuse(tmp_path, wrap(pickle.dumps({'w': Harm()}, protocol)), 'not a plain state dict')


@FORMATS
@pytest.mark.parametrize(
    'code, message',
    [
        (pickled(epoch=integer(3)), "entry 'epoch' is not a tensor"),
        (pickled(model=call('collections OrderedDict')), "entry 'model' is not a tensor"),
        (b'\x80\x02' + tensor((12,), (1,)) + b'.', 'not a dict of tensors'),
        (b'\x80\x02}' + integer(3) + tensor((12,), (1,)) + b's.', 'keys are not names'),
        (pickled(w=tensor((13,), (1,))), 'exceeds its storage'),
        (pickled(w=tensor((3,), (1,), offset=10)), 'exceeds its storage'),
        (pickled(w=tensor((3,), (1,), offset=-1)), 'exceeds its storage'),
        (pickled(w=tensor((3,), (-1,), offset=6)), 'exceeds its storage'),
        (pickled(w=tensor((3, 4), (1,))), 'damaged'),
        (pickled(w=tensor((3,), (1,), of=storage(size=13))), '12.* elements, not 13|13 elements, not 12|not 13'),
        (pickled(w=tensor((3,), (1,), of=storage(key='8'))), 'damaged'),
        (pickled(w=tensor((3,), (1,), of=storage(dtype='BFloat16'))), 'BFloat16Storage'),
        (pickled(w=tensor((3,), (1,), of=integer(3))), 'calls a function'),
        (b'\x80\x02' + b'h\x05.', 'damaged'),  # a memory that is not there
        (b'\x80\x02' + b'R.', 'damaged'),  # a call of nothing
    ],
)
def test_what_is_no_plain_state_dict_is_refused(wrap, code, message, tmp_path):
    refuse(tmp_path, wrap(code), message)


@FORMATS
def test_files_cut_short_anywhere(wrap, tmp_path):
    whole = wrap(pickled(w=tensor((3, 4), (4, 1))))
    for length in range(0, len(whole) - 1, 7):
        refuse(tmp_path, whole[:length], 'weights.pth')


@FORMATS
def test_flipped_bytes_are_an_error_or_harmless(wrap, tmp_path):
    """Never another exception. Checksums guard the numbers of the zip format, nothing those of the legacy one."""
    whole = wrap(pickled(w=tensor((3, 4), (4, 1))))
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x15
        try:
            found = read(tmp_path, bytes(damaged))
        except UserError as error:
            assert 'weights.pth' in str(error)
        else:
            assert all(value.size <= 12 for value in found.values())


def test_files_that_are_none(tmp_path):
    refuse(tmp_path, b'', 'is empty')
    refuse(tmp_path, b'<html>not found</html>', 'not a file of torch.save')
    with zipfile.ZipFile(file := io.BytesIO(), 'w') as archive:
        archive.writestr('readme.txt', 'nothing')
    refuse(tmp_path, file.getvalue(), 'an archive without data.pkl')
    with pytest.raises(UserError, match=r'cannot read .*missing\.pth: No such file'):
        torch_file.read(tmp_path / 'missing.pth')
    with pytest.raises(UserError, match='cannot read'):
        torch_file.read(tmp_path)


def test_sha256(tmp_path):
    (tmp_path / 'file').write_bytes(NUMBERS.tobytes())
    assert torch_file.sha256(tmp_path / 'file') == hashlib.sha256(NUMBERS.tobytes()).hexdigest()


@pytest.mark.parametrize('zip_format', [True, False])
def test_files_that_pytorch_writes(zip_format, tmp_path):
    torch = pytest.importorskip('torch')
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.BatchNorm2d(5), torch.nn.Linear(300, 200))
    tensors = dict(net.state_dict())
    shared = torch.randn(6, 8)
    kinds = ['float64', 'float16', 'int32', 'int16', 'int8', 'uint8', 'bool']
    tensors |= {'shared.t': shared.t(), 'shared.part': shared[1:4, ::3], 'none': torch.zeros(0, 3)}
    tensors |= {kind: (3 * torch.randn(4)).to(getattr(torch, kind)) for kind in kinds}
    torch.save(tensors, tmp_path / 'w.pth', _use_new_zipfile_serialization=zip_format)
    found = torch_file.read(tmp_path / 'w.pth')
    assert list(found) == list(tensors) and found['1.num_batches_tracked'].shape == ()
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name], value.numpy(), strict=True)
    torch.save(net, tmp_path / 'net.pth', _use_new_zipfile_serialization=zip_format)  # a whole module, not its state
    with pytest.raises(UserError, match=r'torch\.nn\.modules'):
        torch_file.read(tmp_path / 'net.pth')
