"""`--mode=sample --input=FOLDER`: what a translator makes of the user's own images, each at its own size."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from gans import kinds, memory, pictures
from gans.core import SAMPLES, Array, Sampler, TrainState
from gans.data import feed
from gans.data.decode import eight_bits
from gans.data.files import pictures_in, suffixes
from gans.data.images import square
from gans.errors import UserError
from gans.ops.pixels import to_float, to_uint8
from gans.ops.random import example_keys
from gans.training import draw, remembered, sampling, targets, tiles, workdir
from gans.training.draw import Options
from gans.training.setup import Experiment, setup_stages
from gans.training.tiles import Plan

PLACE = 'translated'  # in the run's folder, unless --out says another
FEW, COARSE = 16, 64  # if images have more sizes than that, they are padded to multiples of so many pixels
SHOWN, CELL = 64, 256  # images in the sheet, and pixels of a side of each, at most
NAMED = 3  # files in a line

Decode = Callable[[Path], np.ndarray]  # file -> uint8 [h, w, c]


def translate(config: ml_collections.ConfigDict, folder: Path, given: str, options: Options) -> str:
    """Makes an image of each in the folder `given`, or of the first `options.num`: PNGs of the same names in the same
    sub-folders of `options.out`, and a sheet of them, before and after. Returns a line that says where they are.

    A net that takes one size only is given the central square of each.

    Args:
      options: `out` is a folder, or FILE.png for the sheet alone; styles have no meaning here.

    Raises:
      UserError: samples are made from something else; no images; a place that will not do. Or some images cannot be
        read: the others are made first.
    """
    options.check()
    num, seed, out, label = options.num, options.seed, options.out, options.label
    root, alone = Path(given).expanduser(), Path(out or '').suffix == '.png'
    place = Path(out or folder / PLACE)
    _check_place(place, root, alone)
    experiments = setup_stages(config, devices=1, sources=remembered.sources(folder, config))  # the data are not read
    experiment, state, done = draw.restore(experiments, folder, options.step, options.direction)
    sampler = sampling.main_sampler(experiment.system)
    decode, scale = _decoder(experiment, sampler, given)
    files = pictures_in(root).names
    files = files[: num or (SHOWN if alone else len(files))]
    sizes, broken = _sizes(root, files, decode)
    if not sizes:
        raise UserError(f"none of the {len(files)} images in '{root}' can be read: {_few(broken)}")
    plans = _plans(sizes, sampler.multiple, scale)
    names, shown, pairs = _names(list(sizes)), set(list(sizes)[:SHOWN]), {}
    make = _maker(experiment, state, seed, None if label is None else draw.number_of(label, experiment))
    for file, before, after in _made(root, plans, decode, make):
        if not alone:
            kinds.KINDS['images'].save(place / names[file], after)
        if file in shown:
            pairs[file] = _cell(before), _cell(after)
    sheet = place if alone else place / f'{_free("sheet", names)}.png'
    pictures.save(sheet, _sheet([pairs[file] for file in sorted(pairs)], sampling.words(done, seed)))
    said = f'{len(sizes)} images of step {done:,}: ' + (f'{sheet}' if alone else f'{place}/, sheet {sheet}')
    if broken:
        raise UserError(f'{len(broken)} of {len(files)} images cannot be read, {_few(broken)}; made are {said}')
    return said


def _check_place(place: Path, root: Path, alone: bool) -> None:
    """Raises UserError for places from which or to which nothing can go, or where images made would be given ones."""
    if not root.is_dir():
        raise UserError(f"--input={root}: there is no such folder{' (it is a file)' * root.is_file()}")
    if not alone and place.suffix.lower() in {'.npz', *pictures.VECTOR, *suffixes()}:
        raise UserError(f'--out={place}: name a FOLDER for images, or FILE.png for a sheet of them alone')
    if not alone and place.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f'--out={place} lies in --input={root}, with whose images those made would be mixed: name another'
        )


def _decoder(experiment: Experiment, sampler: Sampler, given: str) -> tuple[Decode, int]:
    """How files become what the sampler is given, and by how much that is enlarged."""
    inputs, made = targets.inputs_like(sampler, experiment.source), sampling.sampled_spec(experiment)
    like = targets.image_of(inputs)
    if like is None or not kinds.is_image(made):
        read = sampling.fields_read(sampler, experiment.source)
        of = ' and '.join(sorted(read)) or 'latents alone'
        raise UserError(f'--input={given}: samples of this system are made from {of}, not from an image: leave it off')
    _, height, width, channels = like.shape
    if sampler.multiple is None and height != width:
        raise UserError(f'--input={given}: this net takes images of {height} x {width} pixels alone, and no other size')
    if sampler.multiple is None:
        workdir.say(f'this net takes images of {height} x {width} pixels alone: the central squares are resized')

    def decode(file: Path) -> np.ndarray:
        from PIL import Image

        with Image.open(file) as image:
            whole = eight_bits(image).convert('L' if channels == 1 else 'RGB')
        if sampler.multiple is None:
            return square(whole, height, channels)
        return np.asarray(whole).reshape(whole.height, whole.width, channels)

    return decode, max(1, made.shape[0] // height)


def _sizes(
    root: Path, files: Sequence[Path], decode: Decode
) -> tuple[dict[Path, tuple[int, int]], dict[Path, Exception]]:
    """Heights and widths of images, by file, and why others cannot be read."""

    def measure(file: Path) -> tuple[int, int] | Exception:
        try:
            return decode(root / file).shape[:2]
        except MemoryError:
            raise
        except Exception as error:  # a broken file may raise anything at all
            return error

    with ThreadPoolExecutor() as pool:
        found = dict(zip(files, pool.map(measure, files), strict=True))
    broken = {file: size for file, size in found.items() if isinstance(size, Exception)}
    return {file: size for file, size in found.items() if file not in broken}, broken


def _plans(sizes: dict[Path, tuple[int, int]], multiple: int | None, scale: int) -> dict[Path, Plan]:
    """How each image is cut; says what is padded, and what is made in tiles."""
    make = lambda step: {file: tiles.plan(size, step, scale) for file, size in sizes.items()}
    step = multiple or 1
    plans = make(step)
    if multiple and len({each.tile for each in plans.values()}) > FEW:
        step = math.lcm(multiple, COARSE)
        plans = make(step)
    padded = sum(each.padded != each.size for each in plans.values())
    large = {each.tile for each in plans.values() if len(each.places) > 1}
    if padded:
        why = 'which this net takes' if step == multiple else 'so that images of many sizes take few programs'
        workdir.say(f'{padded} of {len(plans)} images are padded, by reflection, to multiples of {step} pixels, {why}, '
                    'and cut back')  # fmt: skip
    if large:
        cut, most = sum(len(each.places) > 1 for each in plans.values()), max(large)
        workdir.say(f'{cut} of {len(plans)} images are large, and made in tiles of up to {most[0]} x {most[1]} pixels '
                    'that are blended where they overlap')  # fmt: skip
    return plans


def _maker(
    experiment: Experiment, state: TrainState, seed: int, label: int | None
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Makes (images uint8 [B, h, w, c], their numbers [B]) -> what the main sampler makes of them, float [B, ...].

    All else that it is given is that of training, as many examples as there are numbers.
    """
    sampler, source = sampling.main_sampler(experiment.system), experiment.source

    def make(state: TrainState, images: Array, numbers: Array) -> Array:
        keys = example_keys(jax.random.fold_in(jax.random.key(seed), SAMPLES), numbers)
        batch = {name: jnp.zeros(x.shape, x.dtype) for name, x in feed.shapes(source, len(images)).items()}
        if sampling.asks_for_classes(experiment.system):
            batch['label'] = numbers % len(source.spec.classes) if label is None else jnp.full_like(numbers, label)
        inputs = sampler.inputs(batch, keys)
        inputs = jax.tree.map(lambda x: to_float(images) if x.ndim == 4 else x, inputs)
        return sampler.make(state, inputs)

    compiled, state = jax.jit(make), jax.device_put(jax.jit(sampling.use_averages)(state))
    return lambda images, numbers: memory.fetch(compiled(state, images, numbers))


