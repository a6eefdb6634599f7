"""ProGAN: nets that grow without a jump, real images that fade as the fakes do, and stages that are one run."""

import itertools
import re
import signal
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans import configs
from gans.core import Compute, Spec, System
from gans.cost.stopwatch import compilation_cache
from gans.data import load
from gans.errors import Stopped, UserError
from gans.nets.build import from_linen
from gans.nets.progan import Critic, Generator
from gans.ops.random import example_keys
from gans.step import init_state
from gans.systems.build import build
from gans.training import graft, loop, program
from gans.training.checkpoints import Checkpoints
from gans.training.setup import check_later, passes, setup_stages
from gans.training.stages import stages

SMALL = {'fmap_base': 16, 'fmap_max': 6}
FADE, TRAIN, END = 4, 12, 16  # steps at which the stages of `config` begin, and the run ends
RNG = np.random.default_rng(0)


def count(module: object, *shapes: tuple[int, ...]) -> int:
    net = from_linen(module, *(jax.ShapeDtypeStruct((2, *shape), jnp.float32) for shape in shapes))
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(lambda: net.init(jax.random.key(0))[0])))


def test_parameters_are_those_of_the_authors_nets() -> None:
    assert count(Generator((1024, 1024, 3), Compute()), (512,)) == 23_079_115
    assert count(Critic((1024, 1024, 3), Compute()), (1024, 1024, 3)) == 23_087_249


def test_growing_is_without_a_jump() -> None:
    """At alpha 0 the net is the smaller one, at 1 it is its own, in between the images are between."""
    z, x, alphas = RNG.normal(size=(4, 5)).astype(np.float32), RNG.normal(size=(4, 8, 8, 3)).astype(np.float32), (0, 1)
    pool = lambda x: x.reshape(4, 4, 2, 4, 2, 3).mean((2, 4))
    for made, given, smaller, to_same in (
        (Generator, z, z, lambda x: np.repeat(np.repeat(x, 2, 1), 2, 2)),
        (Critic, x, pool(x), lambda x: x),
    ):
        small, large = (made((size, size, 3), Compute(), **SMALL) for size in (4, 8))
        params = jax.jit(large.init)(jax.random.key(0), given)
        # As when a stage begins: the smaller net has all its parameters from the larger, or the other way round.
        own = graft.graft(params, jax.eval_shape(small.init, jax.random.key(0), smaller)).tree
        apply = jax.jit(large.apply)
        at = {alpha: apply(params, given, jnp.full(4, alpha, jnp.float32)) for alpha in (*alphas, 0.25)}
        np.testing.assert_allclose(at[0], to_same(jax.jit(small.apply)(own, smaller)), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(at[1], apply(params, given), rtol=1e-4, atol=1e-4)
        assert np.abs(at[0] - at[1]).max() > 0.01
        if made is Generator:
            np.testing.assert_allclose(at[0.25], 0.75 * at[0] + 0.25 * at[1], rtol=1e-4, atol=1e-4)


def test_bounded_images_are_the_others_behind_a_tanh() -> None:
    """The images of both sizes are, and fade as such."""
    free, bounded = (Generator((8, 8, 3), Compute(), **SMALL, bounded=bounded) for bounded in (False, True))
    z, alphas = RNG.normal(size=(4, 5)).astype(np.float32), (0.0, 0.25, 1.0)
    each = lambda params, net: [net.apply(params, z, jnp.full(4, alpha)) for alpha in alphas]
    wide, narrow = jax.jit(lambda: [each(free.init(jax.random.key(0), 3 * z), net) for net in (free, bounded)])()
    assert np.abs(wide[2]).max() > 1
    old, new = np.tanh(wide[0]), np.tanh(wide[2])
    np.testing.assert_allclose(narrow, [old, 0.75 * old + 0.25 * new, new], atol=1e-6)


def test_the_critic_scores_any_number_of_examples_after_training() -> None:
    net = Critic((4, 4, 3), Compute(), **SMALL)
    params = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((4, 4, 4, 3)))
    five = jnp.ones((5, 4, 4, 3))
    assert jax.eval_shape(lambda params: net.apply(params, five, train=False), params).shape == (5,)
    with pytest.raises(UserError, match=r'critic.group=4 cannot divide the 5 examples'):
        jax.eval_shape(lambda params: net.apply(params, five), params)


