"""Before jax is imported: the CPU, split into four devices, unless JAX_PLATFORMS names another device; `experiments/`
and the repository importable.
"""

import gc
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
FLAGS = [
    '--xla_force_host_platform_device_count=4',
    '--xla_backend_optimization_level=0',  # tests compile much and compute little: this halves their time
]
if metadata.version('jaxlib').startswith('0.10.'):  # later ones do not know them
    FLAGS += [
        '--xla_cpu_use_fusion_emitters=false',  # kernels are written without MLIR: a third less again
        '--xla_cpu_parallel_codegen_split_count=1',  # modules are not cut into parts: a fifth less
    ]
if os.environ['JAX_PLATFORMS'] == 'cpu':
    os.environ['XLA_FLAGS'] = ' '.join([os.environ.get('XLA_FLAGS', ''), *FLAGS]).strip()

os.environ.setdefault('JAX_ENABLE_COMPILATION_CACHE', 'false')  # but where a test asks for one: it costs, and hides

gc.set_threshold(100_000, 50, 100)  # traces are many small objects: looking through them is a fifth of tracing

LIMIT = 3 * 2**30  # bytes
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'experiments')]


@pytest.fixture(scope='session', autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is kept between runs is kept for these tests alone."""
    os.environ['XDG_CACHE_HOME'] = str(tmp_path_factory.getbasetemp() / 'cache')


@pytest.fixture(scope='session', autouse=True)
def undrawn() -> Iterator[None]:
    """Runs in this process leave a dot as curves.png, which takes two seconds to draw: tests that look at it have
    `loop.curves` drawn, and so do runs in processes of their own.
    """
    import numpy as np

    from gans import pictures
    from gans.training import loop

    with pytest.MonkeyPatch.context() as patch:
        dot = np.zeros((1, 1, 3), np.uint8)
        patch.setattr(loop, 'curves', lambda folder: pictures.save(folder / 'curves.png', dot))
        yield


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw curves.png, as they do for users."""
    from gans.training import curves, loop

    monkeypatch.setattr(loop, 'curves', curves.curves)


@pytest.fixture(scope='module')
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs are compiled once for all runs of a file that asks for it."""
    from gans.cost.stopwatch import compilation_cache

    with compilation_cache(tmp_path_factory.mktemp('compiled')):
        yield


@pytest.fixture(scope='module')
def one_thread() -> Iterator[None]:
    """PyTorch's threads that wait for each other do not go well with other tests beside those of a file."""
    torch = pytest.importorskip('torch')
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope='module', autouse=True)
def bounded() -> Iterator[None]:
    """Compiled programs go once they have taken much memory: those of all tests are six gigabytes of each worker."""
    yield
    pages = int(Path('/proc/self/statm').read_text().split()[1]) if Path('/proc/self/statm').exists() else LIMIT
    if pages * os.sysconf('SC_PAGE_SIZE') > LIMIT:
        import jax

        jax.clear_caches()
