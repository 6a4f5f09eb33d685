"""Experiment: what to do, as a plain dataclass that the app, the notebooks and the command line all build."""

import os
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from heat_core import detectors
from heat_core.data.demo import demo_sets
from heat_core.data.manifest import is_manifest
from heat_core.energies.names import ALL_PRIORS, FIRST, PRIORS, SECOND_PRIORS
from heat_core.energies.settings import settings_for
from heat_core.errors import HeatError
from heat_core.storage import is_file, is_folder, printable, typed

TRAIN, ID, AVERAGE = "train", "id", "average"  # names of sets (and of their average) that no OOD set can have
# A field that runs of before do not have: at its default it is not written, so that digests of Experiments stay.
_LATER = {"later": True}
# What a folder of the sets is called for which methods publish settings, without - and _
_ID_SETS = {"cifar10": "cifar10", "cifar100": "cifar100"} | dict.fromkeys(
    ("imagenet", "imagenet1k", "imagenet2012", "ilsvrc2012"), "imagenet"
)
_LEAST = {"batch_size": 1, "seed": 0, "limit": 1, "limit_test": 1, "limit_ood": 1, "clusters": 2}
COVARIANCES = ("auto", "empirical", "ledoit-wolf")
MIXTURE_WEIGHTS = ("uniform", "empirical")
FEATURES = "features"  # the backbone of a run whose sets are folders of features, not of images
_OF_FILES = ("torch", "hf")  # kinds of backbones, before the : of a path
GROUPS = ("near", "mid", "far")
_USUAL_OF_TWO = ("gmm", "gmm@b", "el")
# Options of a network that take two values for two encoders → what stands for none given to the first.
_OF_NETWORK = {"backbone": "", "weights": "-", "image_size": "0"}
_SECOND_OF = {"backbone": "beside", "weights": "beside_weights", "image_size": "beside_image_size"}
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
        beside: a second encoder, whose features the priors gmm@b, gmm-std@b and knn@b read.
        beside_weights: as `weights`, of it.
        beside_image_size: as `image_size`, of it.
        clusters: how many stand for the classes of an ID set that has none; None = `clusters.usual_clusters`.
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
    mixture_weights: str = field(default="uniform", metadata=_LATER)
    clusters: int | None = field(default=None, metadata=_LATER)
    beside: str | None = field(default=None, metadata=_LATER)
    beside_weights: str | None = field(default=None, metadata=_LATER)
    beside_image_size: int | None = field(default=None, metadata=_LATER)

    def __post_init__(self) -> None:
        if isinstance(self.priors, list):  # gmm@a is gmm
            self.priors = [p.removesuffix(FIRST) if isinstance(p, str) else p for p in self.priors]

    def check(self) -> None:
        """Refuse what cannot work with a sentence, before anything is started."""
        if not self.id or not self.ood:
            raise HeatError("Choose an in-distribution set and at least one OOD set.")
        for option in ("id_test", "weights", "beside", "beside_weights"):
            if getattr(self, option) == "":
                raise HeatError(f"{option} is empty: leave it out, or say which (is a variable of the shell not set?).")
        if not all(str(name).strip() for name in self.ood):
            raise HeatError("An OOD set has no name: write NAME=DIR for each.")
        if not all(self.ood.values()):
            raise HeatError(f"The OOD set {next(n for n, s in self.ood.items() if not s)!r} has no folder or name.")
        if reserved := {TRAIN, ID, AVERAGE, "ID test", "ID train"} & set(self.ood):
            raise HeatError(f"An OOD set cannot be called {sorted(reserved)[0]!r}: choose another name for it.")
        known = (*ALL_PRIORS, *(SECOND_PRIORS if self.beside else ()))
        if not self.priors or (unknown := set(self.priors) - set(known)):
            what = f"There is no prior {sorted(unknown)[0]!r}" if self.priors else "No prior was chosen"
            raise HeatError(f"{what}: choose among {', '.join(known)}.")
        if self.beside and FEATURES in (self.backbone, self.beside):
            raise HeatError("A second encoder reads images: give it beside a network, not beside features.")
        if not self.beside and (self.beside_weights or self.beside_image_size):
            raise HeatError("beside_weights and beside_image_size are of a second encoder: name it (beside).")
        detectors.resolve(self.detectors)
        for name, group in self.groups.items():
            if name not in self.ood or group not in GROUPS:
                raise HeatError(
                    f"The group of {name!r} is {group!r}: give near, mid or far for one of {', '.join(self.ood)}."
                )
        for option, least in _LEAST.items():
            if (value := getattr(self, option)) is not None and value < least:
                raise HeatError(f"{option} must be at least {least}, not {value}.")
        if not 0 < self.share <= 1:
            raise HeatError(f"share must lie above 0 and be at most 1, not {self.share}.")
        if self.seed >= 2**32:
            raise HeatError(f"seed must be less than 2^32, not {self.seed}.")
        if len(set(self.priors)) < len(self.priors):
            raise HeatError("A prior was named twice: name each one once.")
        if self.covariance not in COVARIANCES:
            raise HeatError(f"covariance is {self.covariance!r}: choose auto, empirical or ledoit-wolf.")
        if self.mixture_weights not in MIXTURE_WEIGHTS:
            raise HeatError(f"mixture_weights is {self.mixture_weights!r}: choose uniform or empirical.")
        for prior in self.priors:
            settings_for(prior, self.preset, self.settings)

    @property
    def id_set(self) -> str:
        """cifar10, cifar100 or imagenet where the ID set is one of them by name, else "": for published settings.

        A folder is one where it, or one of the two above it, is called that; of its whole path, however it was typed.
        """
        path = Path(self.anchored().id)
        path = path.with_suffix("") if is_manifest(path) else path
        words = [part.lower().replace("-", "").replace("_", "") for part in path.parts[-3:]]
        return next((_ID_SETS[word] for word in reversed(words) if word in _ID_SETS), "")

    def group(self, ood_name: str) -> str | None:
        """near, mid or far; None where nobody said. A name alone says it only beside one of the paper's own ID sets:
        textures are far from animals, and may be near to flowers.
        """
        usual = _USUAL_GROUPS.get(ood_name.lower().replace(" ", "-"))
        return self.groups.get(ood_name) or (usual if usual and self.id_set else None)

    def anchored(self) -> "Experiment":
        """The same, with folders and files of this machine as absolute paths: a run outlives a working directory."""

        def is_set(path: Path) -> bool:
            return is_folder(path) or is_manifest(path)

        def anchored(source: str, there: Callable[[Path], bool] = is_set) -> str:
            path = typed(source)
            return os.fspath(path.resolve()) if source not in demo_sets.SETS and there(path) else source

        return replace(
            self,
            id=anchored(self.id),
            id_test=self.id_test and anchored(self.id_test),
            backbone=_anchored_backbone(self.backbone),
            weights=self.weights and anchored(self.weights, is_file),
            beside=self.beside and _anchored_backbone(self.beside),
            beside_weights=self.beside_weights and anchored(self.beside_weights, is_file),
            ood={printable(name): anchored(source) for name, source in self.ood.items()},
            groups={printable(name): group for name, group in self.groups.items()},
            name=printable(self.name),
        )

    @property
    def network(self) -> str:
        """What lists and captions call the backbone: without the folders of its file."""
        kind, _, path = self.backbone.partition(":")
        return Path(path).name if kind in _OF_FILES else self.backbone

    @property
    def network_files(self) -> list[Path]:
        """The files of this machine that its networks are made of; those that are not there are left out."""
        split = (encoder.partition(":") for encoder in (self.backbone, self.beside) if encoder)
        of_names = [path for kind, _, path in split if kind in _OF_FILES]
        named = [typed(source) for source in (self.weights, self.beside_weights, *of_names) if source]
        found = [file for path in named for file in (sorted(path.iterdir()) if is_folder(path) else [path])]
        return [file for file in found if is_file(file)]

    @classmethod
    def of_words(cls, given: dict[str, Any]) -> "Experiment":
        """Of options by name, as words give them: those of a network may be lists of two, for two encoders.

        Raises:
            HeatError: where more than two are given.
        """
        known, values = {f.name for f in fields(cls)}, dict(given)
        for option, none in _OF_NETWORK.items():
            words = values.get(option)
            words = [words] if words is not None and not isinstance(words, list) else words or []
            if len(words) > 2:
                raise HeatError(f"--{option.replace('_', '-')} takes one value, or two for two encoders.")
            found = [None if str(word) == none else word for word in words] + [None, None]
            values |= {option: found[0], _SECOND_OF[option]: found[1]}
        if values["beside"] and values.get("priors") is None:
            values["priors"] = list(_USUAL_OF_TWO)
        return cls(**{name: value for name, value in values.items() if name in known and value is not None})

    def to_dict(self) -> dict[str, Any]:
        default = asdict(Experiment(id="", ood={}))
        later = {f.name for f in fields(self) if f.metadata.get("later")}
        return {k: v for k, v in asdict(self).items() if k not in later or v != default[k]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Experiment":
        known = {f.name for f in fields(cls)}
        try:
            found = cls(**{k: v for k, v in content.items() if k in known})
            found.require_types()
            return found
        except (TypeError, AttributeError) as error:
            raise HeatError(f"This run's description is damaged ({error}): start the run again.") from error

    def require_types(self) -> None:
        """TypeError where a field is of another kind than it is declared."""
        texts, text = (self.id, self.backbone, self.preset, self.covariance, self.mixture_weights, self.name), "a text"
        self._require(all(isinstance(value, str) for value in texts), f"id, backbone, preset … must be {text}")
        optional = (self.id_test, self.weights, self.beside, self.beside_weights)
        self._require(all(v is None or isinstance(v, str) for v in optional), f"id_test and weights must be {text}")
        sizes = (self.image_size, self.beside_image_size, self.batch_size, self.clusters)
        whole = (*sizes, self.limit, self.limit_test, self.limit_ood)
        self._require(
            all(v is None or type(v) is int for v in whole) and type(self.seed) is int, "numbers must be whole"
        )
        self._require(type(self.share) in (int, float), "share must be a number")
        self._require(isinstance(self.map, bool), "map must be true or false")
        for listed in (self.priors, self.detectors):
            self._require(isinstance(listed, list) and all(isinstance(v, str) for v in listed), "lists must hold texts")
        for named in (self.ood, self.groups):
            pairs = isinstance(named, dict) and all(isinstance(v, str) for pair in named.items() for v in pair)
            self._require(pairs, "ood and groups must name texts")
        self._require(set(self.groups.values()) <= set(GROUPS), "groups must be near, mid or far")
        self._require(isinstance(self.settings, dict), "settings must be an object")

    @staticmethod
    def _require(fine: bool, sentence: str) -> None:
        if not fine:
            raise TypeError(sentence)

    def to_command(self) -> str:
        """The command line that does the same."""
        default = Experiment(id=self.id, ood=self.ood)
        words = ["python", "-m", "heat_core", "run", "--id", self.id]
        words += ["--id-test", self.id_test] if self.id_test else []
        for option, none in _OF_NETWORK.items():
            one, two = getattr(self, option), getattr(self, _SECOND_OF[option])
            if one is not None or two is not None:
                given = [one] if two is None else [one if one is not None else none, two]
                words += [f"--{option.replace('_', '-')}", *map(str, given)]
        words += ["--ood", *(f"{name}={source}" for name, source in self.ood.items())]
        words += ["--priors", *self.priors, "--preset", self.preset]
        if self.detectors != default.detectors:
            words += ["--detectors", *self.detectors]
        if self.groups:
            words += ["--group", *(f"{name}={group}" for name, group in self.groups.items())]
        usual = ("covariance", "mixture_weights", "clusters", "limit", "limit_test", "limit_ood", "share")
        for option in (*usual, "seed", "name", "batch_size"):
            if (value := getattr(self, option)) != getattr(default, option):
                words += [f"--{option.replace('_', '-')}", str(value)]
        if self.settings:
            words += ["--set", *(f"{k}={v}" for k, v in self.settings.items())]
        if not self.map:
            words += ["--no-map"]
        return printable(shlex.join(words))

    def to_python(self) -> str:
        """The Python lines that do the same."""
        default = asdict(Experiment(id="", ood={}))
        changed = {k: v for k, v in asdict(self).items() if k in ("id", "ood") or v != default[k]}
        lines = "".join(f"    {k}={v!r},\n" for k, v in changed.items())
        return (
            f"from heat_core import Experiment, run\n\nresult = run(Experiment(\n{lines}))\nprint(result.metrics())\n"
        )


def _anchored_backbone(backbone: str) -> str:
    """The same, with the file of `torch:FILE` as an absolute path."""
    kind, colon, path = backbone.partition(":")
    there = colon and kind in _OF_FILES and typed(path).exists()
    return f"{kind}:{os.fspath(typed(path).resolve())}" if there else backbone


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
