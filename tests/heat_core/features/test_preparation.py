"""Images that cannot be prepared cost themselves alone, and long strips are cropped before they are resized."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from heat_core.data.image_set import ImageSet
from heat_core.errors import Cancelled
from heat_core.features.batches import extract_in_memory
from heat_core.features.preparation import MAX_SIDES, prepare

CENTRE = transforms.Compose([transforms.Resize(16), transforms.CenterCrop(12), transforms.ToTensor()])
SQUEEZE = transforms.Compose([transforms.Resize((12, 12)), transforms.ToTensor()])


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("transform", [CENTRE, SQUEEZE], ids=["centre", "squeeze"])
@pytest.mark.parametrize("size", [(3001, 1), (1, 3000), (2000, 4), (1500, 3), (MAX_SIDES * 5, 5), (300, 200), (7, 7)])
def test_cropping_before_resizing_changes_no_pixel(transform, size):
    torch.testing.assert_close(prepare(transform, noise(*size)), transform(noise(*size)), rtol=0, atol=0)


@pytest.mark.parametrize("size", [(50_000, 1), (1, 50_000), (150_000, 3)])
def test_a_strip_is_not_resized_whole(size, monkeypatch):
    resized = []
    resize = transforms.Resize.forward

    def watched(self, image):
        resized.append(image.size)
        return resize(self, image)

    monkeypatch.setattr(transforms.Resize, "forward", watched)
    assert prepare(CENTRE, Image.new("RGB", size, (90, 10, 10))).shape == (3, 12, 12)
    assert max(max(pair) / min(pair) for pair in resized) <= MAX_SIDES + 1


class Backbone(torch.nn.Module):
    """The mean of each channel, with a transform that fails in a way of its own for some sizes."""

    has_positions = False
    device = torch.device("cpu")

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    @property
    def extractor(self):
        return self

    def transform(self, image: Image.Image) -> torch.Tensor:
        if image.size == (5, 5):
            if self.error is None:
                return torch.zeros(3, 5, 5)
            raise self.error
        return CENTRE(image)

    def forward(self, pixels: torch.Tensor):
        return type("Activations", (), {"avg": pixels.mean(dim=(2, 3)), "volume": None, "stages": []})


def images(*sizes: tuple[int, int]) -> ImageSet:
    return ImageSet("", [f"{i}" for i in range(len(sizes))], lambda i: noise(*sizes[i]), None, [], "")


@pytest.mark.parametrize("error", [MemoryError(), ZeroDivisionError(), KeyError("x"), OSError("x"), None], ids=repr)
def test_an_image_that_cannot_be_prepared_costs_itself_alone(error):
    found, readable = extract_in_memory(Backbone(error), images((20, 20), (5, 5), (9, 30)), workers=0)
    assert readable.tolist() == [True, False, True]
    alone, _ = extract_in_memory(Backbone(error), images((20, 20), (9, 30)), workers=0)
    np.testing.assert_array_equal(found.avg, alone.avg)
    assert extract_in_memory(Backbone(error), images((5, 5)), workers=0)[0] is None


def test_a_request_to_stop_is_no_unreadable_image():
    with pytest.raises(Cancelled):
        extract_in_memory(Backbone(Cancelled()), images((5, 5)), workers=0)