def test_emoji_of_four_pixels_are_means_of_blocks() -> None:
    some = {'name': 'openmoji', 'group': 'smileys-emotion', 'split': 'test'}
    small, large = (load.load({**some, 'size': size}).arrays['real'] for size in (4, 64))
    wanted = large.reshape(-1, 4, 16, 4, 16, 3).mean((2, 4))
    assert small.shape[1:] == (4, 4, 3) and np.abs(small - wanted).max() <= 0.51


# The system


def config_of(**changes: object) -> ConfigDict:
    config = common.get_config()
    config.system = 'progan'
    config.data.update(name='openmoji', num=64, flip=True)
    config.latents.size = 5
    config.generator = ConfigDict({'net': 'progan', **SMALL})
    config.critic = ConfigDict({'net': 'progan', **SMALL})
    config.game = 'wasserstein'
    config.terms.wgan_gp = {'weight': 10.0}
    config.terms.drift = {'weight': 0.001}
    config.ema.update(decay=0.9, warmup=1.0)
    config.train.log_every = 2
    common.every(config, 4)
    config.eval.update(samples=16, features=None)
    common.grow(config, {4: 8, 8: 4}, 4 * 8, 8 * 4, rates={8: 5e-4})
    config.stages.train_8.begin, config.train.steps = TRAIN, END
    return configs.override(config, changes, 'of a test')


def fading(**changes: object) -> System:
    config = stages(config_of(**changes))[1].config
    return build(config, Spec((8, 8, 3)), Compute())


def test_stages_by_the_schedule() -> None:
    """600,000 images at 4 pixels; at each other size as many to fade in and to train, and what is left at the last."""
    config = config_of()
    config.stages = ConfigDict()
    common.grow(config, {4: 128, 8: 128, 16: 64}, 600_000, 600_000, 4_000_000, {16: 2e-3})
    found = stages(config)
    assert [(each.name, each.begin, each.config.data.size, each.config.train.batch_size) for each in found] == [
        ('', 0, 4, 128),
        ('fade_8', 4_688, 8, 128),
        ('train_8', 9_376, 8, 128),
        ('fade_16', 14_064, 16, 64),
        ('train_16', 23_439, 16, 64),
    ]
    assert found[-1].end == 23_439 + 1_600_000 // 64
    assert [dict(each.config.get('progan', {})) for each in found[2:4]] == [
        {},
        {'class_weight': 1.0, 'fade_begin': 14_064, 'fade_steps': 9_375},
    ]
    rates = [each.config.optimizer.critic.learning_rate for each in found]
    assert rates == [2e-4] * 3 + [2e-3] * 2
    assert [each.config.train.fresh_optimizers for each in found] == [False] + [True] * 4


