"""Programs that are kept between launches."""

import os
import time
import zlib
from pathlib import Path

import jax
import pytest

from gans import compiled, devices
from gans.cache import home
from gans.errors import UserError


def entry(folder: Path, name: str, content: bytes, age: float) -> Path:
    """A program that was written, and read last, so many seconds ago."""
    path = folder / 'cpu' / f'{name}-cache'
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_what_is_torn_goes_and_what_is_unused_for_longest(tmp_path: Path) -> None:
    whole = zlib.compress(os.urandom(1000))
    old, new, read = (entry(tmp_path, name, whole, age) for name, age in (('old', 30), ('new', 10), ('read', 500)))
    torn = entry(tmp_path, 'torn', whole[:500], 20)
    os.utime(read, (time.time() - 5, time.time() - 500))
    other = tmp_path / 'cpu' / 'of-xla'
    other.write_text('')
    compiled.tidy(tmp_path, 2500)
    assert not torn.exists() and not old.exists() and new.exists() and read.exists() and other.exists()

    known = entry(tmp_path, 'known', b'old and not looked at again', 1000)
    fresh = entry(tmp_path, 'fresh', b'', 0)  # by a process that was killed
    compiled.tidy(tmp_path, 10**6)
    assert known.exists() and not fresh.exists() and new.exists()
    compiled.tidy(tmp_path / 'nowhere', 10**6)  # a folder that others have removed


def test_where_programs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {name: getattr(jax.config, name) for name in compiled.settings(tmp_path)}
    places = []
    monkeypatch.setattr(compiled, 'use', places.append)
    try:
        devices.keep_programs(None)  # JAX_ENABLE_COMPILATION_CACHE=false in the tests
        assert places == []
        jax.config.update('jax_enable_compilation_cache', True)
        devices.keep_programs(None)
        devices.keep_programs(str(tmp_path))
        assert places == [home() / 'compiled', tmp_path]
        for off in ('off', ''):
            jax.config.update('jax_enable_compilation_cache', True)
            devices.keep_programs(off)
            assert not jax.config.jax_enable_compilation_cache
        jax.config.update('jax_enable_compilation_cache', True)
        jax.config.update('jax_compilation_cache_dir', str(tmp_path))  # as JAX_COMPILATION_CACHE_DIR sets it
        devices.keep_programs(None)
        assert len(places) == 2
    finally:
        for name, value in held.items():
            jax.config.update(name, value)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'--compilation_cache=.*file/folder cannot be made: Not a directory'):
        devices.keep_programs(str(tmp_path / 'file' / 'folder'))
