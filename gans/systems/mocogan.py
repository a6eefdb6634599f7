"""MoCoGAN (Tulyakov 2018, 1707.04993): clips of one content and a walk through motions; two critics, of frames and of
clips, which are two pairs with one generator.

A clip's content is drawn once, its motions are the states of a GRU that is given noise at each frame. The critic of
frames sees one random frame of each clip, drawn anew as the clips of the other are: of fakes, no other is made.
"""

import jax
import jax.numpy as jnp
import ml_collections
import optax

from gans.core import Array, Aux, Batch, Compute, Keys, Net, Spec, System
from gans.errors import UserError, unknown
from gans.latents import make_latents
from gans.nets import build as nets
from gans.nets._heads import head
from gans.ops import random
from gans.ops.dropout import noise_shape, noise_words
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import make_generate, refuse, repeat_rows, two_players

COLUMNS = 4  # motions of a sheet
PLACES = ('motion', 'generator')

Inputs = dict[str, Array]  # z [B, c]; start [B, m]; steps [B, T, m]; label or category int32 [B]; frame; noise


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    motion: int = 10,
    category: str | None = None,
    categories: int | None = None,
    weight: float = 1.0,
    long: int | None = None,
) -> System:
    """`latents` are those of the content, 50 numbers in the paper. With critic.condition='projection', which it lacks,
    both critics are told the class of what they score (1802.05637), so that each frame is to be of it.

    Args:
      motion: numbers of a motion, and of the noise that the GRU is given at each frame.
      category: what is given a clip's category: 'motion', the GRU, as the paper prefers (its table 4), or the image
        'generator', as in the authors' code; None: clips have none.
      categories: None: they are the classes of the data, and the critic of clips learns them from real clips. A number
        of them, drawn alike: no labels are read, and the generator's player trains the classifier (InfoGAN's bound).
      weight: of the cross entropy of categories.
      long: frames of the clips in one more picture, as many as one likes; None: without.

    Raises:
      UserError: examples that are no clips, packs, conditional nets, categories of which there are none.
    """
    refuse(config, 'generator.condition', 'mocogan.category says where categories enter')
    refuse(config, 'pack', 'a clip has a content of its own')
    if len(spec.shape) != 4:
        raise UserError(f"system 'mocogan' makes clips [T, H, W, C], not {spec.shape}: set another data.name")
    count = _count(category, categories, spec)
    labeled = bool(count) and categories is None
    name = 'label' if labeled else 'category'  # of the categories among the inputs
    projected = _is_projected(config.critic.get('condition'), labeled)
    of_frames = Spec(spec.shape[1:], spec.classes)
    told = (noise_shape(),) if config.critic.get('noise_std') is not None else ()
    critics = {
        'frames': nets.critic(config.critic, of_frames, compute, told),
        'clips': nets.critic(config.critic, spec, compute, told),
    }
    if count and config.critic.get('patch_clips'):
        raise UserError(f"mocogan.category='{category}' is read from whole clips: set critic.patch_clips=False")
    shape = lambda *sizes: jax.ShapeDtypeStruct((2, *sizes), jnp.float32)
    module = nets.make_module(
        'Generator', config.generator, 'generator', shape=spec.shape, compute=compute, category=category or PLACES[0]
    )
    generator = nets.from_linen(
        module, shape(config.latents.size), shape(motion), shape(spec.shape[0], motion), shape(count)
    )
    content = make_latents(config.latents)

    def draw_motion(keys: Keys, frames: int) -> Inputs:
        k_start, k_steps = random.split(keys, 2)
        return {'start': random.normal(k_start, (motion,)), 'steps': random.normal(k_steps, (frames, motion))}

    def draw(batch: Batch, keys: Keys, frames: int = spec.shape[0]) -> Inputs:
        k_content, k_motion, k_label, k_noise = random.split(keys, 4)
        found = {'z': content(k_content), **draw_motion(k_motion, frames)}
        if count:
            found[name] = batch['label'] if labeled else random.integers(k_label, count)
        return found | ({'noise': noise_words(k_noise)} if told else {})

    def draw_frame(batch: Batch, keys: Keys) -> Inputs:
        k_frame, k_inputs = random.split(keys, 2)
        return draw(batch, k_inputs) | {'frame': random.integers(k_frame, spec.shape[0])}

    def arguments(inputs: Inputs) -> tuple[Array, ...]:
        given = jax.nn.one_hot(inputs[name], count) if count else jnp.zeros((len(inputs['z']), 0))
        made = inputs['z'], inputs['start'], inputs['steps'], given
        return (*made, inputs['frame']) if 'frame' in inputs else made

    generate = make_generate(generator, arguments)
    shown = ('label',) * projected + ('noise',) * len(told)
    conditions = lambda inputs, state: tuple(inputs[key] for key in shown)
    frames = Pair(
        of_frames,
        generate,
        critics['frames'],
        inputs=draw_frame,
        conditions=conditions,
        real=lambda batch, state, inputs: take_frame(batch['real'], inputs['frame']),
        name='frames',
        replayable=not labeled,
    )
    clips = Pair(spec, generate, critics['clips'], draw, conditions, name='clips', replayable=not count)
    found = {'generator': generator, **{f'critic_{name}': net for name, net in critics.items()}}
    own = {}
    if count:
        found['classifier'] = head(critics['clips'], count, compute)
        of = {real: {'category': category_term(found['classifier'], weight, name, real)} for real in (True, False)}
        clips = clips._replace(generator_terms=of[False], critic_terms=of[True] if labeled else {})
        own = {'with_critic' if labeled else 'with_generator': ('classifier',)}
    samples = clips.sampler(asked={name: 'labels' if labeled else 'codes'} if count else {})

    def swap_motions(batch: Batch, keys: Keys) -> Inputs:
        rows, (each,) = repeat_rows(draw(batch, keys), COLUMNS), jnp.stack(random.split(keys[:1], COLUMNS), 1)
        return rows | jax.tree.map(lambda x: jnp.concatenate([x] * len(keys)), draw_motion(each, spec.shape[0]))

    def swap_categories(batch: Batch, keys: Keys) -> Inputs:
        return repeat_rows(draw(batch, keys), count) | {name: jnp.tile(jnp.arange(count), len(keys))}

    sheet = samples._replace(asked={})
    pictures = {
        'motions': sheet._replace(
            inputs=swap_motions,
            about='along each row the content stays, along each column the motion',
            columns=tuple(f'motion {i + 1}' for i in range(COLUMNS)),
        )
    }
    if count:
        pictures['categories'] = sheet._replace(
            inputs=swap_categories,
            about='along each row content and noise stay, and the category changes',
            columns=spec.classes if labeled else tuple(map(str, range(count))),
        )
    if long is not None:
        at_length = lambda batch, keys: draw(batch, keys, long)
        pictures['long'] = sheet._replace(inputs=at_length, about=f'{long} frames', columns=('clip',))
    return two_players(
        config,
        [frames, clips],
        found,
        together=True,
        **own,
        samplers={'samples': samples, **pictures},
        ema=ema(config.ema),
    )