def test_real_images_fade_and_everything_has_the_alpha_of_its_step() -> None:
    system = fading(**{'terms.wgan_gp': None})
    state = jax.jit(lambda: init_state(system, jax.random.key(0)))().replace(step=jnp.int32(FADE + 2))
    alpha, x = 2 / 8, RNG.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
    coarse = np.repeat(np.repeat(x.reshape(4, 4, 2, 4, 2, 3).mean((2, 4)), 2, 1), 2, 2)
    net, told = system.nets['critic'], np.full(4, alpha, np.float32)
    scores = net.apply(state.params['critic'], {}, (1 - alpha) * coarse + alpha * x, told, train=True)[0]
    update, keys = system.updates[0], example_keys(jax.random.key(1), np.arange(4))
    aux = jax.jit(lambda x: update.loss(state.params, state, {'real': x}, keys)[1])(x)
    np.testing.assert_allclose(aux.metrics['real_score'], scores.mean(), rtol=1e-4)
    np.testing.assert_allclose(aux.metrics['drift'], (scores**2).mean(), rtol=1e-4)
    judged = system.critic(state, x)
    np.testing.assert_allclose(judged, net.apply(state.params['critic'], {}, x, told, train=False)[0], rtol=1e-5)
    z = RNG.normal(size=(4, 5)).astype(np.float32)
    make = lambda step: system.samplers['samples'].make(state.replace(step=step), z)
    images = {step: make(jnp.int32(step)) for step in (0, FADE, FADE + 2, TRAIN, 99)}
    np.testing.assert_array_equal(images[0], images[FADE])  # before it begins, and after it has ended
    np.testing.assert_array_equal(images[TRAIN], images[99])
    wanted = 0.75 * images[FADE] + 0.25 * images[TRAIN]
    np.testing.assert_allclose(images[FADE + 2], wanted, rtol=1e-4, atol=1e-5)


def test_classes_as_in_ac_gan() -> None:
    """The generator is given one-hot labels beside its latents; the critic's last layer classifies both, while a size
    fades in; the cross entropies are added to both losses.
    """
    changes = {'generator.condition': 'concat', 'terms.wgan_gp': None, 'progan.class_weight': 0.5}
    config = stages(config_of(**changes))[1].config
    system = build(config, Spec((8, 8, 3), ('a', 'b', 'c')), Compute(conv='lax'))
    state = jax.jit(lambda: init_state(system, jax.random.key(0)))().replace(step=jnp.int32(FADE + 2))
    x, label = RNG.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32), np.array([2, 0, 1, 1], np.int32)
    keys = example_keys(jax.random.key(1), np.arange(4))

    @jax.jit
    def run() -> tuple:
        batch = {'real': x, 'label': label}
        found = [update.loss(state.params, state, batch, keys) for update in system.updates]
        real = 0.75 * x.reshape(4, 4, 2, 4, 2, 3).mean((2, 4)).repeat(2, 1).repeat(2, 2) + 0.25 * x
        params, told = state.params, jnp.full(4, 0.25)
        (_, features), _ = system.nets['critic'].apply(params['critic'], {}, real, told, train=True, features=True)
        logits, _ = system.nets['classifier'].apply(params['classifier'], {}, features, train=True)
        return found, jax.nn.log_softmax(logits)

    ((critic, of_critic), (generator, of_generator)), logs = run()
    of_critic, of_generator = of_critic.metrics, of_generator.metrics
    np.testing.assert_allclose(of_critic['real_class_loss'], -logs[np.arange(4), label].mean(), rtol=1e-4)
    both = of_critic['real_class_loss'] + of_critic['fake_class_loss']
    game = of_critic['fake_score'] - of_critic['real_score']
    np.testing.assert_allclose(critic, game + 0.001 * of_critic['drift'] + 0.5 * both, rtol=1e-4)
    np.testing.assert_allclose(generator, of_generator['game'] + 0.5 * of_generator['class_loss'], rtol=1e-4)
    assert system.players['critic'].nets == ('critic', 'classifier')
    assert system.samplers['samples'].asked == {'label': 'labels'}
    for name, columns in (('classes', 3), ('between_classes', 10)):  # the latter of mixtures of classes
        sheet = system.samplers[name]
        made = jax.eval_shape(lambda batch, sheet=sheet: sheet.make(state, sheet.inputs(batch, keys)), {'label': label})
        assert made.shape == (4 * columns, 8, 8, 3)
    assert state.params['generator']['net']['block_4']['dense']['kernel'].shape == (5 + 3, 16 * SMALL['fmap_max'])


