"""View state, that is how a run is looked at (β, threshold, priors, query), and its form in the address.

The functions have no side effects; `app.state.session` stores the view state and mirrors it in the address bar.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from heat_core import HeatError, Lens, Run
from heat_core.analysis.measured.quality_facets import QUALITY_TITLES
from heat_core.analysis.metadata_facets import COLUMN_PREFIX
from heat_core.analysis.questions import COLUMNS, NEW_QUESTIONS, ORDERS, QUESTIONS, Query, parse_order
from heat_core.runs.experiment import ID

LAYOUTS = ("grid", "table", "rows")
COLOURINGS = ("dataset", "class", "score", "verdict")
# The facets that every run has, in order; columns of manifests are further facets.
FACETS = ("set", "folder", "seen", "part", "cluster", "tag", "decision", *QUALITY_TITLES)
_GRID_CHOICES = ("layout", "size")
_TABLE_CHOICES = ("section", "det", "metric", "runs", "rows", "subsets", "intervals", "best", "against", "against-det")
_CHOICES = (*_GRID_CHOICES, *_TABLE_CHOICES, "batch", "images", "own", "by")
_LARGEST_WEIGHT = 1e6
MAX_ALPHA = 0.5  # largest false-alarm rate of the slider


@dataclass(frozen=True)
class ViewState:
    """Settings of how a run is looked at.

    Attributes:
        beta: β of the composition.
        threshold: threshold of HEAT's score; None = the one that keeps 95 % of ID test.
        alpha: false-alarm rate in (0, MAX_ALPHA] that sets the threshold, where none is given; None = not used.
        priors: priors that are composed; None = all.
        weights: one weight for each composed prior, of which one at least is not 0; None = equal weights.
        colour: way to colour the map, among `COLOURINGS`.
        hidden_sets: sets that are hidden on the map.
        selection: name of a saved selection.
        sample: key of the inspected sample.
        query: which samples are shown, and in which order.
        choices: name → value of other choices on a page (layout, detector, metric, …) that differ from the default.
    """

    beta: float = 0.0
    threshold: float | None = None
    alpha: float | None = None
    priors: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    colour: str = "dataset"
    hidden_sets: tuple[str, ...] = ()
    selection: str | None = None
    sample: str | None = None
    query: Query = field(default_factory=Query)
    choices: dict[str, str] = field(default_factory=dict)

    def lens(self) -> Lens:
        """Return the lens of these settings."""
        return Lens(self.beta, self.priors, self.weights, self.threshold, self.alpha)


_PARAMETERS = {"threshold": "thr", "alpha": "alpha", "selection": "sel", "sample": "sample", "colour": "colour"}


def to_query_params(view: ViewState) -> dict[str, str]:
    """Convert a view state to query parameters: β, and whatever differs from the default view state."""
    default = ViewState()
    params = {"beta": _format_beta(view.beta)}
    for name, parameter in _PARAMETERS.items():
        if (value := getattr(view, name)) != getattr(default, name):
            params[parameter] = value if isinstance(value, str) else repr(value)
    for name, parameter in (("priors", "priors"), ("weights", "w")):
        if (values := getattr(view, name)) is not None:
            params[parameter] = ",".join(map(str, values))
    if view.hidden_sets:
        params["off"] = json.dumps(view.hidden_sets)
    return params | _query_params(view.query) | {k: v for k, v in view.choices.items() if v}


def page_url(page: str, run_id: str, view: ViewState) -> str:
    """Return the address that opens a page with a view of a run, relative to any page: the server may have a base path.

    Args:
        page: path of the page; "" = Inspect.
        run_id: id of the run.
        view: view state that the page shows.
    """
    return f"./{page}?{urlencode({'run': run_id} | to_query_params(view), errors='backslashreplace')}"


def _query_params(query: Query) -> dict[str, str]:
    """Convert a query to query parameters: whatever differs from the default query."""
    default, params = Query(), {}
    for name, parameter in _QUERY_PARAMETERS.items():
        if (value := getattr(query, name)) != getattr(default, name):
            params[parameter] = value
    if query.methods:
        params["methods"] = ",".join(query.methods)
    if query.brush:
        params["brush"] = ",".join(map(repr, query.brush))
    if query.excluded:
        params["not"] = json.dumps(dict(query.excluded))
    return params | {_facet_parameter(name): json.dumps(values) for name, values in query.values}


def _facet_parameter(facet: str) -> str:
    """Return the parameter of a facet; that of a quality has a prefix, since `colour` and `size` are other settings."""
    return f"quality-{facet}" if facet in QUALITY_TITLES else facet


_QUERY_PARAMETERS = {"question": "q", "baseline": "base", "find": "find", "like": "like", "order": "order"}


def _parse_query(query: dict[str, str], run: Run) -> Query:
    """Parse the query that an address names, without the parts that do not fit the run.

    Values of facets that the run lacks are kept: they match no sample, and the page shows them as filters that can be
    removed.
    """
    given: dict[str, Any] = {
        name: query[parameter] for name, parameter in _QUERY_PARAMETERS.items() if query.get(parameter)
    }
    if given.get("question") not in {*QUESTIONS, *NEW_QUESTIONS}:
        given.pop("question", None)
    column, _ = parse_order(given.get("order", ""))
    if given.get("order") not in ORDERS and column not in (*COLUMNS, *run.priors) and not is_column(column):
        given.pop("order", None)
    rows = [*run.detectors, *run.combined] if run.has_energies else []
    if given.get("baseline") not in rows:
        given.pop("baseline", None)
    methods = tuple(dict.fromkeys(m for m in query.get("methods", "").split(",") if m in rows))
    brush = [parse_beta(b, math.nan) for b in query.get("brush", "").split(",")]
    if len(brush) == 2 and brush[0] <= brush[1]:
        given["brush"] = (brush[0], brush[1])
    facets = select_facets([*filter(is_column, query), *(f for f in FACETS if _facet_parameter(f) in query)])
    values = ((name, parse_texts(query[_facet_parameter(name)])) for name in facets)
    given["excluded"] = _parse_excluded(query.get("not", ""))
    return Query(methods=methods, values=tuple((name, texts) for name, texts in values if texts), **given)


def _parse_excluded(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Parse a JSON object of facets and their values that are left out; () where the text is none."""
    try:
        named = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return facet_values(named) if isinstance(named, dict) else ()


