"""Small networks that tests wrap and export."""

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d
from torchvision import models
from torchvision import transforms as T
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.resnet import BasicBlock, ResNet

SIDE, CLASSES = 64, 7
TRANSFORM = T.Compose([T.Resize(72), T.CenterCrop(SIDE), T.ToTensor(), T.Normalize((0.4,) * 3, (0.2, 0.25, 0.3))])


def drawn(make):
    """A module whose BatchNorms have seen images, so that its features are of usual size."""
    torch.manual_seed(0)
    module = make().train()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = None  # the mean of all batches
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=0.2)
                nn.init.normal_(part.bias)
        for _ in range(8):
            module(torch.randn(8, 3, SIDE, SIDE))
    return module.eval()


# name → (how it is made, head, pool, what gives the volume)
NETWORKS = {
    "resnet": (lambda: ResNet(BasicBlock, [1, 1, 1, 1], CLASSES), "fc", "avgpool", "layer4"),
    "mobilenet": (lambda: models.mobilenet_v3_small(num_classes=CLASSES), "classifier.3", "avgpool", "features"),
    "convnext": (
        lambda: ConvNeXt([CNBlockConfig(16, 24, 1), CNBlockConfig(24, None, 1)], num_classes=CLASSES),
        "classifier.2",
        "avgpool",
        "features",
    ),
    "vit": (
        lambda: models.VisionTransformer(SIDE, 16, 2, 2, 32, 64, num_classes=CLASSES),
        "heads.head",
        None,
        "encoder",
    ),
}


def logits_alone(logits, avg):
    return logits


class Plain(nn.Module):
    """A small network that pools with a function, no module; `answer` makes what it gives of logits and avg."""

    def __init__(self, answer=logits_alone) -> None:
        super().__init__()
        self.stem, self.fc, self.answer = nn.Conv2d(3, 8, 8, 8), nn.Linear(8, 3), answer

    def forward(self, pixels):
        avg = adaptive_avg_pool2d(self.stem(pixels).relu(), 1).flatten(1)
        return self.answer(self.fc(input=avg), avg)  # by keyword
