"""R-precision: pools, hits, what chance is, and whose encoders judge."""

import contextlib
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from ml_collections import ConfigDict

from gans import configs
from gans.core import Net, Spec
from gans.data.images import image_set
from gans.errors import UserError
from gans.evaluation import run, words
from gans.evaluation.bench import Bench, Options
from gans.evaluation.judge import UNTRAINED
from gans.metrics import r_precision
from gans.metrics.r_precision import Found, Retrieval, draw_pools, find_hits, orders
from gans.metrics.score import RETRIEVED, Scorer, better
from gans.ops.pixels import to_float
from gans.sweep.population import population
from gans.training import encoders, program, setup, workdir
from gans.training.checkpoints import Checkpoints


def test_a_pool_has_no_caption_that_is_equal_to_its_own() -> None:
    captions = np.random.default_rng(0).integers(1, 4, (60, 2))  # of nine
    pools = draw_pools(captions, 11)
    assert pools.shape == (60, 10) and all(len(set(row)) == 10 for row in pools)
    assert (captions[pools] != captions[:, None]).any(2).all()
    np.testing.assert_array_equal(pools, draw_pools(captions, 11))
    assert (pools != draw_pools(captions, 11, seed=1)).any()
    few = draw_pools(np.array([[1], [1], [1], [2], [3]]))  # three are equal: two others for them, and so for all
    assert few.shape == (5, 2) and set(few[0]) == {3, 4}
    assert not draw_pools(np.ones((4, 2), int)).size


def test_hits_are_those_of_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r_precision, 'BLOCK', 7)
    draw = np.random.default_rng(0)
    sentences = draw.normal(size=(30, 5))
    images = (sentences + draw.normal(size=(30, 5))) * draw.uniform(1, 9, (30, 1))  # lengths do not matter
    pools, asked = draw_pools(np.arange(30)[:, None], 6), orders(30, 2)
    found = find_hits(images, sentences, pools, asked)
    cosine = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    for k, order in enumerate(asked):
        for i, own in enumerate(order):
            rivals = [cosine(images[i], sentences[j]) for j in pools[own]]
            assert found[k, i] == (cosine(images[i], sentences[own]) > max(rivals))
    assert 0.3 < found[0].mean() < 1 and found[1:].mean() < 0.4
    assert find_hits(sentences, sentences, pools, asked)[0].all()
    assert not find_hits(images, np.ones((30, 5)), pools, asked).any()  # ties are misses
    assert not find_hits(np.zeros((30, 5)), sentences, pools, asked).any()


def test_chance_is_one_of_a_pool_for_encoders_that_are_never_wrong() -> None:
    same = np.eye(40)
    assert find_hits(same, same, draw_pools(np.arange(40)[:, None], 5), orders(40, 0)).all()
    draw = np.random.default_rng(0)
    sentences, images = draw.normal(size=(40, 6)), draw.normal(size=(40, 6))
    each = [find_hits(images, sentences, draw_pools(np.arange(40)[:, None], 5, s), orders(40, 20)) for s in range(20)]
    assert np.mean([hits[1:].mean() for hits in each]) == pytest.approx(1 / 5, abs=0.01)


def test_what_is_told_of_hits() -> None:
    hits = np.arange(200) % 4 == 0
    found = Found(hits, np.array([0.1, 0.25, 0.3] + [0.0] * 16))
    assert found.value == 0.25 and found.error == pytest.approx(np.std(hits, ddof=1) / np.sqrt(200))
    assert found.p == 3 / 20 and found.deviation == pytest.approx(0)
    assert Found(hits[:99], found.shuffled).deviation is None
    folds = Found(np.repeat([True, False], 100), found.shuffled).deviation
    assert folds == pytest.approx(0.5)
    names = ('eval/r_precision', 'evaluation/r_precision', 'eval/r_precision_std', 'eval/r_precision_p')
    assert [better(name) for name in names] == ['higher', 'higher', None, None]


def by_hand(seen: list) -> Retrieval:
    """Encoders that see the first pixel of an image and the first word of a caption, as directions in a plane."""
    around = lambda x: jnp.stack([jnp.cos(x), jnp.sin(x)], -1)

    def image(params: dict, stats: dict, x: jax.Array, train: bool) -> tuple:
        seen.append(x.shape)
        return (None, around((x[:, 0, 0, 0] + 1) * params['scale'])), {}

    text = lambda params, stats, x, train: ((None, around(x[:, 0] / 10)), {})
    sees = (jax.ShapeDtypeStruct((2, 4, 4, 3), jnp.float32),)  # larger images
    nets = [Net(None, apply, None, sees, False) for apply in (text, image)]
    captions = np.arange(70)[:, None] % 35
    return Retrieval(captions, draw_pools(captions, 10), r_precision.make_embed(*nets, Spec((2, 2, 3))), 4)


PARAMS = {'text': {}, 'image': {'scale': np.float32(12.75)}}  # level 10 is the direction of 1


