"""MoCoGAN: one generator of two pairs, motions and contents that are drawn apart, categories, and the nets."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems

from experiments import mocogan_moving_digits
from gans.configs import apply_defaults, override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.nets import mocogan
from gans.ops.random import example_keys
from gans.step import init_state, make_train_step
from gans.systems.build import build
from gans.systems.mocogan import take_frame

SPEC = Spec((7, 16, 16, 1), ('a', 'b'), 'clips')
LABELED = {'mocogan.category': 'motion', 'critic.noise_std': 0.1}
FOUND = {'mocogan.category': 'generator', 'mocogan.categories': 3}
PROJECTED = {'critic.condition': 'projection', 'critic.patch_frames': False}


@functools.cache
def small(**overrides):
    config = apply_defaults(mocogan_moving_digits.get_config('smoke'), 'of a test')
    nets = {
        'generator.base': 4,
        'critic.base': 4,
        'critic.patch_frames': True,
        'critic.norm': 'batch',
        'critic.condition': None,
    }
    overrides = nets | {'mocogan.category': None, 'mocogan.long': 20} | overrides
    return build(override(config, overrides, 'of a test'), SPEC, Compute())


KEYS = example_keys(jax.random.key(0), jnp.arange(3))
BATCH = {'real': jnp.zeros((3, *SPEC.shape)), 'label': jnp.array([0, 1, 1])}


@functools.cache
def sheets():
    """Of the system whose critic reads labels: what its samplers are given, and what they make of it."""
    system = small(**LABELED)
    state = systems.first(system)
    given = {name: sampler.inputs(BATCH, KEYS) for name, sampler in system.samplers.items()}
    make = jax.jit(lambda given: {name: system.samplers[name].make(state, x) for name, x in given.items()})
    return given, make({name: given[name] for name in ('samples', 'long')})


def test_sheets_change_one_thing_at_a_time():
    given, made = sheets()
    grid = jax.tree.map(lambda x: x.reshape(3, 4, *x.shape[1:]), given['motions'])  # contents x motions
    for name in ('z', 'label', 'noise'):
        assert np.array_equal(grid[name], np.repeat(grid[name][:, :1], 4, 1))
    for name in ('start', 'steps'):
        assert np.array_equal(grid[name], np.repeat(grid[name][:1], 3, 0))
        assert len({x.tobytes() for x in np.asarray(grid[name][0])}) == 4
    assert np.array_equal(grid['z'][:, 0], given['samples']['z'])
    assert np.array_equal(given['categories']['label'], [0, 1] * 3)
    assert made['samples'].shape == (3, *SPEC.shape) and made['long'].shape == (3, 20, *SPEC.shape[1:])
    assert np.ptp(made['long'][:, 8:]) > 0


def test_a_clip_is_its_frames():
    """One frame of a clip is the frame of that clip, and a longer walk goes on from the shorter one."""
    system = small(**LABELED)
    state, given = systems.first(system), sheets()[0]['samples']
    make = jax.jit(system.samplers['samples'].make)
    frame = jnp.array([0, 6, 3])
    clips = sheets()[1]['samples']
    systems.assert_close(make(state, given | {'frame': frame}), take_frame(clips, frame), 1e-5, 1e-6)
    assert np.array_equal(take_frame(clips, frame)[1], clips[1, 6])
    begun = jax.tree.map(lambda x: x, sheets()[0]['long']) | {'steps': sheets()[0]['long']['steps'][:, :7]}
    systems.assert_close(make(state, begun), sheets()[1]['long'][:, :7], 1e-5, 1e-6)


def traced(system):
    """The names of what a step computes anew."""
    state = jax.eval_shape(lambda: init_state(system, jax.random.key(0)))
    step = make_train_step(system)
    batch = {name: x[None] for name, x in BATCH.items()}
    return systems.computed(lambda state, batch: step(state, batch, systems.updates_of(system)), state, batch)


def test_two_critics_play_with_one_generator():
    nets = {name: player.nets for name, player in small().players.items()}
    assert nets == {'critic': ('critic_frames', 'critic_clips'), 'generator': ('generator',)}
    with_orthogonal = small(**{'terms.orthogonal.weight': 1e-4})
    assert 'generator/frames_orthogonal' in traced(with_orthogonal)['metrics']


def test_categories_are_learned_from_labels_or_from_fakes():
    """Whose player trains the classifier; of labels, the critic reads real clips and no fakes."""
    labeled, found = small(**LABELED), small(**FOUND)
    assert labeled.players['critic'].nets[-1] == 'classifier' == found.players['generator'].nets[-1]
    assert labeled.samplers['samples'].asked == {'label': 'labels'}
    assert found.samplers['samples'].asked == {'category': 'codes'}
    terms = {name for name in traced(labeled)['metrics'] if name.endswith('_category')}
    assert terms == {'critic/clips_category', 'generator/clips_category'}
    terms = {name for name in traced(found)['metrics'] if name.endswith('_category')}
    assert terms == {'generator/clips_category'}


def test_critics_are_told_classes():
    """By a projection, which a class's vector of zeros takes away: of the classes and noise that fakes are made of."""
    system = small(**LABELED, **PROJECTED)
    state, given = systems.first(system), sheets()[0]['samples']
    for name, x in (('frames', BATCH['real'][:, 0]), ('clips', BATCH['real'])):
        net = system.nets[f'critic_{name}']
        params = jax.tree.map(jnp.ones_like, state.params[f'critic_{name}'])
        vectors = params['net']['out']['projection']
        vectors['kernel'] = vectors['kernel'].at[1].set(0)
        score = jax.jit(lambda x, label, net=net, params=params, name=name: net.apply(
            params, state.stats[f'critic_{name}'], x, label, given['noise'], train=False
        )[0])  # fmt: skip
        told, other = score(x + 1, jnp.array([0, 1, 1])), score(x + 1, jnp.array([1, 1, 0]))
        assert told.shape == (3,) and told[1] == other[1] and told[0] != other[0] and told[2] != other[2]


