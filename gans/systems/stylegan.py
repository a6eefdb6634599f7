"""StyleGAN (Karras 2019, 1812.04948): latents are mapped to styles, w, which scale and shift every layer of a synthesis
net, whose images may grow as in ProGAN.

Growing is stages (gans/systems/progan.py). Styles are mixed from one of the layers on that a stage has. Game and
penalties are those of the config: for FFHQ the non-saturating loss with `terms.r1`, for CelebA-HQ WGAN-GP.
"""

import ml_collections

from gans.core import Compute, Spec, System
from gans.nets import build as nets
from gans.nets import stylegan
from gans.systems import _styles
from gans.systems._fades import check_fades, make_fade


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    mapping: int = 8,
    mapping_rate: float = 0.01,
    mixing: float | None = 0.9,
    fade_begin: int = 0,
    fade_steps: int = 0,
) -> System:
    """The generator is a net with a Synthesis ('stylegan'); w has the size of the latents. Labels, with
    `critic.condition='projection'`, enter the mapping net, and choose one of the critic's scores.

    Args:
      mapping: layers of the mapping net.
      mapping_rate: of these layers, as a factor of the generator's; `mapping_lrmul` in StyleGAN's code.
      mixing: the share of fakes with two styles in training.
      fade_begin, fade_steps: see gans/systems/progan.py.

    Raises:
      UserError: images that are no squares of 4, 8, 16, ... pixels, packs; nets that do not fade, and fades as there.
    """
    fade = make_fade(config, spec, fade_begin, fade_steps)
    generator = _styles.make_generator(config, spec, compute, stylegan.Mapping, mapping, mapping_rate, mixing, fade)
    critic = nets.critic(config.critic, spec, compute, fade.inputs)
    if fade_steps:
        check_fades(config, 'generator', generator.synthesis)
        check_fades(config, 'critic', critic)
    return _styles.build(config, spec, generator, critic)
