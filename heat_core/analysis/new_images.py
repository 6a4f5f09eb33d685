"""New images beside the known test images of a run that has scored them: the same questions, without a truth."""

from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.data.image_location import ImageLocation
from heat_core.errors import HeatError
from heat_core.guard.conformal import benjamini_hochberg
from heat_core.guard.drift import GroupDrift, drift
from heat_core.metrics import wilson_interval
from heat_core.runs.experiment import ID
from heat_core.runs.feature_map import FeatureMap
from heat_core.runs.metadata_columns import Columns, groups_of
from heat_core.runs.row_names import CORRECTED, corrected_row, prior_row
from heat_core.runs.run import Run
from heat_core.runs.scored import ScoredImages
from heat_core.storage import is_file

NEW = "new images"
MOST_GROUPS = 400  # that a person looks at


class NewImages(Samples):
    """The ID test set of a run and, as its second set, images that it has scored; nobody knows what these are.

    `is_ood` says which are new.

    Attributes:
        scored: what the run found of them.
        batch: name of the folder in which the run keeps that.
    """

    has_truth = False

    def __init__(self, run: Run, scored: ScoredImages, batch: str = "") -> None:
        if scored.prior.shape[1] != len(run.priors):
            raise HeatError("These images were scored before a further residual was trained: score them again.")
        self.run, self.scored, self.batch = run, scored, batch
        self.datasets = [ID, NEW]
        self._concatenate(
            [run.ids(ID), scored.ids],
            [run.predicted(ID), scored.predicted],
            [run.confidence(ID), scored.confidence],
        )

    def _set_columns(self) -> list[Columns]:
        return [self.run.columns(ID), self.scored.columns]

    @property
    def display_ids(self) -> np.ndarray:
        """(N,) the names of the files, without their folders."""
        return np.concatenate([self.run.ids(ID), np.array([Path(str(p)).name for p in self.scored.ids])])

    @property
    def detectors(self) -> list[str]:
        """HEAT, and each prior with and without its residual: what needs the features alone."""
        alone = [prior_row(p) for p in self.run.priors if prior_row(p) in self.run.detectors]
        return [*alone, *map(corrected_row, self.run.priors), HEAT]

    def _compute_scores(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        known = self.run.detector_scores(ID, detector, lens)
        if detector == HEAT:
            return np.r_[known, self.scored.scores(self.run.scale, lens)]
        prior = detector.removeprefix(CORRECTED)
        if detector.startswith(CORRECTED):
            return np.r_[known, self.scored.scores(self.run.scale, Lens(priors=(prior,)))]
        k = [prior_row(p) for p in self.run.priors].index(detector)
        return np.r_[known, self.scored.prior[:, k] * self.run.record.temperatures[k]]

    def energies(self) -> np.ndarray:
        """(N, K) standardised hybrid energies."""
        hybrid = self.scored.prior + self.scored.residual
        return np.concatenate([self.run.energies(ID), self.run.scale.standardise(hybrid)])

    def energy_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """(N, K) E_q / T and (N, K) E_θ."""
        return (
            np.concatenate([self.run.prior_energies(ID), self.scored.prior]),
            np.concatenate([self.run.residual_energies(ID), self.scored.residual]),
        )

    def features(self, number: int) -> np.ndarray:
        """(D,) `avg` of a sample."""
        name, row = self.locate(number)
        return self.scored.avg[row] if name == NEW else super().features(number)

    def image(self, number: int) -> Image.Image:
        """The picture of a sample; HeatError where it is gone."""
        name, row = self.locate(number)
        if name != NEW:
            return super().image(number)
        try:
            return self.scored.place(row).read()
        except OSError as error:
            raise HeatError(f"{self.ids[number]} can no longer be read: was it moved or deleted?") from error

    def location_of(self, number: int) -> ImageLocation | None:
        """Where the picture lies; None where it is gone."""
        name, row = self.locate(number)
        if name != NEW:
            return super().location_of(number)
        place = self.scored.place(row)
        return place if is_file(place.file) else None

    def picture_query(self, dataset: str) -> dict[str, str]:
        """What names the pictures of a set to whoever serves them."""
        return {"batch": self.batch} if dataset == NEW else super().picture_query(dataset)

    @property
    def has_map(self) -> bool:
        """Whether they have a place on the run's map."""
        return self.run.has_map and len(self.scored.xy) > 0

    def map_xy(self) -> np.ndarray:
        """(N, 2) where each sample lies on the run's map."""
        return np.concatenate([_id_test_points(self.run.map, self.sizes[0]), self.scored.xy])

    def share_unknown(self, lens: Lens = PLAIN) -> tuple[int, float, float]:
        """How many of the new images are called unknown, and the 95 % interval (Wilson) of their share."""
        unknown = int(self.flagged(HEAT, lens)[self.is_ood].sum())
        return unknown, *wilson_interval(unknown, len(self.scored))

    def discoveries(self, lens: Lens, rate: float) -> tuple[int, float]:
        """How many of the new images are unknown so that a share of at most `rate` of those is expected to be known
        (Benjamini & Hochberg), and a threshold that calls just them; +inf where there are none."""
        scores = self.scores(HEAT, lens)[self.is_ood]
        unknown = benjamini_hochberg(self.calibration(lens).p_values(scores), rate)
        return int(unknown.sum()), float(np.nextafter(scores[unknown].min(initial=np.inf), -np.inf))

    @cached_property
    def groupings(self) -> dict[str, np.ndarray]:
        """What the new images may be grouped by → (N,) the group of each: a column of their manifest, the folder that
        they lie in; as far as it tells a few groups apart."""
        groupings = {name: groups_of(self.scored.columns, name) for name in self.scored.columns}
        groupings.setdefault("folder", np.array([Path(str(path)).parent.name for path in self.scored.ids]))
        return {name: groups for name, groups in groupings.items() if 1 < len(np.unique(groups)) <= MOST_GROUPS}

    def drift(self, grouping: str, lens: Lens, alpha: float) -> list[GroupDrift]:
        """Each group of the new images against the known test images."""
        scores = self.scores(HEAT, lens)[self.is_ood]
        return drift(self.calibration(lens), scores, self.groupings[grouping].tolist(), alpha)


def _id_test_points(feature_map: FeatureMap, known: int) -> np.ndarray:
    """(known, 2) the points of the ID test set, in their order."""
    inside = feature_map.dataset == 0
    xy = np.empty((known, 2), feature_map.xy.dtype)
    xy[feature_map.row[inside]] = feature_map.xy[inside]
    return xy
