"""How fast is the Gaussian mixture beside the plain formula? `python tests/benchmarks/gmm.py` prints ratios."""

import time

import numpy as np
import torch

from heat_core.energies.priors import GaussianMixture


def seconds(call, repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def per_class(z: torch.Tensor, mixture: GaussianMixture) -> torch.Tensor:
    """What libraries do: one D² product a class."""
    precision = torch.from_numpy(mixture.precision_).float()
    means = torch.from_numpy(mixture.means_).float()
    squared = torch.stack([((z - m) @ precision * (z - m)).sum(1) for m in means], dim=1)
    return -torch.logsumexp(-0.5 * squared, dim=1)


def autograd(z: torch.Tensor, mixture: GaussianMixture) -> torch.Tensor:
    leaf = z.clone().requires_grad_()
    return torch.autograd.grad(per_class(leaf, mixture).sum(), leaf)[0]


def main() -> None:
    rng = np.random.default_rng(0)
    train = rng.normal(size=(5000, 512)).astype(np.float32)
    mixture = GaussianMixture().fit(train, np.arange(5000) % 10)
    z = torch.randn(20_000, 512)
    batch = z[:1024]
    torch.testing.assert_close(mixture.energy(z), per_class(z, mixture), rtol=1e-3, atol=1e-1)
    rows = {
        "energy, 20,000 × 512, 10 classes": (lambda: mixture.energy(z), lambda: per_class(z, mixture)),
        "gradient, 1024 × 512, 10 classes": (lambda: mixture.gradient(batch), lambda: autograd(batch, mixture)),
    }
    for name, (ours, plain) in rows.items():
        a, b = seconds(ours), seconds(plain)
        print(f"{name}: {1000 * a:.1f} ms, one product a class {1000 * b:.1f} ms, ratio {b / a:.1f}")


if __name__ == "__main__":
    main()
