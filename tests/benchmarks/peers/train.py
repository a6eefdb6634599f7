"""One of the project's experiments as one would train it in PyTorch: nets, losses, data, optimizers from its config.

Known to be the same by `compare.py`. Where the two part: PyTorch draws examples with replacement; the power iteration
of its spectral norm begins half a step later; both losses of a simultaneous step see the same fakes here, as in the
code of PacGAN's authors, where ours draws for each of them.
"""

from contextlib import nullcontext

import torch
from benchmarks.peers import nets
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from gans.core import TrainState
from gans.training.setup import Experiment

CRITIC_LOSSES = {
    'non_saturating': lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    'wasserstein': lambda real, fake: fake.mean() - real.mean(),
    'hinge': lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(),
}
GENERATOR_LOSSES = {
    'non_saturating': lambda fake: softplus(-fake).mean(),
    'wasserstein': lambda fake: -fake.mean(),
    'hinge': lambda fake: -fake.mean(),
}


class Peer:
    """Trains with `step()`, which returns the losses of the critic and of the generator."""

    def __init__(self, experiment: Experiment, state: TrainState, device: str = 'cpu', compiled: bool = False) -> None:
        """
        Args:
          state: whose weights it begins with.
          compiled: by torch.compile.
        """
        config, source = experiment.config, experiment.source
        self.config, self.shape, self.device = config, source.spec.shape, torch.device(device)
        self.generator, self.critic = (self._net(experiment, state, name) for name in ('generator', 'critic'))
        self.flat = config.critic.net == 'mlp'
        held = source.arrays is not None
        self.data = torch.from_numpy(source.arrays['real']).to(device) if held else None
        self.modes = None if held else (torch.tensor(source.modes.centers).to(device), source.modes.sigma)
        mixed = config.train.precision == 'bfloat16'
        self.autocast = torch.autocast(device, torch.bfloat16) if mixed else nullcontext()
        self.parameters = {name: list(getattr(self, name).parameters()) for name in ('generator', 'critic')}
        self.optimizers = {name: self._adam(name) for name in self.parameters}
        if compiled:
            for name in ('fakes', 'critic_loss', 'generator_loss'):
                setattr(self, name, torch.compile(getattr(self, name)))
        self.step = self._simultaneous_step if config.dynamics == 'simultaneous' else self._step

    def _net(self, experiment: Experiment, state: TrainState, name: str) -> nn.Module:
        net = nets.of(experiment.system.nets[name])
        for parameter, value in nets.paired(net, state.params[name]):
            parameter.data.copy_(value)
        return net.to(self.device)

    def _adam(self, name: str) -> torch.optim.Optimizer:
        numbers = self.config.optimizer[name]
        betas = numbers.b1, numbers.b2
        return torch.optim.Adam(self.parameters[name], numbers.learning_rate, betas, numbers.eps, fused=True)

    def arranged(self, x: Tensor) -> Tensor:
        """Our layout [B, ...] -> the nets', without a copy."""
        return x.flatten(1) if self.flat else x.permute(0, 3, 1, 2)

    def real(self) -> Tensor:
        batch = (self.config.train.batch_size,)
        if self.modes is not None:
            centers, sigma = self.modes
            which = torch.randint(len(centers), batch, device=self.device)
            return centers[which] + sigma * torch.randn(*batch, *self.shape, device=self.device)
        raw = self.data[torch.randint(len(self.data), batch, device=self.device)]
        return self.arranged(raw).float().div_(127.5).sub_(1)

    def latents(self) -> Tensor:
        z = torch.empty(self.config.train.batch_size, self.config.latents.size, device=self.device)
        return z.normal_() if self.config.latents.distribution == 'normal' else z.uniform_(-1, 1)

    def coefficients(self) -> Tensor:
        """Of the points between real and fake examples."""
        return torch.rand(self.config.train.batch_size, *[1] * (1 if self.flat else 3), device=self.device)

    def scores(self, x: Tensor) -> Tensor:
        with self.autocast:
            return self.critic(x).float()

    def fakes(self, z: Tensor) -> Tensor:
        with self.autocast:
            return self.generator(z).float()

    def squared_gradient_norm(self, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.scores(x).sum(), x, create_graph=True)
        return gradient.square().flatten(1).sum(1)

    def critic_loss(self, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
        """Of examples that are constants."""
        config = self.config
        scores = self.scores(real)
        loss = CRITIC_LOSSES[config.game](scores, self.scores(fake))
        if 'drift' in config.terms:
            loss = loss + config.terms.drift.weight * scores.square().mean()
        if 'wgan_gp' in config.terms:
            norm = (self.squared_gradient_norm(real + mix * (fake - real)) + 1e-12).sqrt()
            term = (norm - config.terms.wgan_gp.target).square().mean()
            loss = loss + config.terms.wgan_gp.weight * term
        if 'r1' in config.terms:
            loss = loss + config.terms.r1.weight * 0.5 * self.squared_gradient_norm(real).mean()
        return loss

    def generator_loss(self, z: Tensor) -> Tensor:
        return GENERATOR_LOSSES[self.config.game](self.scores(self.fakes(z)))

    def losses(self, real: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Of the critic and of the generator, for a step of both."""
        real, fake = self.scores(real), self.scores(self.fakes(z))
        return CRITIC_LOSSES[self.config.game](real, fake), GENERATOR_LOSSES[self.config.game](fake)

    def _step(self) -> tuple[Tensor, Tensor]:
        for _ in range(self.config.train.n_critic):
            with torch.no_grad():
                fake = self.fakes(self.latents())
            critic_loss = self.critic_loss(self.real(), fake, self.coefficients())
            self._descend('critic', critic_loss)
        self._let_critic_learn(False)
        generator_loss = self.generator_loss(self.latents())
        self._descend('generator', generator_loss)
        self._let_critic_learn(True)
        return critic_loss, generator_loss

    def _let_critic_learn(self, learn: bool) -> None:
        """Its own gradients are not wanted in the generator's step."""
        for parameter in self.parameters['critic']:
            parameter.requires_grad_(learn)

    def _descend(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad()
        loss.backward()
        self.optimizers[name].step()

    def _simultaneous_step(self) -> tuple[Tensor, Tensor]:
        critic_loss, generator_loss = self.losses(self.real(), self.latents())
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        critic_loss.backward(inputs=self.parameters['critic'], retain_graph=True)
        generator_loss.backward(inputs=self.parameters['generator'])
        for optimizer in self.optimizers.values():
            optimizer.step()
        return critic_loss, generator_loss
