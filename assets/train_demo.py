"""Train the embedded demo's classifier on the digits 0 to 5: `python assets/train_demo.py` (about a minute)."""

import numpy as np
import torch
from safetensors.torch import save_file

from heat_core.features.backbones import ASSETS, demo_network
from heat_core.features.demo import load


def pixels(role: str) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels, _, _ = load("demo-digits", role)
    x = torch.from_numpy(images.astype(np.float32))[:, None].expand(-1, 3, -1, -1) / 127.5 - 1
    return x, torch.from_numpy(labels)


def main(epochs: int = 20, batch: int = 64) -> None:
    torch.manual_seed(0)
    x, y = pixels("train")
    model = demo_network().train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=5e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs * (len(x) // batch))
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(batch)[: len(x) // batch]:
            shift = tuple(torch.randint(-2, 3, (2,)).tolist())
            loss = torch.nn.functional.cross_entropy(model(x[rows].roll(shift, (2, 3))), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}/{epochs}: loss {loss.item():.3f}", flush=True)
    model.eval()
    test_x, test_y = pixels("test")
    with torch.inference_mode():
        print(f"test accuracy {(model(test_x).argmax(1) == test_y).float().mean():.3f}")
    half = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    save_file(half, ASSETS / "demo-resnet.safetensors")


if __name__ == "__main__":
    main()
