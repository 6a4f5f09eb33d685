"""Experiment: what to do, as a plain dataclass that the app, the notebooks and the command line all build."""

import shlex
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from heat_core import demo, detectors
from heat_core.errors import HeatError

PRIORS = ("gmm", "gmm-std", "el")  # the paper's
# DICE as in Tab. 10; soft-KNN and ViM as the outlook asks for
PRIOR_TITLES = {"gmm": "GMM", "gmm-std": "GMM-std", "el": "EL", "dice": "DICE", "knn": "KNN", "vim": "ViM"}
ALL_PRIORS = tuple(PRIOR_TITLES)
FEATURES = "features"  # the backbone of a run whose sets are folders of features, not of images
GROUPS = ("near", "mid", "far")
# Where sets stand for CIFAR as ID (Tab. 4); for another ID set, say so with `groups`.
_USUAL_GROUPS = {
    "cifar10": "near", "cifar100": "near", "tiny-imagenet": "near", "lsun": "mid", "places365": "mid", "scenes": "mid",
    "textures": "far", "svhn": "far", "street-digits": "far", "mnist": "far",
}  # fmt: skip
PRESET_NAMES = ("paper", "released", "quick")


@dataclass
class Experiment:
    """One run: which images, which backbone, which priors, how to train.

    Attributes:
        id: training images of the known classes (a folder with one sub-folder a class, or a dataset's name).
        ood: name → folder or dataset's name. id_test: ID test images; without one, every fifth image of `id`.
        backbone: a timm name, or "features" where every set is a folder of features (`avg.npy` …); weights: a local file instead of timm's own; image_size: side of the input in pixels.
        priors: which energies HEAT corrects and composes, among gmm, gmm-std, el, dice, knn, vim.
        detectors: what HEAT is compared with: names of `heat_core.detectors`, or all. groups: OOD set → near, mid or
        far, for the averages of the tables. preset: training settings; settings: changes to them.
        covariance: of the mixtures: auto, empirical or ledoit-wolf. limit: images a class (or of a set without
        classes), the same for every set; limit_test and limit_ood override it.
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
    seed: int = 0
    name: str = ""
    map: bool = True
    batch_size: int = 64

    def check(self) -> None:
        """Refuse what cannot work with a sentence, before anything is started."""
        from heat_core.settings import settings_for

        if not self.id or not self.ood:
            raise HeatError("Choose an in-distribution set and at least one OOD set.")
        if reserved := {"id", "average", "train"} & set(self.ood):
            raise HeatError(f"An OOD set cannot be called {sorted(reserved)[0]!r}: choose another name for it.")
        if not self.priors or (unknown := set(self.priors) - set(ALL_PRIORS)):
            what = f"There is no prior {sorted(unknown)[0]!r}" if self.priors else "No prior was chosen"
            raise HeatError(f"{what}: choose among {', '.join(ALL_PRIORS)}.")
        detectors.resolve(self.detectors)
        for name, group in self.groups.items():
            if name not in self.ood or group not in GROUPS:
                raise HeatError(
                    f"The group of {name!r} is {group!r}: give near, mid or far for one of {', '.join(self.ood)}."
                )
        for option, least in (("batch_size", 1), ("seed", 0), ("limit", 1), ("limit_test", 1), ("limit_ood", 1)):
            if (value := getattr(self, option)) is not None and value < least:
                raise HeatError(f"{option} must be at least {least}, not {value}.")
        if len(set(self.priors)) < len(self.priors):
            raise HeatError("A prior was named twice: name each one once.")
        if self.covariance not in ("auto", "empirical", "ledoit-wolf"):
            raise HeatError(f"covariance is {self.covariance!r}: choose auto, empirical or ledoit-wolf.")
        for prior in self.priors:
            settings_for(prior, self.preset, self.settings)

    @property
    def id_set(self) -> str:
        """cifar10, cifar100 or imagenet where the ID set is one of them by name, else "": for published settings."""
        words = Path(self.id).as_posix().lower().replace("-", "").replace("_", "").split("/")[-3:]
        known = ("cifar100", "cifar10", "imagenet")
        return next((name for name in known if any(word.startswith(name) for word in words)), "")

    def group(self, ood_name: str) -> str | None:
        """near, mid or far; None where nobody said."""
        return self.groups.get(ood_name) or _USUAL_GROUPS.get(ood_name.lower().replace(" ", "-"))

    def anchored(self) -> "Experiment":
        """The same, with the folders and files on this machine as absolute paths: a run outlives a working directory."""

        def place(source: str | None, there=Path.is_dir) -> str | None:
            path = Path(source or "").expanduser()
            return str(path.resolve()) if source and source not in demo.SETS and there(path) else source

        return replace(
            self, id=place(self.id), id_test=place(self.id_test), weights=place(self.weights, Path.is_file),
            ood={name: place(source) for name, source in self.ood.items()},
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Experiment":
        known = {f.name for f in fields(cls)}
        try:
            return cls(**{k: v for k, v in content.items() if k in known})
        except (TypeError, AttributeError) as error:
            raise HeatError(f"This run's description is damaged ({error}): start the run again.") from error

    def to_command(self) -> str:
        """The command line that does the same."""
        default = Experiment(id=self.id, ood=self.ood)
        words = ["python", "-m", "heat_core", "run", "--id", self.id]
        for option in ("id_test", "backbone", "weights", "image_size"):
            if (value := getattr(self, option)) is not None:
                words += [f"--{option.replace('_', '-')}", str(value)]
        words += ["--ood", *(f"{name}={source}" for name, source in self.ood.items())]
        words += ["--priors", *self.priors, "--preset", self.preset]
        if self.detectors != default.detectors:
            words += ["--detectors", *self.detectors]
        if self.groups:
            words += ["--group", *(f"{name}={group}" for name, group in self.groups.items())]
        for option in ("covariance", "limit", "limit_test", "limit_ood", "seed", "name", "batch_size"):
            if (value := getattr(self, option)) != getattr(default, option):
                words += [f"--{option.replace('_', '-')}", str(value)]
        if self.settings:
            words += ["--set", *(f"{k}={v}" for k, v in self.settings.items())]
        if not self.map:
            words += ["--no-map"]
        return shlex.join(words)

    def to_python(self) -> str:
        """The Python lines that do the same."""
        default = asdict(Experiment(id="", ood={}))
        changed = {k: v for k, v in asdict(self).items() if k in ("id", "ood") or v != default[k]}
        lines = "".join(f"    {k}={v!r},\n" for k, v in changed.items())
        return (
            f"from heat_core import Experiment, run\n\nresult = run(Experiment(\n{lines}))\nprint(result.metrics())\n"
        )


def demo_experiment() -> Experiment:
    """The embedded demo: handwritten digits 0 to 5 and three sets that its classifier does not know."""
    return Experiment(
        id="demo-digits",
        id_test="demo-digits",
        ood={"unseen digits": "demo-unseen-digits", "swapped quarters": "demo-swapped-digits",
             "photo patches": "demo-photo-patches"},
        backbone="heat-demo-resnet",
        preset="quick",
        settings={"updates": 60},
        groups={"unseen digits": "near", "swapped quarters": "mid", "photo patches": "far"},
        name="demo",
    )  # fmt: skip