def test_scores_are_of_images_as_they_are_stored_in_batches_of_one_shape() -> None:
    seen: list = []
    asked = by_hand(seen)
    images = np.broadcast_to(asked.captions[:, :1, None, None], (70, 2, 2, 3)).astype(np.uint8)
    assert asked.find(PARAMS, images).value == 1 and seen == [(64, 4, 4, 3)]  # traced once
    wrong = asked.find(PARAMS, images[::-1], shuffles=9)
    assert wrong.value < 0.2 and wrong.shuffled.shape == (9,)
    scorer = Scorer(image_set(images), to_float(images), 70, None, None, asked)
    assert scorer(to_float(images), PARAMS)[RETRIEVED] == 1
    assert np.isnan(scorer(np.full((70, 2, 2, 3), np.nan, np.float32), PARAMS)[RETRIEVED])
    stamp = scorer.stamps({'x': 1})[RETRIEVED]
    pool = {'pool': 10, 'pool seed': 0, 'ties': 'misses', 'encoder side': 4}
    assert stamp == {'x': 1, 'fake': 70, 'encoder': 'own', **pool}
    assert RETRIEVED not in Scorer(image_set(images), to_float(images), 70, None).stamps({})


def test_an_evaluation_says_whether_words_were_heard() -> None:
    asked = by_hand([])._replace(captions=np.arange(110)[:, None] % 55)
    asked = asked._replace(pools=draw_pools(asked.captions, 10))
    right = np.broadcast_to(asked.captions[:, :1, None, None], (110, 2, 2, 3)).astype(np.uint8)
    judge = encoders.Encoders({}, PARAMS, {'encoder': 'other', 'encoder seed': 1})
    found = words.judge(asked, judge, right, np.zeros_like(right), right[::-1], {'x': 1})
    values = {each.metric: each.value for each in found.results}
    assert values['r_precision'] == 1 and values['r_precision_std'] == 0 and values['r_precision_p'] == 1 / 200
    assert max(values[f'r_precision{each}'] for each in (words.TRUTH, words.SHUFFLED, UNTRAINED)) < 0.3
    common = {'x': 1, 'fake': 110, 'encoder': 'other', 'encoder seed': 1, **asked.stamp()}
    assert found.results[0].protocol == {'metric': 'r_precision', **common}
    assert 'above chance, p 0.005; encoder other, encoder seed 1, pool 10' in found.said
    ignored = words.judge(asked, judge, np.full_like(right, 7), right, right, {})
    assert 'not shown to be above chance' in ignored.said


@cache
def small(vocabulary_of: str = 'train') -> ConfigDict:
    sizes = {'features': 4, 'embedding': 4, 'width': 2}
    keys = {'data.size': 8, 'encoders': sizes, 'data.split': vocabulary_of}
    return configs.override(systems.smokes()['damsm_openmoji32'], keys, 'of a test')


def test_other_runs_judge_if_they_know_the_same_words_and_images(tmp_path: Path) -> None:
    (stage,) = setup.setup_stages(small(), devices=1)
    draw = np.random.default_rng(0)
    blank = stage.abstract().replace(rng=np.zeros(2))
    host = jax.tree.map(lambda x: draw.integers(9, size=x.shape).astype(x.dtype), blank)
    state = jax.device_put(host)
    copies = program.copy(state, encoders.NETS)
    two = population((stage, stage), ())
    both = two.weights(two.place(jax.tree.map(lambda x: np.stack([x, x]), host)), encoders.NETS)()
    own = encoders.own(stage, state)
    jax.tree.map(lambda x: x.delete(), state.params)  # as a call does that takes the state
    systems.assert_close(own.params, copies)
    systems.assert_close(jax.tree.map(lambda x: x[1], both), copies)
    asked = encoders.retrieval(stage, 16)
    assert asked.captions.shape == (16, 8) and asked.side == 8
    folder = tmp_path / 'judge'
    with pytest.raises(UserError, match=f'--encoder={folder} contains no run'):
        encoders.of_run(folder, stage)
    folder.mkdir()
    workdir.write_json(folder / 'config.json', small().to_dict())
    workdir.write_json(folder / 'data.json', {'examples': 1, 'digest': '', 'stages': setup.looks([stage])})
    with contextlib.closing(Checkpoints(folder / 'checkpoints')) as checkpoints:
        checkpoints.save(2, host.replace(rng=jax.random.key(0)), None, {'seconds': 0.0}, stays=True, score_stays=True)
    found = encoders.of_run(folder, stage)
    systems.assert_close(found.params, own.params)
    assert found.stamp == {'encoder': 'judge', 'encoder step': 2, 'encoder seed': 0} | {
        'encoder weights': found.stamp['encoder weights']
    }
    grey = stage._replace(source=stage.source._replace(spec=stage.source.spec._replace(shape=(16, 16, 1))))
    with pytest.raises(UserError, match='sees images of 3 channels, not 1'):
        encoders.of_run(folder, grey)
    caption = stage.source.spec.fields['caption']
    fewer = stage.source.spec._replace(fields={'caption': caption._replace(classes=caption.classes[:-1])})
    with pytest.raises(UserError, match='knows other words'):
        encoders.of_run(folder, stage._replace(source=stage.source._replace(spec=fewer)))


def test_runs_without_words_have_no_such_score(tmp_path: Path) -> None:
    experiment = systems.experiment(systems.smoke('gan'))
    assert encoders.retrieval(experiment, 16) is None and not encoders.has_encoders(experiment.system)
    bench = Bench(experiment, None, 0, None, None, 16, None, None, None, None, Options(encoder='runs/judge'))
    with pytest.raises(UserError, match="--encoder=runs/judge: system 'gan' makes nothing of captions: leave it off"):
        run.judged_by(bench)
    assert run.judged_by(bench._replace(options=Options())) == (None, None)
    with pytest.raises(UserError, match=r'--encoder=runs/judge is of one truncation: leave out --truncation=1,0\.5'):
        run.evaluate(experiment.config, tmp_path, Options(truncation='1,0.5', encoder='runs/judge'))
