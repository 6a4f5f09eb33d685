"""How a person looks at a run: β, threshold, priors, colouring, filter, selection; and the address that says the same.

Pure: `app.session` keeps it, and mirrors it in the address bar.
"""

import json
import math
from dataclasses import dataclass, field, replace

from heat_core import HeatError, Lens, Run

COLOURINGS = ("dataset", "class", "score", "verdict")
_OF_GALLERY = ("set", "filter", "order", "methods", "a", "b", "seen", "layout", "narrow", "count")
_OF_TABLES = ("det", "metric", "runs", "rows", "subsets", "intervals", "best", "train")
_CHOICES = (*_OF_GALLERY, *_OF_TABLES, "batch", "own")
_HEAVIEST = 1e6


@dataclass(frozen=True)
class Look:
    """How a person looks at a run.

    Attributes:
        beta: of the composition.
        threshold: None = at 95 % of ID.
        taking: the priors that are composed; None = all.
        weights: one each, or None.
        colour: what colours the map, among `COLOURINGS`.
        off: sets that the legend hides.
        selection: the name of a kept one.
        sample: the key of the inspected one.
        choices: what else was chosen on a page (filter, sort, detector, …), as texts, where it is not the default.
    """

    beta: float = 0.0
    threshold: float | None = None
    taking: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    colour: str = "dataset"
    off: tuple[str, ...] = ()
    selection: str | None = None
    sample: str | None = None
    choices: dict[str, str] = field(default_factory=dict)

    def lens(self) -> Lens:
        """How HEAT is composed."""
        return Lens(self.beta, self.taking, self.weights, self.threshold)


def to_query(look: Look) -> dict[str, str]:
    """What stands in the address bar: everything that differs from the plain look."""
    plain = Look()
    query = {"beta": _beta_text(look.beta)}
    for name, short in (("threshold", "thr"), ("selection", "sel"), ("sample", "sample"), ("colour", "colour")):
        if (value := getattr(look, name)) != getattr(plain, name):
            query[short] = value if isinstance(value, str) else repr(value)
    for name, short in (("taking", "priors"), ("weights", "w")):
        if (values := getattr(look, name)) is not None:
            query[short] = ",".join(map(str, values))
    if look.off:
        query["off"] = json.dumps(look.off)
    return query | {k: v for k, v in look.choices.items() if v}


def from_query(query: dict[str, str], run: Run) -> Look:
    """The look that an address names; what does not fit the run is left out."""
    look = Look(beta=parse_beta(query.get("beta", "0"), 0.0))
    if "thr" in query and math.isfinite(threshold := parse_beta(query["thr"], math.inf)):
        look = replace(look, threshold=threshold)
    taking = [p for p in run.priors if p in query.get("priors", "").split(",")]
    if taking and len(taking) < len(run.priors):
        look = replace(look, taking=tuple(taking))
    weights = [parse_beta(w, -1.0) for w in query.get("w", "").split(",")]
    if len(weights) == len(taking or run.priors) and all(0 < w <= _HEAVIEST for w in weights):
        look = replace(look, weights=tuple(weights))
    if query.get("colour") in COLOURINGS:
        look = replace(look, colour=query["colour"])
    try:
        off = [str(name) for name in json.loads(query.get("off", "[]"))]
    except (ValueError, TypeError):
        off = []
    choices = {k: query[k] for k in _CHOICES if query.get(k)}
    return replace(look, off=tuple(off), selection=query.get("sel"), sample=query.get("sample"), choices=choices)


def parse_beta(text: str, otherwise: float | None = None) -> float:
    """β as a person writes it: 0.5, -3, −∞, inf. `otherwise` stands in for nonsense; without it HeatError."""
    try:
        value = float(str(text).strip().replace("−", "-").replace("∞", "inf"))
    except ValueError:
        value = math.nan
    if math.isnan(value):
        if otherwise is not None:
            return otherwise
        raise HeatError(f"{text!r} is not a value of β: write a number, or −∞ or +∞.")
    return value


def _beta_text(beta: float) -> str:
    return ("-inf" if beta < 0 else "inf") if math.isinf(beta) else f"{beta:g}"
