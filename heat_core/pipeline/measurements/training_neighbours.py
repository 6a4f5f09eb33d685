"""Whether the nearest training images of an image are of the class that is predicted for it."""

import numpy as np
import torch

from heat_core.features.chunks import as_tensor, blocks, compute_device
from heat_core.features.features import Features

NEIGHBOURS = 10
AGREEING = 9  # of the neighbours, how many are of the predicted class
MOST_PRODUCTS = 5e11  # multiplications for a set; of a larger training set, one in so many images is looked at


def has_one_class_nearby(features: Features, predicted: np.ndarray, train: Features) -> np.ndarray:
    """Tell for each image whether 9 of its 10 nearest training images (cosine of `avg`) are of its predicted class.

    Args:
        features: features of N images.
        predicted: (N,) their predicted classes.
        train: training features with labels; of a very large set, evenly spaced images stand for all.

    Returns:
        (N,) bool.
    """
    labels = train.required_labels("The class of a neighbour")
    every = max(1, -(-len(features) * train.avg.size // int(MOST_PRODUCTS)))
    rows = np.arange(0, len(train), every)
    k, device = min(NEIGHBOURS, len(rows)), compute_device()

    def unit_rows(block: np.ndarray) -> torch.Tensor:
        return torch.nn.functional.normalize(as_tensor(block).float().to(device), dim=1)

    known = train.subset(rows).avg if every > 1 else train.avg
    labels_of = torch.from_numpy(np.asarray(labels[rows])).to(device)
    one_class = np.zeros(len(features), bool)
    for part, block in blocks(features.avg):
        queries, similar, classes = unit_rows(block), torch.empty(len(block), 0), torch.empty(len(block), 0).long()
        similar, classes = similar.to(device), classes.to(device)
        for others, others_block in blocks(known):
            cosine, row = (queries @ unit_rows(others_block).T).topk(min(k, len(others_block)), dim=1)
            similar = torch.cat([similar, cosine], dim=1)
            classes = torch.cat([classes, labels_of[others][row]], dim=1)
            similar, nearest = similar.topk(min(k, similar.shape[1]), dim=1)
            classes = classes.gather(1, nearest)
        agreeing = (classes.cpu().numpy() == np.asarray(predicted)[part, None]).sum(axis=1)
        one_class[part] = agreeing >= min(AGREEING, k)
    return one_class
