"""The workbench in a notebook: a widget of anywidget, which Jupyter, VS Code and marimo show."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from heat_core import HeatError, Lens, Run
from heat_core.analysis.questions import Query, questions_of
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import save_selection
from heat_core.analysis.similarity import SimilarityIndex
from heat_core.exchange.export import file_name_of, write_export
from heat_core.names import printable
from heat_core.storage import replacing
from heat_core.workbench import position_maps
from heat_core.workbench.browser_messages import ANNOTATIONS, annotate, numbers_from_browser, view_from_browser
from heat_core.workbench.decisions_message import carry_out_decision
from heat_core.workbench.filtered_samples import filtered_numbers
from heat_core.workbench.javascript import linked, markup, style_sheet
from heat_core.workbench.payload import orders_of, pack
from heat_core.workbench.pictures import read_picture
from heat_core.workbench.view_message import sign, view_message
from heat_core.workbench.view_state import FACETS, ViewState, facet_values, select_facets

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise HeatError(
        'The workbench in a notebook needs anywidget: pip install "heat-explorer[notebook]" adds it.'
    ) from error

_DECIDING = ("decide", "undo-decision")  # actions that `carry_out_decision` carries out
_PAGE = f"<style>{style_sheet('inspect')}{style_sheet('notebook')}</style>{markup('inspect')}"


class Explorer(anywidget.AnyWidget):
    """The workbench over a run, or over samples of one; `Run.explore` makes it.

    The traits follow what a person does in the workbench, and the workbench follows when they are set.

    Attributes:
        samples: samples that the workbench shows.
        beta: β of the composition.
        threshold: threshold of HEAT's score; None = the one that keeps 95 % of ID test, or a false-alarm rate's.
        question: key of the question, among `analysis.questions.QUESTIONS`.
        filters: facet → its values to which the subset is narrowed.
        inspected: key (`set/id`) of the inspected sample, or None.
        selected: (n,) keys of the samples that are ticked, or of those inside the lasso where none is; cannot be set.
    """

    _esm = linked("notebook")
    # What browser/notebook.js reads.
    page = traitlets.Unicode(_PAGE).tag(sync=True)
    pictures = traitlets.Unicode().tag(sync=True)  # first part of the addresses of its pictures
    payload = traitlets.Bytes().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)

    beta = traitlets.Float(0.0)
    threshold = traitlets.Float(None, allow_none=True)
    question = traitlets.Unicode(ViewState().query.question)
    filters = traitlets.Dict()
    inspected = traitlets.Unicode(None, allow_none=True)
    selected = traitlets.Instance(np.ndarray, read_only=True)

    def __init__(
        self,
        of: Run | Samples,
        beta: float = 0.0,
        threshold: float | None = None,
        question: str | None = None,
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.samples = samples = of if isinstance(of, Samples) else Samples(of)
        if not samples.run.priors:
            raise HeatError("This run has no corrected prior yet: resume it, then explore it.")
        query = Query(question or _first_question(samples), values=facet_values(_checked_filters(filters or {})))
        query = replace(query, order=next(iter(orders_of(samples))))
        self._view, self._is_following = ViewState(beta, _finite_or_none(threshold), query=query), True
        self._version, self._signature, self._done, self._notice = 0, None, 0, ""
        self._ticked, self._in_lasso = np.empty(0, int), np.empty(0, int)
        self._similarity = SimilarityIndex(samples.run)
        name = secrets.token_hex(4)
        payload, self._numbers = pack(samples, name, f"heat:{name}")
        super().__init__(pictures=f"heat:{name}", payload=payload)
        self._handlers: dict[str, Callable[[Any], None]] = {
            "view": self._follow_browser,
            "lasso": self._set_lasso,
            "tick": self._set_ticked,
            "inspect": self._inspect,
            "act": self._act,
            "where": self._start_position_maps,
            "take": self._export,
        }
        self._is_following = False
        self._write_selected()
        self._show(self._view)
        self.on_msg(self._receive)

    @property
    def lens(self) -> Lens:
        """Lens of HEAT's scores: β, priors, weights and threshold."""
        return self._view.lens()

    @property
    def visible(self) -> np.ndarray:
        """(n,) keys of the samples that answer the question and pass the filters, in the order of the workbench."""
        return self._keys(filtered_numbers(self.samples, self._view))

    def _keys(self, numbers: np.ndarray) -> np.ndarray:
        return np.array([self.samples.key(int(number)) for number in numbers], dtype=str)

    # ---- what Python code sets ---------------------------------------------------------------------------------------

    @traitlets.validate("beta")
    def _check_beta(self, proposal: Any) -> float:
        if np.isnan(proposal.value):
            raise HeatError("β is a number, or ±inf, not NaN.")
        return proposal.value

    @traitlets.validate("threshold")
    def _check_threshold(self, proposal: Any) -> float | None:
        return _finite_or_none(proposal.value)

    @traitlets.validate("question")
    def _check_question(self, proposal: Any) -> str:
        if proposal.value not in (questions := questions_of(self.samples)):
            raise HeatError(f"There is no question {proposal.value!r}: choose among {', '.join(questions)}.")
        return proposal.value

    @traitlets.validate("filters")
    def _check_filters(self, proposal: Any) -> dict[str, list[str]]:
        return _checked_filters(proposal.value)

    @traitlets.validate("inspected")
    def _check_sample(self, proposal: Any) -> str | None:
        if proposal.value is not None:
            self.samples.find(proposal.value)
        return proposal.value

    @traitlets.observe("beta", "threshold", "question", "filters", "inspected")
    def _follow_python(self, _change: Any) -> None:
        """Make the workbench take over the traits, which Python code has set."""
        if self._is_following:
            return
        query = replace(self._view.query, question=self.question, values=facet_values(self.filters))
        view = replace(self._view, beta=self.beta, threshold=self.threshold, sample=self.inspected, query=query)
        if self.threshold is not None:
            view = replace(view, alpha=None)
        if view != self._view:  # Of traits that are set together, the first call has shown all.
            self._version, self._signature, self._notice = self._version + 1, None, ""
            self._show(view)

    def _show(self, view: ViewState) -> None:
        """Make a view state the present one: write the traits, and answer the browser."""
        self._view = view
        message = view_message(self.samples, view, self._numbers, self._similarity, self.pictures, self._report)
        with self._following(), self.hold_trait_notifications():
            self.beta, self.threshold, self.inspected = self._view.beta, self._view.threshold, self._view.sample
            self.question = self._view.query.question
            self.filters = {facet: list(values) for facet, values in self._view.query.values}
        head = {"version": self._version, "done": self._done, "notice": self._notice}
        self.answer = sign(message, self._signature) | head

    @contextmanager
    def _following(self) -> Any:
        """While the traits follow the view state, they do not change it."""
        self._is_following = True
        try:
            yield
        finally:
            self._is_following = False

    def _report(self, error: HeatError, field: str | None) -> None:
        """Say what cannot be read, and forget the field of the view state that names it."""
        self._notice = printable(str(error))
        if field is not None and field != "query":
            forgotten: dict[str, Any] = {field: None}
            self._view = replace(self._view, **forgotten)

    # ---- what the browser sends --------------------------------------------------------------------------------------

    def _receive(self, _widget: Any, message: dict[str, Any], _buffers: Any) -> None:
        if message["name"] == "pictures":
            self._send_pictures(message["value"])
            return
        self._notice = ""
        try:
            self._handlers[message["name"]](message["value"])
        except HeatError as error:
            self._notice = printable(str(error))
        self._show(self._view)

    def _send_pictures(self, addresses: list[str]) -> None:
        """Answer common/picture_queue.js."""
        queries = [dict(parse_qsl(a.partition("?")[2], errors="surrogateescape")) for a in addresses]
        found = [read_picture(self.samples, query) for query in queries]
        kinds = [[address, picture and picture[1]] for address, picture in zip(addresses, found, strict=True)]
        self.send({"pictures": kinds}, [picture[0] for picture in found if picture])

    def _follow_browser(self, message: dict[str, Any]) -> None:
        if message.get("version", self._version) < self._version:  # sent before the browser had what Python code set
            return
        view = view_from_browser(self._view, message, self.samples.run)
        if view is not None:
            self._view, self._signature = view, message["signature"]

    def _set_lasso(self, message: dict[str, Any]) -> None:
        self._in_lasso = numbers_from_browser(message, self._numbers)
        self._write_selected()
        is_empty = not len(self._in_lasso)
        name = None if is_empty else save_selection(self.samples.run.folder, self._in_lasso)
        self._view = replace(self._view, selection=name)

    def _set_ticked(self, numbers: list[int]) -> None:
        self._ticked = np.array(numbers, int)
        self._write_selected()

    def _write_selected(self) -> None:
        self.set_trait("selected", self._keys(self._ticked if len(self._ticked) else self._in_lasso))

    def _inspect(self, number: int | None) -> None:
        self._view = replace(self._view, sample=None if number is None else self.samples.key(number))

    def _act(self, messages: list[dict[str, Any]]) -> None:
        """Carry out the new actions; the browser sends each action again until its number comes back."""
        for message in messages:
            if message["id"] > self._done:
                self._done = message["id"]
                self._act_once(message)

    def _act_once(self, message: dict[str, Any]) -> None:
        chosen = numbers_from_browser(message, self._numbers)
        if message["what"] in ANNOTATIONS:
            self._notice = annotate(self.samples, chosen, message)
        elif message["what"] in _DECIDING:
            self._notice = printable(carry_out_decision(self.samples, chosen, message))
        else:
            raise HeatError("This is done in the app, which `heat app` opens.")

    def _start_position_maps(self, message: dict[str, Any]) -> None:
        position_maps.start(self.samples, int(message["number"]))

    def _export(self, kind: str) -> None:
        """Write the subset as a file into the working directory, under a name that is free."""
        run = self.samples.run
        if kind == "report" and run.score_title is not None:
            raise HeatError("A report is about a run of HEAT: export a table of these scores instead.")
        if kind == "report":
            from heat_core.reporting.report import write_report  # Imported here because it needs plotly, an extra.

            path = _free_path(Path(f"{run.id}.html"))
            write_report(run, path, self.lens)
            self._notice = f"Written: {printable(path.resolve())}."
            return
        path, numbers = _free_path(Path(file_name_of(kind, run.id))), filtered_numbers(self.samples, self._view)
        with replacing(path) as unfinished, open(unfinished, "w+b") as file:
            sentences = write_export(self.samples, numbers, kind, file, self.lens)
        self._notice = " ".join([f"{len(numbers):,} images: {printable(path.resolve())}.", *sentences])


def _first_question(samples: Samples) -> str:
    """Return the question with which samples are shown first."""
    return next(iter(questions_of(samples)))


def _checked_filters(filters: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return filters with their values as lists of texts.

    Raises:
        HeatError: where a facet does not exist.
    """
    if unknown := set(filters) - set(select_facets(filters)):
        raise HeatError(f"There is no facet {min(unknown)!r}: choose among {', '.join(FACETS)}, or column:NAME.")
    return {name: [of] if isinstance(of, str) else list(map(str, of)) for name, of in filters.items()}


def _free_path(path: Path) -> Path:
    """Return a path, with a number at the end of its name where a file of that name exists."""
    number = 2
    free = path
    while free.exists():
        free, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return free


def _finite_or_none(threshold: float | None) -> float | None:
    if threshold is not None and not np.isfinite(threshold):
        raise HeatError("A threshold is a finite number, or None.")
    return threshold
