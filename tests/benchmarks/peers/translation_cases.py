"""Cases of the benchmark of image translation: nets, and losses that are written once for both sides."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import torch

from gans.core import Compute
from gans.nets import cyclegan, patchgan, srgan, unet


class Lib(NamedTuple):
    """What is not the same on both sides."""

    softplus: Callable[[Any], Any]
    # (function of images, several images) -> what it gives for each. Ours takes them as one batch, where kernels are
    # read once; PyTorch's one by one, as the authors' code.
    each: Callable[..., list]


OURS = Lib(jax.nn.softplus, lambda net, *images: jnp.split(net(jnp.concatenate(images)), len(images)))
THEIRS = Lib(torch.nn.functional.softplus, lambda net, *images: [net(x) for x in images])


class Case(NamedTuple):
    """Nets with the numbers of channels that they are given, and losses in terms of functions of images."""

    nets: Mapping[str, tuple[Any, tuple[int, ...]]]
    batch: Mapping[str, tuple[int, ...]]  # shapes of its images
    # (nets by name, batch, lib) -> (loss of all generators, fakes)
    generators: Callable[[Any, Any, Lib], tuple[Any, Any]]
    critics: Callable[[Any, Any, Any, Lib], Any] | None = None  # (nets, batch, fakes, lib) -> loss
    goal: float = 1.0


def pix2pix64(narrow: int = 1, batch: int = 16) -> Case:
    """U-Net and PatchGAN, L1 and the usual game: line drawings to colors."""
    image, source = (64, 64, 3), (64, 64, 1)
    generator = unet.Translator(
        image, Compute(), width=64 // narrow, norm='batch', dropout=0.5 if narrow == 1 else None
    )
    critic = patchgan.Critic(image, Compute(), width=64 // narrow, norm='batch')

    def generators(nets, batch, lib):
        fake = nets['generator'](batch['source'])
        score = nets['critic'](fake, batch['source'])
        return lib.softplus(-score).mean() + 100 * abs(fake - batch['real']).mean(), fake

    def critics(nets, batch, fake, lib):
        real, fake = (nets['critic'](x, batch['source']) for x in (batch['real'], fake))
        return 0.5 * (lib.softplus(-real).mean() + lib.softplus(fake).mean())

    shapes = {'source': (batch, *source), 'real': (batch, *image)}
    return Case({'generator': (generator, (1,)), 'critic': (critic, (3, 1))}, shapes, generators, critics)


def cyclegan64(narrow: int = 1, batch: int = 1) -> Case:
    """ResNet-6 both ways, PatchGAN of 70 pixels, least squares, cycle and identity."""
    image, blocks = (64, 64, 3), 6 if narrow == 1 else 1
    generator = cyclegan.Translator(image, Compute(), width=64 // narrow, blocks=blocks)
    nets = dict.fromkeys(('generator_ab', 'generator_ba'), (generator, (3,)))
    critic = patchgan.Critic(image, Compute(), width=64 // narrow, norm='plain_instance')
    nets |= dict.fromkeys(('critic_a', 'critic_b'), (critic, (3,)))

    def generators(nets, batch, lib):
        a, b, to_b, to_a = batch['a'], batch['b'], nets['generator_ab'], nets['generator_ba']
        fake_a, same_a = lib.each(to_a, b, a)
        fake_b, same_b = lib.each(to_b, a, b)
        game = ((nets['critic_a'](fake_a) - 1) ** 2).mean() + ((nets['critic_b'](fake_b) - 1) ** 2).mean()
        cycle = abs(to_a(fake_b) - a).mean() + abs(to_b(fake_a) - b).mean()
        identity = abs(same_a - a).mean() + abs(same_b - b).mean()
        return game + 10 * cycle + 5 * identity, (fake_a, fake_b)

    def critics(nets, batch, fakes, lib):
        loss = 0.0
        for side, fake in zip('ab', fakes, strict=True):
            real, fake = lib.each(nets[f'critic_{side}'], batch[side], fake)
            loss += 0.5 * (((real - 1) ** 2).mean() + (fake**2).mean())
        return loss

    return Case(nets, {'a': (batch, *image), 'b': (batch, *image)}, generators, critics)


def cyclegan64_batch8(narrow: int = 1) -> Case:
    return cyclegan64(narrow, 8)


def srresnet96(narrow: int = 1, batch: int = 4) -> Case:
    """Squared errors alone."""
    image = (96, 96, 3)
    blocks = 16 if narrow == 1 else 1
    nets = {'generator': (srgan.Upscaler(image, Compute(), width=64 // narrow, blocks=blocks), (3,))}

    def generators(nets, batch, lib):
        made = nets['generator'](batch['low'])
        return ((made - batch['real']) ** 2).mean(), made

    return Case(nets, {'low': (batch, 24, 24, 3), 'real': (batch, *image)}, generators)


def srgan96(narrow: int = 1, batch: int = 4) -> Case:
    """With a critic, without a perceptual loss."""
    content = srresnet96(narrow, batch)
    critic = srgan.Critic((96, 96, 3), Compute(), width=64 // narrow, dense=1024 // narrow)

    def generators(nets, batch, lib):
        loss, made = content.generators(nets, batch, lib)
        return loss + 1e-3 * lib.softplus(-nets['critic'](made)).mean(), made

    def critics(nets, batch, fake, lib):
        return lib.softplus(-nets['critic'](batch['real'])).mean() + lib.softplus(nets['critic'](fake)).mean()

    return content._replace(nets={**content.nets, 'critic': (critic, (3,))}, generators=generators, critics=critics)


CASES = {case.__name__: case for case in (pix2pix64, cyclegan64, cyclegan64_batch8, srresnet96, srgan96)}
