"""The table of priors, and the names that follow from it. Importing this module does not import torch."""

from dataclasses import dataclass

from heat_core import plugins
from heat_core.features.features import SECOND_ENCODER

PRIORS = ("gmm", "gmm-std", "el")  # the priors of the paper (Sec. 3.2)
FIRST_ENCODER = "@a"  # may end the name of a prior of the first encoder, which is named without it
_BEHIND_ALL = 420  # the place of a prior that states none


@dataclass(frozen=True)
class PriorSpec:
    """What the table of priors says about a prior.

    Attributes:
        title: name in tables and figures.
        evidence: what its energy reads: "features" alone; "logits" alone, or "both", of the classifier's head. A prior
            that reads features alone works without classes, and on a second encoder.
        column: column of the features that it reads: avg or std.
        normalised: whether each row of it is L2-normalised.
        trained_as: prior of the paper whose settings the training of its residual takes; "" = GMM's where rows are
            normalised, EL's where they are not.
        place: sort key of the tables among the detectors (see `Detector.place`).
        rectified: whether it assumes activations after a ReLU (see `Detector.rectified`).
        row: row of the uncorrected prior in the tables; "" = its name.
        row_title: title of that row; "" = `title`.
        implementation: "module:class", which is imported when the prior is made; "" for registered priors.
    """

    title: str
    evidence: str
    column: str = "avg"
    normalised: bool = False
    trained_as: str = ""
    place: int = _BEHIND_ALL
    rectified: bool = False
    row: str = ""
    row_title: str = ""
    implementation: str = ""

    @property
    def needs_head(self) -> bool:
        """Whether it reads logits, so that it needs a classifier."""
        return self.evidence != "features"

    @property
    def settings_of(self) -> str:
        """Prior of the paper whose settings the training of its residual takes."""
        return self.trained_as or ("gmm" if self.normalised else "el")


#: Name → prior: those of the paper (Sec. 3.2); DICE of Tab. 10; soft-KNN and ViM, which Sec. 3.2 proposes; SCALE, later
#: work; ResFlow, with which Sec. 2 compares. GMM, GMM-std, soft-KNN and ResFlow read normalised rows, the others raw
#: ones. EL stands with the logits in the tables, the densities last. KNN itself is a detector, so that the row of the
#: prior has another name.
BUILT_IN = {
    "gmm": PriorSpec("GMM", "features", "avg", True, "gmm", 400, implementation="gmm:GaussianMixture"),
    "gmm-std": PriorSpec("GMM-std", "features", "std", True, "gmm-std", 410, implementation="gmm:GaussianMixture"),
    "el": PriorSpec("EL", "logits", "avg", False, "el", 30, implementation="logits:EnergyLogits"),
    "dice": PriorSpec("DICE", "both", "avg", False, "el", 70, True, implementation="dice:DirectedSparsity"),
    "knn": PriorSpec(
        "KNN", "features", "avg", True, "gmm", 110, False, "soft-knn", "soft-KNN", implementation="knn:SoftNeighbours"
    ),
    "vim": PriorSpec("ViM", "both", "avg", False, "el", 150, implementation="vim:VirtualLogit"),
    "scale": PriorSpec("SCALE", "both", "avg", False, "el", 86, True, implementation="scale:ScaledActivations"),
    "resflow": PriorSpec("ResFlow", "features", "avg", True, "gmm", 405, implementation="resflow:ResidualFlow"),
}
#: The priors that are registered from outside this package.
registry: plugins.Registry[PriorSpec] = plugins.Registry(
    "prior", plugins.PRIORS, lambda: BUILT_IN, tuple(spec.row for spec in BUILT_IN.values() if spec.row)
)


def prior_kind(prior: str) -> str:
    """Strip the suffix of the second encoder from a prior's name: "gmm@b" → "gmm"."""
    return prior.removesuffix(SECOND_ENCODER)


def all_priors() -> list[str]:
    """List the priors of a run with one encoder: of this package, registered, and offered by plugins."""
    return registry.names()


def second_priors() -> list[str]:
    """List the priors of a second encoder's features; logits come only from the first, the classifier.

    A prior whose plugin is not imported yet is among them.
    """
    known = {name: imported_spec(name) for name in all_priors()}
    return [f"{name}{SECOND_ENCODER}" for name, spec in known.items() if spec is None or not spec.needs_head]


def spec_of(prior: str) -> PriorSpec:
    """Return what the table says about a prior, after importing the plugin that offers it.

    Raises:
        HeatError: where there is no such prior, its plugin cannot be imported, or it reads logits of a second encoder.
    """
    kind = prior_kind(prior)
    if kind not in BUILT_IN:
        registry.find(kind)
    spec = imported_spec(prior)
    if spec is None or (kind != prior and spec.needs_head):
        raise registry.unknown(prior, all_priors())
    return spec


def imported_spec(prior: str) -> PriorSpec | None:
    """Return what the table says about a prior; None where it is unknown, or its plugin is not imported yet.

    What opens runs calls this, so that a finished run needs no plugin.
    """
    kind = prior_kind(prior)
    return BUILT_IN.get(kind) or (registry.registered[kind][1] if kind in registry.registered else None)


def prior_title(prior: str) -> str:
    """Return a prior's title in formulas and lists; its name, where its plugin is not imported."""
    kind, spec = prior_kind(prior), imported_spec(prior)
    return (spec.title if spec else kind) + prior.removeprefix(kind)
