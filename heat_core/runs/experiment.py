"""Experiment: what to do, as a plain dataclass that the app, the notebooks and the command line all build."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from heat_core import detectors
from heat_core.data.demo import demo_sets
from heat_core.data.manifest import is_manifest
from heat_core.energies.names import ALL_PRIORS, FIRST_ENCODER, PRIORS, SECOND_PRIORS
from heat_core.energies.settings import settings_for
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.runs.experiment_fields import (
    command_line,
    from_stored,
    python_lines,
    require_types,
    split_encoders,
    to_stored,
)
from heat_core.storage import expand_home, is_file, is_folder

TRAIN, ID, AVERAGE = "train", "id", "average"  # names of sets (and of their average) that no OOD set can have
# A field that runs of before do not have: at its default it is not written, so that digests of Experiments stay.
_OMIT_DEFAULT = {"omit_default": True}
# What a folder of the sets is called for which methods publish settings, without - and _
_ID_SETS = {"cifar10": "cifar10", "cifar100": "cifar100"} | dict.fromkeys(
    ("imagenet", "imagenet1k", "imagenet2012", "ilsvrc2012"), "imagenet"
)
_MINIMUM = {"batch_size": 1, "seed": 0, "limit": 1, "limit_test": 1, "limit_ood": 1, "clusters": 2}
COVARIANCES = ("auto", "empirical", "ledoit-wolf")
MIXTURE_WEIGHTS = ("uniform", "empirical")
FEATURES = "features"  # the backbone of a run whose sets are folders of features, not of images
_FILE_BACKBONES = ("torch", "hf")  # kinds of backbones, before the : of a path
GROUPS = ("near", "mid", "far")
# Where sets stand for the paper's own ID sets (Tab. 4); for another ID set, say so with `groups`.
_USUAL_GROUPS = (
    dict.fromkeys(("cifar10", "cifar100", "tiny-imagenet"), "near")
    | dict.fromkeys(("lsun", "places365", "scenes"), "mid")
    | dict.fromkeys(("textures", "svhn", "street-digits", "mnist"), "far")
)


@dataclass
class Experiment:
    """One run: which images, which backbone, which priors, how to train.

    Attributes:
        id: training images of the known classes: a folder with one sub-folder a class, a manifest, a dataset's name.
        ood: name → folder, manifest or dataset's name.
        id_test: ID test images; without one, those that the manifest `id` lists for testing, or every fifth of `id`.
        backbone: a timm name, `torch:FILE.pt2` (of `Backbone.save`), `hf:ID` (of transformers; also a folder), or
            "features" where every set is a folder of features (`avg.npy` …).
        weights: a local file instead of timm's own.
        image_size: side of the input in pixels.
        priors: which energies HEAT corrects and composes, among gmm, gmm-std, el, dice, knn, vim.
        detectors: what HEAT is compared with: names of `heat_core.detectors`, or all.
        groups: OOD set → near, mid or far, for the averages of the tables.
        preset: training settings.
        settings: changes to them.
        covariance: of the mixtures: auto, empirical or ledoit-wolf.
        second_backbone: a second encoder, whose features the priors gmm@b, gmm-std@b and knn@b read.
        second_weights: as `weights`, of it.
        second_image_size: as `image_size`, of it.
        clusters: how many stand for the classes of an ID set that has none; None = `clusters.default_cluster_count`.
        mixture_weights: of the mixtures' classes: uniform (the paper's formula) or empirical (the authors' code).
        limit: images a class (or of a set without classes), the same for every set.
        limit_test: overrides it for the ID test set.
        limit_ood: overrides it for the OOD sets.
        share: of the training images of each class that are learned from; all of them get their features.
        seed: of everything random.
        name: of the run.
        map: whether a UMAP map is fitted.
        batch_size: images at a time; None = as the device likes.
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
    preset: str = "paper"
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

    def __post_init__(self) -> None:
        if isinstance(self.priors, list):  # gmm@a is gmm
            self.priors = [p.removesuffix(FIRST_ENCODER) if isinstance(p, str) else p for p in self.priors]

    def check(self) -> None:
        """Refuse what cannot work with a sentence, before anything is started."""
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
        if not all(str(name).strip() for name in self.ood):
            raise HeatError("An OOD set has no name: write NAME=DIR for each.")
        if not all(self.ood.values()):
            raise HeatError(f"The OOD set {next(n for n, s in self.ood.items() if not s)!r} has no folder or name.")
        if reserved := {TRAIN, ID, AVERAGE, "ID test", "ID train"} & set(self.ood):
            raise HeatError(f"An OOD set cannot be called {sorted(reserved)[0]!r}: choose another name for it.")

    def _check_encoders(self) -> None:
        """Refuse priors that no encoder feeds, and a second encoder without images."""
        known = (*ALL_PRIORS, *(SECOND_PRIORS if self.second_backbone else ()))
        if not self.priors or (unknown := set(self.priors) - set(known)):
            what = f"There is no prior {sorted(unknown)[0]!r}" if self.priors else "No prior was chosen"
            raise HeatError(f"{what}: choose among {', '.join(known)}.")
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
        """cifar10, cifar100 or imagenet where the ID set is one of them by name, else "": for published settings.

        A folder is one where it, or one of the two above it, is called that; of its whole path, however it was typed.
        """
        path = Path(self.with_absolute_paths().id)
        path = path.with_suffix("") if is_manifest(path) else path
        words = [part.lower().replace("-", "").replace("_", "") for part in path.parts[-3:]]
        return next((_ID_SETS[word] for word in reversed(words) if word in _ID_SETS), "")

    def group(self, ood_name: str) -> str | None:
        """near, mid or far; None where nobody said. A name alone says it only beside one of the paper's own ID sets:
        textures are far from animals, and may be near to flowers.
        """
        usual = _USUAL_GROUPS.get(ood_name.lower().replace(" ", "-"))
        return self.groups.get(ood_name) or (usual if usual and self.id_set else None)

    def with_absolute_paths(self) -> "Experiment":
        """The same, with folders and files of this machine as absolute paths: a run outlives a working directory."""
        return replace(
            self,
            id=_resolve_set(self.id),
            id_test=self.id_test and _resolve_set(self.id_test),
            backbone=_resolve_backbone(self.backbone),
            weights=self.weights and _resolve_source(self.weights, is_file),
            second_backbone=self.second_backbone and _resolve_backbone(self.second_backbone),
            second_weights=self.second_weights and _resolve_source(self.second_weights, is_file),
            ood={printable(name): _resolve_set(source) for name, source in self.ood.items()},
            groups={printable(name): group for name, group in self.groups.items()},
            name=printable(self.name),
        )

    @property
    def network(self) -> str:
        """What lists and captions call the backbone: without the folders of its file."""
        kind, _, path = self.backbone.partition(":")
        return Path(path).name if kind in _FILE_BACKBONES else self.backbone

    @property
    def network_files(self) -> list[Path]:
        """The files of this machine that its networks are made of; those that are not there are left out."""
        split = (encoder.partition(":") for encoder in (self.backbone, self.second_backbone) if encoder)
        of_names = [path for kind, _, path in split if kind in _FILE_BACKBONES]
        paths = [expand_home(source) for source in (self.weights, self.second_weights, *of_names) if source]
        files = [file for path in paths for file in (sorted(path.iterdir()) if is_folder(path) else [path])]
        return [file for file in files if is_file(file)]

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> "Experiment":
        """Build an experiment from options by name, as the command line has them.

        Those of a network may be lists of two, for two encoders.

        Raises:
            HeatError: where more than two are given.
        """
        known = {f.name for f in fields(cls)}
        values = split_encoders(options)
        return cls(**{name: value for name, value in values.items() if name in known and value is not None})

    def to_dict(self) -> dict[str, Any]:
        default = asdict(Experiment(id="", ood={}))
        omitted = {f.name for f in fields(self) if f.metadata.get("omit_default")}
        return to_stored({k: v for k, v in asdict(self).items() if k not in omitted or v != default[k]})

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Experiment":
        known = {f.name for f in fields(cls)}
        try:
            experiment = cls(**{k: v for k, v in from_stored(content).items() if k in known})
            require_types(vars(experiment), GROUPS)
            return experiment
        except (TypeError, AttributeError) as error:
            raise HeatError(f"This run's description is damaged ({error}): start the run again.") from error

    def to_command(self) -> str:
        """The command line that does the same."""
        return command_line(vars(self), vars(Experiment(id=self.id, ood=self.ood)))

    def to_python(self) -> str:
        """The Python lines that do the same."""
        return python_lines(asdict(self), asdict(Experiment(id="", ood={})))


def _resolve_set(source: str) -> str:
    """The absolute path of a folder or manifest; names of data sets stay."""
    return _resolve_source(source, lambda path: is_folder(path) or is_manifest(path))


def _resolve_source(source: str, exists: Callable[[Path], bool]) -> str:
    path = expand_home(source)
    return os.fspath(path.resolve()) if source not in demo_sets.SETS and exists(path) else source


def _resolve_backbone(backbone: str) -> str:
    """The same, with the file of `torch:FILE` as an absolute path."""
    kind, colon, path = backbone.partition(":")
    exists = colon and kind in _FILE_BACKBONES and expand_home(path).exists()
    return f"{kind}:{os.fspath(expand_home(path).resolve())}" if exists else backbone


def demo_experiment() -> Experiment:
    """The embedded demo: handwritten digits 0 to 5 and three sets that its classifier does not know."""
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
        # Classes of several modes: draws of the mixtures fall between them, and teach the residuals where no data is.
        settings={"start": "prior", "saturation": 0.85},
        groups={"unseen digits": "near", "patched digits": "mid", "photo patches": "far"},
        name="demo",
    )