@pytest.mark.parametrize(
    'shape, changes, said',
    [
        ((12, 12, 3), {}, "net 'progan' supports square images of 4, 8, 16, ... pixels, not (12, 12, 3)"),
        ((4, 4, 3), {}, 'progan.fade_steps=8 has no meaning at 4 pixels'),
        ((8, 8, 3), {'stages.fade_8.progan.fade_begin': 5}, 'the fade ends after step 13 (progan.fade_begin + '),
        ((8, 8, 3), {'generator': {'net': 'dcgan'}}, "generator.net='dcgan' does not fade in"),
        ((8, 8, 3), {'critic.condition': 'projection'}, "critic.condition='projection' has no meaning"),
        ((8, 8, 3), {'generator.condition': 'embedding'}, "condition='embedding' is not supported by the net 'progan'"),
        ((8, 8, 3), {'pack': 2}, "pack=2 has no meaning in system 'progan'"),
    ],
)
def test_what_is_refused(shape: tuple[int, ...], changes: dict, said: str) -> None:
    config = stages(config_of(**changes))[1].config
    with pytest.raises(UserError) as error:
        system = build(config, Spec(shape, ('a', 'b')), Compute())
        jax.eval_shape(lambda: init_state(system, jax.random.key(0)))
    assert said in str(error.value) and '\n' not in str(error.value)


def test_a_batch_that_groups_cannot_divide_is_told_before_training() -> None:
    experiments = setup_stages(config_of(**{'stages.fade_8.train.batch_size': 6}), devices=1)
    with pytest.raises(UserError, match=r"^stage 'fade_8': .*critic.group=4 cannot divide the 6 examples"):
        check_later(experiments, 0)


# Runs


def assert_alike(tree: object, other: object) -> None:
    jax.tree.map(np.testing.assert_array_equal, tree, other)


def test_optimizers_begin_anew_with_each_stage_and_averages_go_on() -> None:
    experiments = setup_stages(config_of(), devices=1)
    for before, after in itertools.pairwise(experiments):
        shifted = lambda tree, by: jax.tree.map(lambda x: x + np.asarray(by, x.dtype), tree)
        old = jax.device_get(before.init())
        old = old.replace(opt=shifted(old.opt, 1), params=shifted(old.params, 2), ema=shifted(old.ema, 3))
        new = jax.device_get(after.pass_on(old))
        assert_alike(new.opt, jax.device_get(after.init()).opt)
        for theirs, ours in ((old.params, new.params), (old.ema, new.ema)):
            found = graft.graft(theirs, ours)
            assert_alike(found.tree, ours)
            assert all(re.search('/(block|to_rgb|from_rgb)_8/', path) for path in found.fresh)
            assert bool(found.fresh) == (after.stage == 'fade_8') and len(found.carried) > 5
        said = passes(experiments, after)
        assert 'fresh: optimizer of critic, optimizer of generator' in said


def test_stopped_within_a_fade_it_ends_in_the_same_bits(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    monkeypatch.setattr(program, '_options', lambda experiment: {'xla_backend_optimization_level': 0})
    # Hinge loss without penalties is compiled in a fraction of the time.
    config = config_of(**{'game': 'hinge', 'terms.wgan_gp': None, 'stages.train_8': None, 'train.steps': TRAIN})
    common.every(config, TRAIN)
    straight, stopped, calls = tmp_path / 'straight', tmp_path / 'stopped', itertools.count(1)
    with compilation_cache(tmp_path / 'compiled'):
        loop.train(config, straight)
        with monkeypatch.context() as patch:
            patch.setattr(loop.Signals, 'received', lambda self: signal.SIGTERM if next(calls) == FADE + 3 else None)
            with pytest.raises(Stopped, match=f'saved step {FADE + 3} '):
                loop.train(config, stopped)
        loop.train(config, stopped)
    assert (stopped / 'metrics.csv').read_bytes() == (straight / 'metrics.csv').read_bytes()
    ours, theirs = (Checkpoints(folder / 'checkpoints').restore(None).state for folder in (stopped, straight))
    assert ours.keys() == theirs.keys()
    for path, leaf in theirs.items():
        assert ours[path].tobytes() == leaf.tobytes(), path
