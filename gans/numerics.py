"""Settings of jax itself, made in its environment variables, with which the same config trains another run."""

from typing import Any

import jax

DEFAULTS = {
    'jax_enable_x64': False,
    'jax_default_matmul_precision': None,
    'jax_default_prng_impl': 'threefry2x32',
    'jax_threefry_partitionable': True,
    'jax_numpy_dtype_promotion': 'standard',
}


def numerics() -> dict[str, Any]:
    """Those that are not as they are by default, by name: {} as a rule."""
    return {name: value for name in DEFAULTS if (value := getattr(jax.config, name)) != DEFAULTS[name]}
