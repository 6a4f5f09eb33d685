"""HEAT as a detector of pytorch-ood, for its benchmarks: `pip install 'heat-explorer[pytorch-ood]'`."""

from collections.abc import Callable, Iterable
from typing import Any, Self

import torch

from heat_core.backbones.registry import Backbone
from heat_core.energies.beta_selection import GRID
from heat_core.errors import HeatError
from heat_core.estimators.heat import HEAT

try:
    from pytorch_ood.api import (
        DetectorInfo,
        FeaturesDetector,
        ModelNotSetException,
        Paper,
        RequiresFittingException,
        Task,
    )
    from pytorch_ood.utils import extract_features, is_known
except ImportError as error:
    raise HeatError("This needs pytorch-ood 0.4 or later: pip install 'heat-explorer[pytorch-ood]'.") from error


class _PooledFeatures(torch.nn.Module):
    """Network that gives avg and std of a backbone side by side: (B, D + D'), or (B, D) without positions."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        avg, std = self.backbone(images)
        return avg if std is None else torch.cat([avg, std], dim=1)


class HEATDetector(FeaturesDetector):  # type: ignore[misc]  # pytorch-ood publishes no types
    """HEAT (Lafon et al., ICML 2023) with the methods of pytorch-ood's detectors; larger scores are more OOD.

    Labels below 0 are those of OOD samples, which the fit leaves out.

    Args:
        encoder: function from images to (B, D) features; or a `Backbone`, whose std-pooled features are then read too,
            so that `fit_features` and `predict_features` take `detector.encoder(images)`, (B, D + D'). None: only these
            two methods are used.
        head: (weight (C, D), bias (C,)) of the classifier, as arrays or tensors; None = a logistic regression.
        **options: arguments of `HEAT`.

    Attributes:
        heat: the estimator.

    Raises:
        HeatError: where HEAT does not take the features or the options.
    """

    info = DetectorInfo(
        paper=Paper(
            title="Hybrid Energy Based Model in the Feature Space for Out-of-Distribution Detection",
            venue="ICML",
            year=2023,
            url="https://arxiv.org/abs/2305.16966",
            code="https://github.com/MarcLafon/heatood",
        ),
        tasks={Task.CLASSIFICATION},
    )
    requires_fit = True
    hyperparameter_space = {"beta": list(GRID)}  # noqa: RUF012  # declared by the base class

    def __init__(
        self, encoder: Callable[[torch.Tensor], torch.Tensor] | Backbone | None = None, head: Any = None, **options: Any
    ) -> None:
        self.encoder = _PooledFeatures(encoder) if isinstance(encoder, Backbone) else encoder
        self.head, self.heat, self._is_fitted = head, HEAT(**options), False
        self._avg_width = _width_of_avg(encoder) if isinstance(encoder, Backbone) else None

    @property
    def beta(self) -> float:
        """β of the composition (Eq. 7), which may be changed after the fit."""
        return self.heat.beta

    @beta.setter
    def beta(self, value: float) -> None:
        self.heat.beta = value

    def fit(self, data_loader: Iterable[Any]) -> Self:
        """Fit on batches (images, labels)."""
        if self.encoder is None:
            raise ModelNotSetException
        return self.fit_features(*extract_features(data_loader, self.encoder, self.device or "cpu"))

    def fit_features(self, x: torch.Tensor, y: torch.Tensor) -> Self:
        """Fit on features (N, D) and labels (N,)."""
        known = is_known(y)
        z, std = self._split(x[known])
        self.heat.fit(z, y[known], std=std, head=self.head)
        self._is_fitted = True
        return self

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the OOD scores (B,) of images (B, C, H, W)."""
        if self.encoder is None:
            raise ModelNotSetException
        with torch.no_grad():
            return self.predict_features(self.encoder(x if self.device is None else x.to(self.device)))

    def predict_features(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the OOD scores (B,) float64 of features (B, D)."""
        if not self._is_fitted:
            raise RequiresFittingException
        z, std = self._split(x)
        return torch.as_tensor(self.heat.ood_score(z, std=std), device=x.device)

    def _split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Divide the features of a backbone into avg and std; those of another encoder are avg."""
        width = x.shape[1] if self._avg_width is None else self._avg_width
        return x[:, :width], x[:, width:] if x.shape[1] > width else None

    def __repr__(self) -> str:
        return f"HEATDetector({self.heat!r})"


def _width_of_avg(backbone: Backbone) -> int:
    with torch.no_grad():
        return backbone(torch.zeros(1, *backbone.input_shape, device=backbone.device))[0].shape[1]
