"""MoCoGAN's nets (Tulyakov 2018, 1707.04993) for clips whose square frames halve.

A GRU walks through motions, one for each frame; frames are made of the clip's content and of their motion by an image
generator; one critic scores single frames and another one clips. At 16 frames of 64 pixels and the default width they
are those of the authors' code: 512, 256, 128 and 64 channels, no biases but those of norms.
"""

from functools import partial

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.nets._clips import NORMS, finish
from gans.nets._sizes import doublings
from gans.ops import random
from gans.ops.dropout import noise_keys
from gans.ops.layers import CRITIC_NORMS, Conv, ConvTranspose, Dense, Score, activation, initializer, norm
from gans.ops.layers1d import Gru
from gans.ops.layers3d import Conv3d

KERNEL = 4


class Generator(nn.Module):
    """Content [B, c], first state [B, m] and inputs [B, T, m] of motions, and categories [B, K], K may be 0, -> clips
    [B, T, H, W, C] in (-1, 1); of those, with frame int [B], one frame each: [B, H, W, C].

    There are as many frames as inputs of motions. width: channels of the last hidden block. convs: convolutions of 3
    pixels after each hidden block, none in the authors' code: small frames have few blocks, which draw the same shape
    at different places badly. category: whether the category is given to the 'motion' at each step or to the image
    'generator'. norm: batch, as in the authors' code; conditional, on the content and the generator's category; none.
    """

    shape: tuple[int, ...]
    compute: Compute
    category: str = 'motion'
    width: int = 64
    base: int = 4
    convs: int = 0
    norm: str = 'batch'
    init_std: float | None = 0.02

    @nn.compact
    def __call__(
        self,
        content: Array,
        start: Array,
        steps: Array,
        category: Array,
        frame: Array | None = None,
        train: bool = True,
    ) -> Array:
        if len(self.shape) != 4 or self.shape[1] != self.shape[2]:
            raise UserError(f"net 'mocogan' makes clips [T, H, W, C] of square frames, not {self.shape}: set another"
                            ' data.name')  # fmt: skip
        if self.norm not in NORMS:
            raise unknown("generator.norm of the net 'mocogan'", self.norm, NORMS)
        over_time = lambda x: jnp.broadcast_to(x[:, None], (*steps.shape[:2], x.shape[1]))
        by_motion = self.category == 'motion'
        given = jnp.concatenate([steps, over_time(category)], 2) if by_motion else steps
        motion = Gru(start.shape[1], self.compute, name='motion')(given, start)
        fixed = content if by_motion else jnp.concatenate([content, category], 1)
        codes = jnp.concatenate([over_time(fixed), motion], 2)  # [B, T, c (+ K) + m]
        if frame is not None:
            return self.draw(jnp.take_along_axis(codes, frame[:, None, None], 1)[:, 0], fixed.shape[1], train)
        frames = self.draw(codes.reshape(-1, codes.shape[2]), fixed.shape[1], train)  # those of a clip in a row
        return frames.reshape(*steps.shape[:2], *self.shape[1:])

    def draw(self, codes: Array, fixed: int, train: bool) -> Array:
        """Codes [N, d], of which the first `fixed` numbers are the same in all frames of a clip, -> [N, H, W, C]."""
        init, bias = initializer(self.init_std), self.norm == 'none'
        base, *sizes = doublings('mocogan', self.base, self.shape[1])
        width = self.width * 2 ** (len(sizes) - 1)
        options = {'compute': self.compute, 'kernel_init': init, 'convs': self.convs}
        finished = partial(finish, self.norm, common=codes[:, :fixed], train=train, **options)
        x = Dense(base * base * width, self.compute, bias, kernel_init=init, name=f'stem_{base}')(codes, train)
        x = finished(x.reshape(-1, base, base, width), name=f'{base}')
        for size in sizes[:-1]:
            width //= 2
            x = ConvTranspose(width, self.compute, bias, kernel_init=init, name=f'block_{size}')(x, train)
            x = finished(x, name=f'{size}')
        last = ConvTranspose(self.shape[3], self.compute, bias, kernel_init=init, name=f'block_{sizes[-1]}')
        return jnp.tanh(last(x, train).astype(jnp.float32))


class Critic(nn.Module):
    """Frames [B, H, W, C] or clips [B, T, H, W, C] -> scores [B], or a map of them for each.

    Each convolution halves the sides; of clips it sees 4 frames and has 3 fewer after it.

    patch_frames, patch_clips: whether the last convolution gives a map, of patches, in place of one score. width:
    channels of the first block. noise_std: standard deviation of noise before convolutions, which the net is given as
    words uint32 [B, 2]: in training and out of it, as in the authors' code, but before the last one only if that sees
    patches of frames. norm: none, batch, layer or spectral; never in the first block.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    base: int = 4
    patch_frames: bool = True
    patch_clips: bool = False
    norm: str = 'batch'
    init_std: float | None = 0.02
    noise_std: float | None = None

    conditions = ('projection',)
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, words: Array | None = None, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in CRITIC_NORMS:
            raise unknown('critic.norm', self.norm, CRITIC_NORMS)
        of_frames, count = len(self.shape) == 3, len(doublings('mocogan', self.base, self.shape[-2])) - 1
        patch = self.patch_frames if of_frames else self.patch_clips
        fewest, blocks = (KERNEL - 1) * count + 1, count - patch
        if not of_frames and self.shape[0] < fewest:
            raise UserError(f"net 'mocogan' sees {fewest} frames or more of {self.shape[1]} pixels, not"
                            f' {self.shape[0]}: set data.frames, a smaller data.size, or a larger base')  # fmt: skip
        if blocks < 1:
            raise UserError(f"net 'mocogan' has no patches of {self.shape[-2]} pixels with base={self.base}: set"
                            ' critic.patch_frames=False and critic.patch_clips=False, or a smaller base')  # fmt: skip
        if patch and label is not None:
            raise UserError("critic.condition='projection' wants one score, not a map: set critic.patch_frames=False"
                            ' and critic.patch_clips=False')  # fmt: skip
        init, spectral = initializer(self.init_std), self.norm == 'spectral'
        keys = iter(() if words is None else noise_keys(words, count))

        def convolve(x: Array, width: int, name: str, noisy: bool = True) -> Array:
            if words is not None and noisy:
                x = x + self.noise_std * random.normal(next(keys), x.shape[1:])
            options = self.compute, self.norm in ('none', 'spectral'), spectral, init, KERNEL
            if of_frames:
                return Conv(width, *options, 2, 1, name=name)(x, train)
            return Conv3d(width, *options, (1, 2, 2), ((0, 0), (1, 1), (1, 1)), name=name)(x, train)

        for i in range(blocks):
            size, width = self.shape[-2] >> i, self.width * 2**i
            x = convolve(x, width, f'block_{size}')
            if i:
                x = norm(self.norm, x, train, name=f'norm_{size}', compute=self.compute)
            x = activation('leaky_relu')(x)
        if patch:
            self.sow('features', 'features', x.astype(jnp.float32).mean(range(1, x.ndim - 1)))
            return convolve(x, 1, 'out', of_frames)[..., 0].astype(jnp.float32)
        out = Score(compute=self.compute, use_bias=False, spectral=spectral, kernel_init=init, name='out')
        return out(x.reshape(len(x), -1), train, label)