def count(net, *inputs):
    variables = jax.eval_shape(lambda: net.init(jax.random.key(0), *inputs, train=True))
    return sum(leaf.size for leaf in jax.tree.leaves(variables['params']))


def test_the_papers_nets():
    """Codes of 60 -> 512@4 - 256@8 - 128@16 - 64@32 - 3@64; patches of frames 64-128-256-1; of clips 64-128-256-512."""
    kernels = lambda *widths: sum(a * b for a, b in itertools.pairwise(widths))
    gru = 2 * (10 * 30 + 30)
    images = 16 * (60 * 512 + kernels(512, 256, 128, 64, 3)) + 2 * (512 + 256 + 128 + 64)
    drawn = [jnp.zeros((2, *shape)) for shape in ((50,), (10,), (16, 10), (0,))]
    assert count(mocogan.Generator((16, 64, 64, 3), Compute()), *drawn) == gru + images
    by_image = mocogan.Generator((16, 64, 64, 3), Compute(), 'generator')
    assert count(by_image, *drawn[:3], jnp.zeros((2, 6))) == gru + images + 16 * 6 * 512
    deeper = mocogan.Generator((16, 64, 64, 3), Compute(), convs=2)
    added = 2 * sum(9 * width**2 + 2 * width for width in (512, 256, 128, 64))
    assert count(deeper, *drawn) == gru + images + added
    frames, clips = jnp.zeros((2, 64, 64, 3)), jnp.zeros((2, 16, 64, 64, 3))
    of = lambda x, **how: count(mocogan.Critic(x.shape[1:], Compute(), **how), x)
    assert of(frames) == 16 * kernels(3, 64, 128, 256, 1) + 2 * (128 + 256)
    plain = kernels(3, 64, 128, 256, 512, 1), 2 * (128 + 256 + 512)
    assert of(frames, patch_frames=False) == 16 * plain[0] + plain[1]
    assert of(clips) == 64 * plain[0] + plain[1]
    assert of(clips, patch_clips=True) == 64 * kernels(3, 64, 128, 256, 1) + 2 * (128 + 256)


