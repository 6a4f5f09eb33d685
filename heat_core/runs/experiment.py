"""Description of a run as a plain dataclass, which the app, the notebooks and the command line build."""

from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from heat_core import detectors
from heat_core.energies.names import FIRST_ENCODER, PRIORS, all_priors, registry, second_priors
from heat_core.energies.settings import DEFAULT_PRESET, settings_for
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.runs.experiment_fields import (
    FILE_BACKBONES,
    command_line,
    from_stored,
    map_paths,
    plain_values,
    published_id_set,
    python_lines,
    require_possible_made_sets,
    require_set_names,
    require_types,
    resolve_backbone,
    resolve_set,
    resolve_source,
    split_encoders,
    to_stored,
)
from heat_core.storage import expand_home, from_stored_path, is_file, is_folder, to_stored_path

TRAIN, ID, AVERAGE = "train", "id", "average"  # names of sets and of their average, which no OOD set can have
# A field that runs of older versions lack is not written at its default, so that digests of Experiments stay the same.
_OMIT_DEFAULT = {"omit_default": True}
_MINIMUM = {"batch_size": 1, "seed": 0, "limit": 1, "limit_test": 1, "limit_ood": 1, "clusters": 2}
COVARIANCES = ("auto", "empirical", "ledoit-wolf")
MIXTURE_WEIGHTS = ("uniform", "empirical")
FEATURES = "features"  # backbone of a run whose sets are folders of features
GROUPS = ("near", "mid", "far")
# Groups of OOD sets for the paper's own ID sets (Tab. 4); for another ID set, `groups` gives them.
_USUAL_GROUPS = (
    dict.fromkeys(("cifar10", "cifar100", "tiny-imagenet"), "near")
    | dict.fromkeys(("lsun", "places365", "scenes"), "mid")
    | dict.fromkeys(("textures", "svhn", "street-digits", "mnist"), "far")
)