def _count(category: str | None, categories: int | None, spec: Spec) -> int:
    """The number of categories, 0 for none."""
    if category is None:
        if categories is not None:
            raise UserError(f'mocogan.categories={categories}, but nothing is given one: set mocogan.category to'
                            f' {" or ".join(PLACES)}')  # fmt: skip
        return 0
    if category not in PLACES:
        raise unknown('mocogan.category', category, PLACES)
    if categories is None and not spec.classes:
        raise UserError(f"mocogan.category='{category}' needs labels, and this data set has none: set"
                        ' mocogan.categories to a number of categories to discover')  # fmt: skip
    return categories or len(spec.classes)


def _is_projected(condition: str | None, labeled: bool) -> bool:
    """Whether critics are told the classes of clips."""
    if condition not in (None, 'projection'):
        raise unknown('critic.condition', condition, ('projection',))
    if condition and not labeled:
        raise UserError(f"critic.condition='{condition}' needs the classes of clips: set mocogan.category and leave"
                        ' mocogan.categories off, or critic.condition=None')  # fmt: skip
    return condition is not None


def take_frame(clips: Array, frame: Array) -> Array:
    """One frame of each clip: [B, T, H, W, C], int [B] -> [B, H, W, C]."""
    return jnp.take_along_axis(clips, frame.reshape(-1, 1, 1, 1, 1), 1)[:, 0]


def category_term(classifier: Net, weight: float | Array, name: str, real: bool) -> Term:
    """The cross entropy of the categories of real clips, or of fakes, that `classifier` reads from the critic's
    features [B, f].

    name: of the categories among the inputs.
    """

    def value(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        features, label = scene.real_features if real else scene.fake_features, scene.inputs[name]
        logits, _ = classifier.apply(scene.params['classifier'], {}, features, train=True)
        right = (logits.argmax(1) == label).mean()
        return optax.softmax_cross_entropy_with_integer_labels(logits, label), Aux({'category_accuracy': right})

    return Term(value, weight, features=True)
