"""Pictures of conditional generators. Between latents of one class goes `--mode=interpolate`."""

import jax
import jax.numpy as jnp
import numpy as np

from gans.core import Array, Batch, Keys, Sampler
from gans.systems._players import repeat_rows

COLUMNS = 10  # at most


def class_sheets(sampler: Sampler, classes: tuple[str, ...]) -> dict[str, Sampler]:
    """The same latents in several classes, and on the way from a class to the next.

    sampler: whose inputs are {'z', 'label'}, and which also makes examples of mixtures of classes, float [N, K].
    """
    known, steps = len(classes), np.linspace(0, 1, COLUMNS, dtype=np.float32)
    chosen = np.linspace(0, known - 1, min(known, COLUMNS)).round().astype(np.int32)

    def draw_classes(batch: Batch, keys: Keys) -> dict[str, Array]:
        rows = repeat_rows(sampler.inputs(batch, keys), len(chosen))
        return rows | {'label': jnp.tile(chosen, len(keys))}

    def draw_between(batch: Batch, keys: Keys) -> dict[str, Array]:
        rows = repeat_rows(sampler.inputs(batch, keys), COLUMNS)
        first, second = (jax.nn.one_hot((rows['label'] + i) % known, known) for i in (0, 1))
        share = jnp.tile(steps, len(keys))[:, None]
        return rows | {'label': (1 - share) * first + share * second}

    made = sampler._replace(asked={})
    return {
        'classes': made._replace(
            inputs=draw_classes,
            about='along each row the latents stay, and the class changes',
            columns=tuple(classes[i] for i in chosen),
        ),
        'between_classes': made._replace(
            inputs=draw_between,
            about='along each row the latents stay, and a class becomes the next one',
            columns=tuple(f'{share:.0%}' for share in steps),
        ),
    }
