"""Handling of the messages that the browser sends about actions in the workbench."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from app.common import faults
from app.state import session
from app.workbench import map_job, run_from_samples
from heat_core import HeatError
from heat_core.analysis.notes import write_note, write_tags
from heat_core.analysis.questions import ORDERS, Query
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import save_selection
from heat_core.workbench import position_maps
from heat_core.workbench.view_state import LAYOUTS, parse_beta, select_facets


def done_key(key: str) -> str:
    """Return the session's key for the id of the last action of a workbench that was carried out."""
    return f"done-{key}"


class BrowserEvents:
    """Handlers of the messages from one workbench.

    Attributes:
        samples: samples that the workbench shows.
        run: run of the samples.
        numbers: (n,) sample numbers of the points, in the browser's order.
        key: key of the workbench's component.
    """

    def __init__(self, samples: Samples, numbers: np.ndarray, key: str) -> None:
        self.samples, self.run, self.numbers, self.key = samples, samples.run, numbers, key
        self._handlers: dict[str, Callable[[Any], None]] = {
            "view": self._update_view_state,
            "lasso": self._save_selection,
            "inspect": self._inspect_sample,
            "act": self._run_actions,
            "where": self._start_position_maps,
        }

    def handler(self, name: str) -> Callable[[], None]:
        """Return the callback for messages of a name; it ignores a message that arrives after its page was left."""

        def handle() -> None:
            if (message := session.trigger_payload(self.key, name)) is not None:
                self._handlers[name](json.loads(message))

        return handle

    def _update_view_state(self, state: dict[str, Any]) -> None:
        run = self.run
        if len(state["taking"]) != len(run.priors):  # It was sent before the browser received a further residual.
            return
        composed = tuple(p for p, takes in zip(run.priors, state["taking"], strict=True) if takes)
        weights = state["weights"] and tuple(
            float(w) for w, takes in zip(state["weights"], state["taking"], strict=True) if takes
        )
        session.set_exact_signature(state["signature"])
        session.update_view_state(
            beta=parse_beta(state["beta"], 0.0),
            threshold=state["threshold"],
            alpha=state["alpha"] if state["threshold"] is None else None,
            colour=state["colour"],
            hidden_sets=tuple(state["off"]),
            weights=weights,
            priors=None if len(composed) == len(run.priors) else composed,
            query=query_from_browser(state["ask"]),
        )
        session.set_choice("layout", state["layout"] if state["layout"] in LAYOUTS[1:] else None)
        session.set_choice("size", str(int(state["size"])))

    def _save_selection(self, message: dict[str, Any]) -> None:
        points = self._sample_numbers(message)
        try:
            session.update_view_state(selection=save_selection(self.run.folder, points) if len(points) else None)
        except HeatError as error:
            faults.toast(error)

    def _inspect_sample(self, number: int | None) -> None:
        session.update_view_state(sample=None if number is None else self.samples.key(number))

    def _run_actions(self, messages: list[dict[str, Any]]) -> None:
        """Carry out the new actions; the browser sends each action again until Python acknowledges it."""
        session.mark_interaction()
        for message in messages:
            if message["id"] <= session.get(done_key(self.key), 0):
                continue
            session.set_values(**{done_key(self.key): message["id"]})
            try:
                self._run_action(message)
            except HeatError as error:
                faults.toast(error)

    def _run_action(self, message: dict[str, Any]) -> None:
        """Tag samples, save a note, start the job of the map, or fill in the form of a new run with the samples."""
        if message["what"] == "map":
            map_job.start(self.run)
            return
        chosen = np.array([message["number"]]) if "number" in message else self._sample_numbers(message)
        if message["what"] == "run":
            run_from_samples.fill_new_run_form(self.samples, chosen, message["role"], message["name"])
            return
        if not self.samples.has_truth:  # Only the run's own samples have tags and notes.
            return
        keys, folder = [self.samples.key(int(i)) for i in chosen], self.run.folder
        if message["what"] == "note":
            write_note(folder, keys[0], message["note"])
            return
        add = message["what"] == "tag"
        write_tags(folder, keys, message["tag"], add)
        st.toast(f"{len(keys):,} {'tagged' if add else 'untagged'}.", icon=":material/bookmark:")

    def _start_position_maps(self, message: dict[str, Any]) -> None:
        session.mark_interaction()
        try:
            position_maps.start(self.samples, int(message["number"]))
        except HeatError as error:
            faults.toast(error)

    def _sample_numbers(self, message: dict[str, Any]) -> np.ndarray:
        """Decode the sample numbers of a set of points."""
        if not message["bits"]:
            return np.empty(0, int)
        bits = np.unpackbits(np.frombuffer(base64.b64decode(message["bits"]), np.uint8))[: len(self.numbers)]
        return self.numbers[bits.astype(bool)]


def query_from_browser(message: dict[str, Any]) -> Query:
    """Convert the query in a message of the browser."""
    values = ((name, tuple(map(str, message["values"][name]))) for name in select_facets(message["values"]))
    brush = message["brush"]
    return Query(
        question=message["question"],
        baseline=message["baseline"],
        methods=tuple(message["methods"]),
        values=tuple((name, texts) for name, texts in values if texts),
        brush=(float(brush[0]), float(brush[1])) if brush else None,
        find=message["find"],
        like=message["like"],
        order=message["order"] or next(iter(ORDERS)),
    )
