"""The peers of the benchmarks compute what ours do, else their times say nothing."""

import pytest

pytest.importorskip('torch')

from benchmarks import pytorch
from benchmarks.peers.compare import compare

pytestmark = pytest.mark.usefixtures('one_thread')


# In full size all cases are compared by `python tests/benchmarks/pytorch.py --check`.
@pytest.mark.parametrize(
    ('case', 'smaller'),
    [
        ('dcgan64', {'data.size': 16}),
        ('wgan_gp28', {}),
        ('sngan_resnet32', {}),
        ('progan32', {'data.size': 8, 'generator.fmap_max': 8, 'critic.fmap_max': 8}),
        ('mlp784', {}),
        ('pacgan_grid', {}),
        ('toy_r1', {}),
    ],
)
def test_peer_is_the_same(case, smaller):
    config = pytorch.config_of(case)
    for net in (config.generator, config.critic):
        if 'width' in net:
            net.width = 4
        if 'widths' in net:
            net.widths = (8,) * len(net.widths)
    config.train.conv = 'lax'  # compiles in half the time
    config.update_from_flattened_dict(smaller)
    differences = compare(config)
    assert max(map(abs, differences.values())) < 1e-4, differences
