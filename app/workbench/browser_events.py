"""Handling of the messages that the browser sends about actions in the workbench."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from app.common import faults
from app.common.text import escape_markdown
from app.state import session
from app.workbench import decisions_dialog, map_job, run_from_samples
from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import save_selection
from heat_core.decisions.store import NEW_CLASS
from heat_core.workbench import position_maps
from heat_core.workbench.browser_messages import annotate, numbers_from_browser, view_from_browser
from heat_core.workbench.decisions_message import carry_out_decision


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

    def _update_view_state(self, message: dict[str, Any]) -> None:
        view = view_from_browser(session.view_state(), message, self.run)
        if view is not None:
            session.set_exact_signature(message["signature"])
            session.set_view_state(view)

    def _save_selection(self, message: dict[str, Any]) -> None:
        points = numbers_from_browser(message, self.numbers)
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
        """Tag samples, save a note, decide on samples, or start the job of the map or what leads to a new run."""
        what = message["what"]
        if what == "map":
            map_job.start(self.run)
        elif what in (decisions_dialog.REVIEW, decisions_dialog.RUN_AGAIN):
            decisions_dialog.request(what)
        elif what == "undo-decision":
            self._toast(carry_out_decision(self.samples, np.empty(0, int), message))
        else:
            self._act_on(numbers_from_browser(message, self.numbers), message)

    def _act_on(self, chosen: np.ndarray, message: dict[str, Any]) -> None:
        """Do what a message says with some samples."""
        if message["what"] == "run" and message["role"] == "ood":
            run_from_samples.fill_new_run_form(self.samples, chosen, message["name"])
        elif message["what"] in ("decide", "run"):
            self._toast(carry_out_decision(self.samples, chosen, {"action": NEW_CLASS} | message))
            if message["what"] == "run":
                decisions_dialog.request(decisions_dialog.RUN_AGAIN)
        elif done := annotate(self.samples, chosen, message):
            self._toast(done)

    def _toast(self, sentence: str) -> None:
        st.toast(escape_markdown(sentence), icon=":material/bookmark:")

    def _start_position_maps(self, message: dict[str, Any]) -> None:
        session.mark_interaction()
        try:
            position_maps.start(self.samples, int(message["number"]))
        except HeatError as error:
            faults.toast(error)