def _made(
    root: Path, plans: dict[Path, Plan], decode: Decode, make: Callable
) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Each file, its image and what is made of it, uint8 [h, w, C]; those of one size after each other."""
    alike, numbers = defaultdict(list), {file: i for i, file in enumerate(plans)}
    for file, each in plans.items():
        alike[each.tile].append(file)
    for files in alike.values():
        fit = max(1, tiles.LARGEST**2 // plans[files[0]].area)  # tiles at a time
        total = sum(len(plans[file].places) for file in files)
        run = tiles.in_batches(make, min(fit, total))
        for start in range(0, len(files), fit):
            some = files[start : start + fit]
            given = [decode(root / file) for file in some]
            cut = [plans[file].cut(image) for file, image in zip(some, given, strict=True)]
            counts = [len(each) for each in cut]
            made = run(np.concatenate(cut), np.repeat([numbers[file] for file in some], counts).astype(np.int32))
            for file, image, part in zip(some, given, np.split(made, np.cumsum(counts)[:-1]), strict=True):
                yield file, image, to_uint8(plans[file].join(part))


def _names(files: Sequence[Path]) -> dict[Path, str]:
    """Names of the images that are made, without a suffix; a.png and a.jpg do not become one."""
    count = Counter(file.with_suffix('') for file in files)
    return {file: str(file.with_suffix('') if count[file.with_suffix('')] == 1 else file) for file in files}


def _free(name: str, names: dict[Path, str]) -> str:
    """A name that no image has."""
    while name in names.values():
        name += '_'
    return name


def _cell(image: np.ndarray) -> np.ndarray:
    """An image [h, w, C] in color, and no larger than a cell of the sheet."""
    from PIL import Image

    height, width, channels = image.shape
    factor = min(1, CELL / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = Image.fromarray(image[..., 0] if channels == 1 else image).resize(size, Image.Resampling.BOX)
    return np.asarray(small.convert('RGB'))


def _sheet(pairs: Sequence[tuple[np.ndarray, np.ndarray]], title: str) -> np.ndarray:
    """A picture of images before and after, uint8 [h, w, 3]: each as large as fits into a cell, on white."""
    from PIL import Image

    side = max(max(image.shape[:2]) for pair in pairs for image in pair)
    cells = np.full((len(pairs), 2, side, side, 3), 255, np.uint8)
    for i, pair in enumerate(pairs):
        for j, image in enumerate(pair):
            factor = side / max(image.shape[:2])
            width, height = (max(1, round(n * factor)) for n in (image.shape[1], image.shape[0]))
            y, x = (side - height) // 2, (side - width) // 2
            whole = Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)
            cells[i, j, y : y + height, x : x + width] = np.asarray(whole)
    fields = {'before': cells[:, 0], 'after': cells[:, 1]}
    return pictures.side_by_side({name: to_float(images) for name, images in fields.items()}, title)


def _few(broken: Mapping[Path, Exception]) -> str:
    """The first files that cannot be read, and why."""
    listed = [f"'{file}' ({str(error) or type(error).__name__})" for file, error in list(broken.items())[:NAMED]]
    return ', '.join(listed) + ', ...' * (len(broken) > NAMED)
