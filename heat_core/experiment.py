"""Experiment: what to do, as a plain dataclass that the app, the notebooks and the command line all build."""

import shlex
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from heat_core.errors import HeatError

PRIORS = ("gmm", "gmm-std", "el")
PRESET_NAMES = ("paper", "released", "quick")


@dataclass
class Experiment:
    """One run: which images, which backbone, which priors, how to train.

    Attributes:
        id: training images of the known classes (a folder with one sub-folder a class, or a dataset's name).
        ood: name → folder or dataset's name. id_test: ID test images; without one, every fifth image of `id`.
        backbone: a timm name; weights: a local file instead of timm's own; image_size: side of the input in pixels.
        priors: which energies HEAT corrects and composes. preset: training settings; settings: changes to them.
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
        if not self.priors or (unknown := set(self.priors) - set(PRIORS)):
            what = f"There is no prior {sorted(unknown)[0]!r}" if self.priors else "No prior was chosen"
            raise HeatError(f"{what}: choose among {', '.join(PRIORS)}.")
        if len(set(self.priors)) < len(self.priors):
            raise HeatError("A prior was named twice: name each one once.")
        if self.covariance not in ("auto", "empirical", "ledoit-wolf"):
            raise HeatError(f"covariance is {self.covariance!r}: choose auto, empirical or ledoit-wolf.")
        for prior in self.priors:
            settings_for(prior, self.preset, self.settings)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Experiment":
        known = {f.name for f in fields(cls)}
        try:
            return cls(**{k: v for k, v in content.items() if k in known})
        except TypeError as error:
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
        name="demo",
    )  # fmt: skip