def facet_values(named: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Convert facets and their values, as the browser and the address name them, to those of a `Query`."""
    lists = ((name, named[name]) for name in select_facets(named) if isinstance(named[name], list))
    return tuple((name, tuple(dict.fromkeys(map(str, values)))) for name, values in lists if values)


def is_column(facet: str) -> bool:
    """Return whether a facet is a column of manifests."""
    return facet.startswith(COLUMN_PREFIX) and facet != COLUMN_PREFIX


def select_facets(names: Iterable[str]) -> list[str]:
    """Select the facets among some names: first those that every run has, in their order, then columns of manifests."""
    names = list(names)
    return [*(name for name in FACETS if name in names), *filter(is_column, names)]


def _smallest_alpha(run: Run) -> float:
    """Return the smallest α at which any image can be called unknown."""
    return 1 / (len(run.ids(ID)) + 1) if run.has_energies else 1.0


def parse_texts(text: str) -> tuple[str, ...]:
    """Parse a JSON list into its distinct values as texts; () where the text is no list."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(dict.fromkeys(str(value) for value in values)) if isinstance(values, list) else ()


def from_query_params(query: dict[str, str], run: Run) -> ViewState:
    """Parse the view state that an address names, without the parts that do not fit the run.

    Args:
        query: query parameters of the address.
        run: the run that is looked at.
    """
    view = ViewState(beta=parse_beta(query.get("beta", "0"), 0.0))
    if "thr" in query and math.isfinite(threshold := parse_beta(query["thr"], math.inf)):
        view = replace(view, threshold=threshold)
    elif _smallest_alpha(run) <= (alpha := parse_beta(query.get("alpha", ""), 0.0)) <= MAX_ALPHA:
        view = replace(view, alpha=alpha)
    composed = [p for p in run.priors if p in query.get("priors", "").split(",")]
    if composed and len(composed) < len(run.priors):
        view = replace(view, priors=tuple(composed))
    weights = [parse_beta(w, -1.0) for w in query.get("w", "").split(",")]
    if len(weights) == len(composed or run.priors) and all(0 <= w <= _LARGEST_WEIGHT for w in weights) and any(weights):
        view = replace(view, weights=tuple(weights))
    if query.get("colour") in COLOURINGS:
        view = replace(view, colour=query["colour"])
    choices = {k: query[k] for k in _CHOICES if query.get(k)}
    view = replace(
        view, hidden_sets=parse_texts(query.get("off", "[]")), selection=query.get("sel"), sample=query.get("sample")
    )
    return replace(view, query=_parse_query(query, run), choices=choices)


def parse_beta(text: str, otherwise: float | None = None) -> float:
    """Parse β as a person writes it, such as 0.5, -3, −∞ or inf.

    Args:
        text: the text.
        otherwise: value that is returned where the text is no number.

    Raises:
        HeatError: if the text is no number and `otherwise` is None.
    """
    try:
        value = float(str(text).strip().replace("−", "-").replace("∞", "inf"))
    except ValueError:
        value = math.nan
    if math.isnan(value):
        if otherwise is not None:
            return otherwise
        raise HeatError(f"{text!r} is not a value of β: write a number, or −∞ or +∞.")
    return value


def _format_beta(beta: float) -> str:
    return ("-inf" if beta < 0 else "inf") if math.isinf(beta) else f"{beta:g}"
