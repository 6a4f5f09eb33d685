"""Pictures of a run's samples, read from the sets that its experiment names."""

from PIL import Image

from heat_core.data.containers.members import is_archive, is_stored_file
from heat_core.data.datasets import open_dataset
from heat_core.data.image_location import ImageLocation
from heat_core.data.image_set import ImageSet
from heat_core.data.made.made_sets import MADE, make_set
from heat_core.data.table_formats import is_image_table
from heat_core.errors import HeatError
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.storage import expand_home, is_file


class Pictures:
    """Access to the pictures of an experiment's sets; each set is opened once, when it is first needed."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._image_sets: dict[str, tuple[ImageSet, dict[str, int]]] = {}

    def source(self, dataset: str) -> str:
        """Return the folder, manifest or name from which a set of the run, or `train`, is opened."""
        e = self._experiment
        return e.scored_sets.get(dataset, (e.id_test or e.id) if dataset == ID else e.id)

    def of(self, dataset: str) -> ImageSet:
        """Return the images of a set; where the ID test set was split off the training set, those of both."""
        return self._images(dataset)[0]

    def image(self, dataset: str, sample: str) -> Image.Image:
        """Open the picture of a sample.

        Raises:
            HeatError: where the run was made from features, or the picture can no longer be read.
        """
        if self._experiment.backbone == FEATURES:
            raise HeatError("This run was made from features: it has no pictures.")
        images, index = self._images(dataset)
        if sample not in index:
            raise HeatError(f"{sample} is no longer in {dataset!r}: its folder has changed since the run.")
        try:
            return images.open(index[sample])
        except OSError as error:
            raise HeatError(f"{sample} of {dataset!r} can no longer be read: was it moved or deleted?") from error

    def place(self, dataset: str, sample: str) -> ImageLocation | None:
        """Return the location of a sample's picture; None where it no longer exists, or is no file."""
        source = expand_home(self.source(dataset))
        if not is_image_table(source) and not is_archive(source):
            return ImageLocation(source / sample) if is_file(source / sample) else None
        images, index = self._images(dataset)
        place = images.location(index[sample]) if sample in index else None
        return place if place and is_stored_file(place.file) else None

    def _images(self, dataset: str) -> tuple[ImageSet, dict[str, int]]:
        """Return a set, and the index of each of its samples by id."""
        if dataset not in self._image_sets:
            images = self._open(dataset)
            self._image_sets[dataset] = images, {sample: i for i, sample in enumerate(images.ids)}
        return self._image_sets[dataset]

    def _open(self, dataset: str) -> ImageSet:
        source = self.source(dataset)
        if dataset in self._experiment.ood and source in MADE:
            return make_set(source, self.of(ID))
        if dataset in self._experiment.scored_sets:
            return open_dataset(source, "test", set_name=dataset)
        if dataset == ID and (self._experiment.id_test or self.of(TRAIN).has_test_rows):
            return open_dataset(source, "test")
        return open_dataset(source, "train")