@dataclass
class Experiment:
    """Settings of one run: its images, backbone, priors, detectors and training.

    Attributes:
        id: training images of the known classes: a folder with a sub-folder a class, a manifest, or a data set's name.
        ood: name → folder, manifest or data set's name.
        shifted: the same of sets of the ID's classes under other conditions, which count as known (full-spectrum OOD).
        id_test: ID test images; without any, those that the manifest `id` lists for testing, or every fifth of `id`.
        backbone: a timm name, `torch:FILE.pt2` (of `Backbone.save`), `hf:ID` (of transformers; also a folder), or
            "features" where every set is a folder of features (`avg.npy` …).
        weights: a local weights file instead of timm's own weights.
        image_size: side of the input in pixels; None = that of the network.
        priors: energies that HEAT corrects and composes, among gmm, gmm-std, el, dice, knn, vim and the others of
            `heat_core.energies.names`.
        detectors: methods that HEAT is compared with: names of `heat_core.detectors`, or all.
        groups: OOD set → near, mid or far, for the averages of the tables.
        preset: training settings: quick, paper or released, see `heat_core.energies.settings.PRESET_PURPOSES`.
        settings: changes to the training settings, by name.
        covariance: covariance of the mixtures: auto, empirical or ledoit-wolf.
        second_backbone: a second encoder, whose features the priors gmm@b, gmm-std@b and knn@b read.
        second_weights: weights file of the second encoder.
        second_image_size: side of the second encoder's input in pixels.
        clusters: number of clusters that replace the classes of an ID set without any; None =
            `clusters.default_cluster_count`.
        mixture_weights: weights of the mixtures' classes: uniform (the paper's formula) or empirical (the authors'
            code).
        limit: images per class (or per set without classes), the same for every set; None = all.
        limit_test: limit of the ID test set and of the shifted sets; None = `limit`.
        limit_ood: limit of the OOD sets; None = `limit`.
        share: share of each class's training images that is learned from, above 0 and at most 1; features are extracted
            for all of them.
        seed: seed of everything random.
        name: name of the run; "" = it is shown by its id.
        map: whether a UMAP map is fitted.
        batch_size: images per batch; None = chosen for the device.
        parent: id of the run that this one follows: its kept features are used, and comparisons begin with it.
    """

    id: str
    ood: dict[str, str]
    id_test: str | None = None
    backbone: str = "resnet50.a1_in1k"
    weights: str | None = None
    image_size: int | None = None
    priors: list[str] = field(default_factory=lambda: list(PRIORS))
    detectors: list[str] = field(default_factory=lambda: list(detectors.BASIC))
    groups: dict[str, str] = field(default_factory=dict)
    preset: str = DEFAULT_PRESET
    settings: dict[str, Any] = field(default_factory=dict)
    covariance: str = "auto"
    limit: int | None = None
    limit_test: int | None = None
    limit_ood: int | None = None
    share: float = 1.0
    seed: int = 0
    name: str = ""
    map: bool = True
    batch_size: int | None = None
    mixture_weights: str = field(default="uniform", metadata=_OMIT_DEFAULT)
    clusters: int | None = field(default=None, metadata=_OMIT_DEFAULT)
    second_backbone: str | None = field(default=None, metadata=_OMIT_DEFAULT)
    second_weights: str | None = field(default=None, metadata=_OMIT_DEFAULT)
    second_image_size: int | None = field(default=None, metadata=_OMIT_DEFAULT)
    parent: str | None = field(default=None, metadata=_OMIT_DEFAULT)
    shifted: dict[str, str] = field(default_factory=dict, metadata=_OMIT_DEFAULT)

    def __post_init__(self) -> None:
        vars(self).update(plain_values(vars(self)))
        if isinstance(self.priors, list):  # gmm@a means gmm
            self.priors = [p.removesuffix(FIRST_ENCODER) if isinstance(p, str) else p for p in self.priors]

    def check(self) -> None:
        """Refuse an invalid experiment before anything is started.

        Raises:
            HeatError: naming what is invalid, and the remedy.
        """
        try:
            require_types(vars(self), GROUPS)
        except TypeError as error:
            raise HeatError(f"This experiment cannot be run: {error}.") from error
        self._check_sets()
        self._check_encoders()
        detectors.resolve(self.detectors)
        self._check_groups()
        self._check_numbers()
        if len(set(self.priors)) < len(self.priors):
            raise HeatError("A prior was named twice: name each one once.")
        if self.covariance not in COVARIANCES:
            raise HeatError(f"covariance is {self.covariance!r}: choose auto, empirical or ledoit-wolf.")
        if self.mixture_weights not in MIXTURE_WEIGHTS:
            raise HeatError(f"mixture_weights is {self.mixture_weights!r}: choose uniform or empirical.")
        for prior in self.priors:
            settings_for(prior, self.preset, self.settings)

    def _check_sets(self) -> None:
        if not self.id or not self.ood:
            raise HeatError("Choose an in-distribution set and at least one OOD set.")
        for option in ("id_test", "weights", "second_backbone", "second_weights"):
            if getattr(self, option) == "":
                raise HeatError(f"{option} is empty: leave it out, or say which (is a variable of the shell not set?).")
        require_set_names(self.ood, self.shifted, (TRAIN, ID, AVERAGE))
        require_possible_made_sets(self.ood, self.shifted, self.backbone != FEATURES)

    def _check_encoders(self) -> None:
        """Refuse priors without an encoder, and a second encoder without images."""
        known = [*all_priors(), *(second_priors() if self.second_backbone else ())]
        if not self.priors:
            raise HeatError(f"No prior was chosen: choose among {', '.join(known)}.")
        if unknown := set(self.priors) - set(known):
            raise registry.unknown(sorted(unknown)[0], known)
        if self.second_backbone and FEATURES in (self.backbone, self.second_backbone):
            raise HeatError("A second encoder reads images: give it beside a network, not beside features.")
        if not self.second_backbone and (self.second_weights or self.second_image_size):
            raise HeatError("second_weights and second_image_size are of a second encoder: name it (second_backbone).")

    def _check_groups(self) -> None:
        for name, group in self.groups.items():
            if name not in self.ood or group not in GROUPS:
                raise HeatError(
                    f"The group of {name!r} is {group!r}: give near, mid or far for one of {', '.join(self.ood)}."
                )

    def _check_numbers(self) -> None:
        for option, minimum in _MINIMUM.items():
            if (value := getattr(self, option)) is not None and value < minimum:
                raise HeatError(f"{option} must be at least {minimum}, not {value}.")
        if not 0 < self.share <= 1:
            raise HeatError(f"share must lie above 0 and be at most 1, not {self.share}.")
        if self.seed >= 2**32:
            raise HeatError(f"seed must be less than 2^32, not {self.seed}.")

    @property
    def id_set(self) -> str:
        """Name of the ID set for published settings: cifar10, cifar100 or imagenet, else "".

        The last three parts of the resolved path decide: the folder and the two above it.
        """
        return published_id_set(Path(self.with_absolute_paths().id))

    @property
    def scored_sets(self) -> dict[str, str]:
        """Sets that are scored beside the ID test set, OOD sets first: name → source."""
        return {**self.ood, **self.shifted}

    def group(self, ood_name: str) -> str | None:
        """Return near, mid or far; None where the group is not given.

        A set's name alone decides only for one of the paper's own ID sets: textures are far from animals, but may be
        near to flowers.
        """
        usual = _USUAL_GROUPS.get(ood_name.lower().replace(" ", "-"))
        return self.groups.get(ood_name) or (usual if usual and self.id_set else None)

    def with_absolute_paths(self) -> "Experiment":
        """Make local paths absolute, so that the run does not depend on the working directory."""
        return replace(
            self,
            id=resolve_set(self.id),
            id_test=self.id_test and resolve_set(self.id_test),
            backbone=resolve_backbone(self.backbone),
            weights=self.weights and resolve_source(self.weights, is_file),
            second_backbone=self.second_backbone and resolve_backbone(self.second_backbone),
            second_weights=self.second_weights and resolve_source(self.second_weights, is_file),
            ood={printable(name): resolve_set(source) for name, source in self.ood.items()},
            shifted={printable(name): resolve_set(source) for name, source in self.shifted.items()},
            groups={printable(name): group for name, group in self.groups.items()},
            name=printable(self.name),
        )

    @property
    def network(self) -> str:
        """Name of the backbone in lists and captions, without the folders of its file."""
        kind, _, path = self.backbone.partition(":")
        return Path(path).name if kind in FILE_BACKBONES else self.backbone

    @property
    def network_files(self) -> list[Path]:
        """Local files from which the networks are loaded; files that do not exist are left out."""
        split = (encoder.partition(":") for encoder in (self.backbone, self.second_backbone) if encoder)
        of_names = [path for kind, _, path in split if kind in FILE_BACKBONES]
        paths = [expand_home(source) for source in (self.weights, self.second_weights, *of_names) if source]
        files = [file for path in paths for file in (sorted(path.iterdir()) if is_folder(path) else [path])]
        return [file for file in files if is_file(file)]

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> "Experiment":
        """Build an experiment from options by name, in the form of the command line.

        Options of a network may be lists of two values, for two encoders.

        Raises:
            HeatError: where more than two values are given.
        """
        known = {f.name for f in fields(cls)}
        values = split_encoders(options)
        return cls(**{name: value for name, value in values.items() if name in known and value is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return the content for run.json; some fields are left out at their default, so that digests stay the same."""
        default = asdict(Experiment(id="", ood={}))
        omitted = {f.name for f in fields(self) if f.metadata.get("omit_default")}
        values = map_paths(asdict(self), to_stored_path)
        return to_stored({k: v for k, v in values.items() if k not in omitted or v != default[k]})

    @classmethod
    def from_dict(cls, content: dict[str, Any], folder: Path | None = None) -> "Experiment":
        """Build an experiment from the content of run.json.

        Args:
            content: the content.
            folder: folder of the file, see `from_stored_path`.

        Raises:
            HeatError: where the content is damaged.
        """
        known = {f.name for f in fields(cls)}
        try:
            values = map_paths(from_stored(content), partial(from_stored_path, folder=folder))
            experiment = cls(**{k: v for k, v in values.items() if k in known})
            require_types(vars(experiment), GROUPS)
            return experiment
        except (TypeError, AttributeError) as error:
            raise HeatError(f"This run's description is damaged ({error}): start the run again.") from error

    def to_command(self) -> str:
        """Write the command line of the same experiment."""
        return command_line(vars(self), vars(Experiment(id=self.id, ood=self.ood)))

    def to_python(self) -> str:
        """Write Python lines for the same experiment."""
        return python_lines(asdict(self), asdict(Experiment(id="", ood={})))


def demo_experiment() -> Experiment:
    """Return the embedded demo: handwritten digits 0 to 5 and three sets that its classifier was not trained on."""
    return Experiment(
        id="demo-digits",
        id_test="demo-digits",
        ood={
            "unseen digits": "demo-unseen-digits",
            "patched digits": "demo-patched-digits",
            "photo patches": "demo-photo-patches",
        },
        backbone="heat-demo-resnet",
        preset="quick",
        # The classes have several modes: samples of the mixtures fall between them, where there is no data, so that the
        # residuals learn a larger energy there.
        settings={"start": "prior", "saturation": 0.85},
        groups={"unseen digits": "near", "patched digits": "mid", "photo patches": "far"},
        name="demo",
    )
