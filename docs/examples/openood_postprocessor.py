"""HEAT as a postprocessor of OpenOOD 1.5, whose networks give logits of images.

`Evaluator(net, id_name="cifar10", postprocessor=HEATPostprocessor(preset="released")).eval_ood()` evaluates it.
"""

import torch
from openood.postprocessors import BasePostprocessor

from heat_core import HEAT, extract


class HEATPostprocessor(BasePostprocessor):
    """HEAT (Lafon et al., ICML 2023), fitted on the ID training images; its options are the arguments of `HEAT`."""

    APS_mode = False  # no hyperparameter is searched on OOD validation images

    def __init__(self, config=None, **options):
        super().__init__(config)
        self.options, self.heat = options, None

    def setup(self, net, id_loader_dict, ood_loader_dict):
        """Extract the features of the ID training images and fit HEAT, once."""
        if self.heat is None:
            self.heat = HEAT.from_model(net, id_loader_dict["train"], image_key="data", **self.options)

    def postprocess(self, net, data):
        """Return the predicted classes (B,) of images (B, 3, H, W), and the confidence (B,): minus the OOD score."""
        found = extract(self.heat.backbone_, [data], device=data.device, progress=False)
        weight, bias = found.head
        predicted = (found.avg @ weight.T + bias).argmax(axis=1)
        return torch.from_numpy(predicted), torch.from_numpy(-self.heat.ood_score(found.avg, std=found.std))
