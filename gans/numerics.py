"""Global settings of jax, such as from environment variables, that change the results of a config."""

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
    """Settings that differ from the defaults, by name: usually {}."""
    return {name: value for name in DEFAULTS if (value := getattr(jax.config, name)) != DEFAULTS[name]}
