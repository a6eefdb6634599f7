"""Research on generative adversarial networks: what can be called from Python.

A toy, trained, loaded and looked at:

    >>> import gans
    >>> config = gans.config('gan_ring8', 'smoke')  # an experiment's config; without 'smoke' at full size
    >>> config.train.steps = 2
    >>> summary = gans.train(config, 'runs/mine')  # goes on where the run in that folder stands
    >>> run = gans.load('runs/mine')  # its latest step; no data set is read
    >>> run.step
    2
    >>> samples = run.sample(16, seed=0)  # numpy, from averaged weights where the run has them
    >>> samples.shape
    (16, 2)
    >>> run.critic(samples).shape
    (16,)
    >>> run.metrics['step']
    array([0, 2])
    >>> scores = gans.evaluate('runs/mine', num=100)
    >>> scores['modes'] <= 8
    True

A mistake raises `gans.UserError`, of one line:

    >>> gans.load('runs/yours')
    Traceback (most recent call last):
    gans.UserError: there is no folder runs/yours: train a run in it first

Importing is fast, and touches no device: jax comes with the first call. What is not listed in `__all__` is private.
"""

from typing import TYPE_CHECKING, Any

from gans.errors import Stopped, UserError

if TYPE_CHECKING:
    from gans.api import config, evaluate, load, train
    from gans.run import Run

__all__ = ['Run', 'Stopped', 'UserError', 'config', 'evaluate', 'load', 'train']
__version__ = '0.1.0'


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'gans' has no attribute '{name}'")
    if name == 'Run':
        from gans.run import Run

        return Run
    from gans import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*__all__, '__version__']
