"""How a person looks at a run: β, threshold, priors, question, what narrows it; and the address that says the same.

Pure: `app.state.session` keeps it, and mirrors it in the address bar.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from heat_core import HeatError, Lens, Run
from heat_core.analysis.columns import COLUMN
from heat_core.analysis.questions import COLUMNS, NEW_QUESTIONS, ORDERS, QUESTIONS, Query, sorted_by
from heat_core.runs.experiment import ID

COLOURINGS = ("dataset", "class", "score", "verdict")
FACETS = ("set", "folder", "seen", "part", "cluster", "tag")  # beside the columns of manifests
_OF_GRID = ("layout", "size")
_OF_TABLES = ("section", "det", "metric", "runs", "rows", "subsets", "intervals", "best", "against", "against-det")
_CHOICES = (*_OF_GRID, *_OF_TABLES, "batch", "own", "by")
_HEAVIEST = 1e6
LARGEST_ALPHA = 0.5  # of the slider


@dataclass(frozen=True)
class Look:
    """How a person looks at a run.

    Attributes:
        beta: of the composition.
        threshold: None = at 95 % of ID.
        alpha: the false-alarm rate that draws the line instead; None where none does.
        taking: the priors that are composed; None = all.
        weights: one each, or None.
        colour: what colours the map, among `COLOURINGS`.
        off: sets that the legend hides.
        selection: the name of a kept one.
        sample: the key of the inspected one.
        ask: which samples, in which order.
        choices: what else was chosen on a page (layout, detector, metric, …), as texts, where it is not the default.
    """

    beta: float = 0.0
    threshold: float | None = None
    alpha: float | None = None
    taking: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    colour: str = "dataset"
    off: tuple[str, ...] = ()
    selection: str | None = None
    sample: str | None = None
    ask: Query = field(default_factory=Query)
    choices: dict[str, str] = field(default_factory=dict)

    def lens(self) -> Lens:
        """How HEAT is composed."""
        return Lens(self.beta, self.taking, self.weights, self.threshold, self.alpha)


_OF_LOOK = {"threshold": "thr", "alpha": "alpha", "selection": "sel", "sample": "sample", "colour": "colour"}


def to_query(look: Look) -> dict[str, str]:
    """What stands in the address bar: everything that differs from the plain look."""
    plain = Look()
    query = {"beta": _beta_text(look.beta)}
    for name, short in _OF_LOOK.items():
        if (value := getattr(look, name)) != getattr(plain, name):
            query[short] = value if isinstance(value, str) else repr(value)
    for name, short in (("taking", "priors"), ("weights", "w")):
        if (values := getattr(look, name)) is not None:
            query[short] = ",".join(map(str, values))
    if look.off:
        query["off"] = json.dumps(look.off)
    return query | _asked(look.ask) | {k: v for k, v in look.choices.items() if v}


def address(page: str, run_id: str, look: Look) -> str:
    """A link to a page of the app ("" = Inspect), which opens this look on a run."""
    return f"{page or '/'}?{urlencode({'run': run_id} | to_query(look), errors='backslashreplace')}"


def _asked(ask: Query) -> dict[str, str]:
    """A query as it stands in the address: what differs from the plain one."""
    plain, query = Query(), {}
    for name, short in _OF_QUERY.items():
        if (value := getattr(ask, name)) != getattr(plain, name):
            query[short] = value
    if ask.methods:
        query["methods"] = ",".join(ask.methods)
    if ask.brush:
        query["brush"] = ",".join(map(repr, ask.brush))
    return query | {name: json.dumps(values) for name, values in ask.values}


_OF_QUERY = {"question": "q", "baseline": "base", "find": "find", "like": "like", "order": "order"}


def _query_of(query: dict[str, str], run: Run) -> Query:
    """The query that an address names; what does not fit is left out. Values that the run has not got stay: they keep
    nothing, and their chip says so.
    """
    given: dict[str, Any] = {name: query[short] for name, short in _OF_QUERY.items() if query.get(short)}
    if given.get("question") not in {*QUESTIONS, *NEW_QUESTIONS}:
        given.pop("question", None)
    column, _ = sorted_by(given.get("order", ""))
    if given.get("order") not in ORDERS and column not in (*COLUMNS, *run.priors) and not is_column(column):
        given.pop("order", None)
    rows = run.detectors if run.has_energies else []
    if given.get("baseline") not in rows:
        given.pop("baseline", None)
    methods = tuple(dict.fromkeys(m for m in query.get("methods", "").split(",") if m in rows))
    brush = [parse_beta(b, math.nan) for b in query.get("brush", "").split(",")]
    if len(brush) == 2 and brush[0] <= brush[1]:
        given["brush"] = (brush[0], brush[1])
    values = ((name, texts_of(query[name])) for name in facets_among(query))
    return Query(methods=methods, values=tuple((name, texts) for name, texts in values if texts), **given)


def is_column(facet: str) -> bool:
    """Whether it is a column of manifests, by whatever name."""
    return facet.startswith(COLUMN) and facet != COLUMN


def facets_among(names: Iterable[str]) -> list[str]:
    """The facets among some names: those that every run has in their order, then columns of manifests."""
    names = list(names)
    return [*(name for name in FACETS if name in names), *filter(is_column, names)]


def _smallest_p(run: Run) -> float:
    """The smallest α at which anything can be called unknown."""
    return 1 / (len(run.ids(ID)) + 1) if run.has_energies else 1.0


def texts_of(text: str) -> tuple[str, ...]:
    """The texts that a JSON list holds, each once; none where it is no list."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(dict.fromkeys(str(value) for value in found)) if isinstance(found, list) else ()


def from_query(query: dict[str, str], run: Run) -> Look:
    """The look that an address names; what does not fit the run is left out."""
    look = Look(beta=parse_beta(query.get("beta", "0"), 0.0))
    if "thr" in query and math.isfinite(threshold := parse_beta(query["thr"], math.inf)):
        look = replace(look, threshold=threshold)
    elif _smallest_p(run) <= (alpha := parse_beta(query.get("alpha", ""), 0.0)) <= LARGEST_ALPHA:
        look = replace(look, alpha=alpha)
    taking = [p for p in run.priors if p in query.get("priors", "").split(",")]
    if taking and len(taking) < len(run.priors):
        look = replace(look, taking=tuple(taking))
    weights = [parse_beta(w, -1.0) for w in query.get("w", "").split(",")]
    if len(weights) == len(taking or run.priors) and all(0 < w <= _HEAVIEST for w in weights):
        look = replace(look, weights=tuple(weights))
    if query.get("colour") in COLOURINGS:
        look = replace(look, colour=query["colour"])
    choices = {k: query[k] for k in _CHOICES if query.get(k)}
    look = replace(look, off=texts_of(query.get("off", "[]")), selection=query.get("sel"), sample=query.get("sample"))
    return replace(look, ask=_query_of(query, run), choices=choices)


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
