"""OpenMoji's line drawings from scratch, fine-tuned from a run on Fashion-MNIST, and with freezeD: how many steps each
takes to the same distance.

Paper: freezeD: Mo 2020 (2002.10964); fine-tuning of GANs: Wang 2018 (1805.01677).
Command: python launch.py --sweep=experiments/sweeps/finetune_openmoji_fashion.py --seeds=3 --config.train.steps=600
  First, the run from which two of the rows start:
  python launch.py --config=experiments/finetune_openmoji_fashion.py
Hardware and cost: two shared CPU cores, 14 minutes for 9 runs in 3 programs; 2 minutes for the other run.
Expected: steps until a distance was first reached (evaluated every 50; mean of seeds 0 to 2), and its value after 600:

                              FD (pixels)                     sliced Wasserstein
              10     8     6     5   4.5   at 600          0.4  0.35   0.3   at 600
    scratch  233   333   467   550     -   4.55 +- 0.30    333   467   517   0.263 +- 0.016
    finetune 267   300   333   350   467   4.01 +- 0.11    300   450     -   0.299 +- 0.019
    freezeD  250   250   300   333   400   4.05 +- 0.08    250   333   567   0.296 +- 0.018

  '-': not reached by all seeds. By FD, fine-tuning takes about two thirds of the steps to 5 and 6, and freezeD even
  fewer, for each of three seeds, although the first 200 steps are spent on the change from light on black to black on
  white. By the sliced Wasserstein distance they are ahead only up to 0.35, and behind at the end: samples are less
  diverse. The other direction, from 1,500 steps of the emoji to Fashion-MNIST, is slower than from scratch (seed 0: FD
  5 after 650 steps, from scratch 500): this data set is easier, and learned before the change to light on black pays
  off.
Deviations: small nets and a small budget, with which no emoji are recognizable yet; pixel features.
"""

from ml_collections import ConfigDict

from experiments import finetune_openmoji_fashion

SOURCE = 'runs/finetune_openmoji_fashion'


def get_config(variant: str = '') -> ConfigDict:
    config = finetune_openmoji_fashion.get_config(variant)
    config.data.name, config.data.style = 'openmoji', 'line'
    return config


def sweep(add) -> None:
    start = {'finetune.run': SOURCE}
    add('freezeD', **start, **{'finetune.freeze': ['critic/block_32']})
    add('finetune', **start)
    add('scratch')
