"""The machine that the figures are of."""

import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "timm", "streamlit", "pytorch-ood", "faiss-cpu")
_SIDE, _REPEATS = 2048, 5


def matrix_rates() -> dict[str, float]:
    """FLOP/s of products of square matrices in torch, the best of five."""
    import torch

    rates = {}
    for name, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        a, b = torch.randn(2, _SIDE, _SIDE).to(dtype)
        seconds = []
        for _ in range(_REPEATS + 1):
            began = time.perf_counter()
            a @ b
            seconds.append(time.perf_counter() - began)
        rates[name] = 2 * _SIDE**3 / min(seconds[1:])
    return rates


def description() -> str:
    import torch

    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} is not installed")
    return (
        f"{_processor()}, {torch.get_num_threads()} threads; Python {platform.python_version()}; {'; '.join(versions)}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
