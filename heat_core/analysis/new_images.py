"""New images that a run has scored, together with its known test images; whether they are OOD is not known."""

from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.data.containers.members import is_stored_file
from heat_core.data.image_location import ImageLocation
from heat_core.errors import HeatError
from heat_core.guard.conformal import benjamini_hochberg
from heat_core.guard.drift import GroupDrift, drift
from heat_core.metrics import wilson_interval
from heat_core.pipeline.measurements.measurements_file import SetMeasurements
from heat_core.runs.experiment import ID
from heat_core.runs.feature_map import FeatureMap
from heat_core.runs.metadata_columns import Columns, concatenate, groups_of
from heat_core.runs.row_names import CORRECTED, corrected_row, prior_row
from heat_core.runs.run import Run
from heat_core.runs.scored_images import ScoredImages

NEW = "new images"
MOST_GROUPS = 400  # groups that a page shows


class NewImages(Samples):
    """Samples of the ID test set of a run and, as second set, of new images that it has scored.

    It is not known which of the new images are OOD; `is_ood` marks the new ones.

    Attributes:
        scored: predictions, energies and features of the new images.
        batch: name of the run's folder that holds them.
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

    def _set_labels(self) -> list[np.ndarray | None]:
        return [self.run.labels(ID), None]

    @property
    def measurements(self) -> list[SetMeasurements]:
        """No measurements, since new images are not measured."""
        return [SetMeasurements(), SetMeasurements()]

    @property
    def display_ids(self) -> np.ndarray:
        """(N,) ids as people read and search them: of new images, the file name without its folder."""
        return np.concatenate([self.run.ids(ID), np.array([Path(str(p)).name for p in self.scored.ids])])

    @property
    def detectors(self) -> list[str]:
        """Rows that need the features alone: each prior with and without its residual, and what these compose."""
        alone = [prior_row(p) for p in self.run.priors if prior_row(p) in self.run.detectors]
        return [*alone, *map(corrected_row, self.run.priors), HEAT, *self.run.combined]

    def _compute_scores(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        known = self.run.detector_scores(ID, detector, lens)
        if detector == HEAT:
            return np.r_[known, self.scored.scores(self.run.scale, lens)]
        if detector in self.run.combined:
            return np.r_[known, self.run.combined_scores(detector, self.scored.prior + self.scored.residual)]
        prior = detector.removeprefix(CORRECTED)
        if detector.startswith(CORRECTED):
            return np.r_[known, self.scored.scores(self.run.scale, Lens(priors=(prior,)))]
        k = [prior_row(p) for p in self.run.priors].index(detector)
        return np.r_[known, self.scored.prior[:, k] * self.run.record.temperatures[k]]

    def energies(self) -> np.ndarray:
        """Return the (N, K) standardised hybrid energies."""
        hybrid = self.scored.prior + self.scored.residual
        return np.concatenate([self.run.energies(ID), self.run.scale.standardise(hybrid)])

    def energy_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (N, K) E_q / T and (N, K) E_θ."""
        return (
            np.concatenate([self.run.prior_energies(ID), self.scored.prior]),
            np.concatenate([self.run.residual_energies(ID), self.scored.residual]),
        )

    def features(self, number: int) -> np.ndarray:
        """Return the (D,) `avg` of a sample."""
        name, row = self.locate(number)
        return self.scored.avg[row] if name == NEW else super().features(number)

    def image(self, number: int) -> Image.Image:
        """Open the picture of a sample.

        Raises:
            HeatError: where the picture is gone.
        """
        name, row = self.locate(number)
        if name != NEW:
            return super().image(number)
        try:
            return self.scored.place(row).read()
        except OSError as error:
            raise HeatError(f"{self.ids[number]} can no longer be read: was it moved or deleted?") from error

    def location_of(self, number: int) -> ImageLocation | None:
        """Return the location of the picture; None where it is gone."""
        name, row = self.locate(number)
        if name != NEW:
            return super().location_of(number)
        place = self.scored.place(row)
        return place if is_stored_file(place.file) else None

    def picture_query(self, dataset: str) -> dict[str, str]:
        """Return the query parameters that identify the pictures of a set in their address."""
        return {"batch": self.batch} if dataset == NEW else super().picture_query(dataset)

    @property
    def has_map(self) -> bool:
        """True if the run has a map and the new images have points on it."""
        return self.run.has_map and len(self.scored.xy) > 0

    def map_xy(self) -> np.ndarray:
        """Return the (N, 2) points of the samples on the run's map.

        Raises:
            HeatError: where the run has no map, or the new images have no points on it.
        """
        if not self.has_map:
            raise HeatError("These images are not on a map of their run.")
        return np.concatenate([_id_test_points(self.run.map, self.sizes[0]), self.scored.xy])

    def share_unknown(self, lens: Lens = PLAIN) -> tuple[int, float, float]:
        """Count the new images that are called unknown; also return the 95 % interval (Wilson) of their share."""
        unknown = int(self.flagged(HEAT, lens)[self.is_ood].sum())
        return unknown, *wilson_interval(unknown, len(self.scored))

    def discoveries(self, lens: Lens, rate: float) -> tuple[int, float]:
        """Count the discoveries among the new images (Benjamini & Hochberg).

        Args:
            lens: composition of HEAT.
            rate: share of the discoveries, at most, that is expected to be known, in (0, 1).

        Returns:
            The number of discoveries, and a threshold on HEAT's score that only they exceed; +inf where there are none.
        """
        scores = self.scores(HEAT, lens)[self.is_ood]
        unknown = benjamini_hochberg(self.calibration(lens).p_values(scores), rate)
        return int(unknown.sum()), float(np.nextafter(scores[unknown].min(initial=np.inf), -np.inf))

    @cached_property
    def groupings(self) -> dict[str, np.ndarray]:
        """Groupings of the new images, name → (N + S,) the group of each, and of the S that could not be read.

        A grouping is a column of their manifest, or the folder that they lie in; those with fewer than two or more than
        `MOST_GROUPS` groups are left out.
        """
        groupings: dict[str, np.ndarray] = {}
        columns = concatenate(
            [(len(self.scored), self.scored.columns), (len(self.scored.skipped), self.scored.skipped_columns)]
        )
        for name in self.scored.columns:
            with suppress(HeatError):  # times that are no days
                groupings[name] = groups_of(columns, name)
        paths = [*self.scored.ids, *self.scored.skipped]
        groupings.setdefault("folder", np.array([Path(str(path)).parent.name for path in paths]))
        return {name: groups for name, groups in groupings.items() if 1 < len(np.unique(groups)) <= MOST_GROUPS}

    def drift(self, grouping: str, lens: Lens, alpha: float) -> list[GroupDrift]:
        """Compare the scores of each group of new images with those of the known test images.

        Images that could not be read are counted in their groups.

        Args:
            grouping: key of `groupings`.
            lens: composition of HEAT.
            alpha: false-alarm rate α.
        """
        scores = np.r_[self.scores(HEAT, lens)[self.is_ood], np.full(len(self.scored.skipped), np.nan)]
        return drift(self.calibration(lens), scores, self.groupings[grouping].tolist(), alpha)


def _id_test_points(feature_map: FeatureMap, known: int) -> np.ndarray:
    """Return the (known, 2) points of the ID test set, in the order of its samples."""
    inside = feature_map.dataset == 0
    xy = np.empty((known, 2), feature_map.xy.dtype)
    xy[feature_map.row[inside]] = feature_map.xy[inside]
    return xy