@pytest.mark.parametrize('category', ['motion', 'generator'])
def test_conditional_norms_see_what_all_frames_of_a_clip_have_in_common(category):
    """Where nothing comes of the codes but by the norms, content tells clips apart, and nothing their frames."""
    rng = np.random.default_rng(0)
    net = mocogan.Generator((3, 16, 16, 1), Compute(), category, 4, norm='conditional')
    content, start, steps = (jnp.asarray(rng.normal(size=size), jnp.float32) for size in ((2, 5), (2, 3), (2, 3, 3)))
    given = content, start, steps, jnp.eye(2)
    params = jax.eval_shape(net.init, jax.random.key(0), *given)['params']
    draw = lambda path, x: 0.3 * jnp.asarray(rng.normal(size=x.shape), jnp.float32) * ('stem' not in str(path))
    params = jax.tree_util.tree_map_with_path(draw, params)
    assert params['norm_4_scales']['kernel'].shape == (5 if category == 'motion' else 7, 8)
    clips = jax.jit(lambda *given: net.apply({'params': params}, *given, mutable=['batch_stats'])[0])
    made = clips(*given)
    np.testing.assert_allclose(made, jnp.repeat(made[:, :1], 3, 1), atol=1e-6)
    assert np.abs(made[0] - made[1]).max() > 0.01
    by_category = np.abs(clips(content, start, steps, jnp.eye(2)[::-1]) - made).max()
    assert by_category == 0 if category == 'motion' else by_category > 0.01


def test_scores_of_patches_and_noise():
    """4 x 4 patches of a frame, 4 x 4 x 4 of a clip; noise by its words, in training and out of it."""
    scores = lambda shape, **how: (
        jax.eval_shape(
            mocogan.Critic(shape, Compute(), 4, **how).init_with_output, jax.random.key(0), jnp.zeros((2, *shape))
        )[0].shape
    )
    assert scores((64, 64, 3)) == (2, 4, 4) and scores((16, 64, 64, 3), patch_clips=True) == (2, 4, 4, 4)
    net = mocogan.Critic((8, 8, 1), Compute(), 4, norm='none', noise_std=0.5, patch_frames=False)
    words = jnp.array([[1, 2], [3, 4]], jnp.uint32)
    x = jnp.ones((2, 8, 8, 1))
    a, variables = net.init_with_output(jax.random.key(0), x, words)
    assert a[0] != a[1] and np.array_equal(a, net.apply(variables, x, words, train=False))
    np.testing.assert_allclose(net.apply(variables, x, words[::-1])[::-1], a, rtol=1e-6)


@pytest.mark.parametrize(
    'overrides, line',
    [
        ({'mocogan.categories': 3}, 'nothing is given one: set mocogan.category to motion or generator'),
        ({'mocogan.category': 'frames'}, 'unknown mocogan.category'),
        ({**LABELED, 'critic.patch_clips': True}, 'is read from whole clips'),
        ({'critic.condition': 'planes'}, 'unknown critic.condition'),
        ({**FOUND, **PROJECTED}, 'needs the classes of clips'),
        ({**LABELED, **PROJECTED, 'critic.patch_frames': True}, 'wants one score, not a map'),
        ({'pack': 2}, 'pack=2 has no meaning'),
        ({'replay.size': 8, 'replay.fresh': 8, **FOUND}, 'does not keep'),
    ],
)
def test_is_refused(overrides, line):
    with pytest.raises(UserError, match=line):
        jax.eval_shape(lambda: init_state(small(**overrides), jax.random.key(0)))


def test_clips_that_are_too_short_are_refused():
    with pytest.raises(UserError, match='sees 10 frames or more of 32 pixels, not 8'):
        count(mocogan.Critic((8, 32, 32, 1), Compute()), jnp.zeros((2, 8, 32, 32, 1)))
