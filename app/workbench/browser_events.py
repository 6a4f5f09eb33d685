"""Handling of the messages that the browser sends about actions in the workbench."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from app.common import faults
from app.state import session
from app.workbench import map_job, run_from_samples
from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import save_selection
from heat_core.workbench import position_maps
from heat_core.workbench.browser_messages import annotate, numbers_from_browser, view_from_browser


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
        """Tag samples, save a note, start the job of the map, or fill in the form of a new run with the samples."""
        if message["what"] == "map":
            map_job.start(self.run)
            return
        chosen = numbers_from_browser(message, self.numbers)
        if message["what"] == "run":
            run_from_samples.fill_new_run_form(self.samples, chosen, message["role"], message["name"])
            return
        if done := annotate(self.samples, chosen, message):
            st.toast(done, icon=":material/bookmark:")

    def _start_position_maps(self, message: dict[str, Any]) -> None:
        session.mark_interaction()
        try:
            position_maps.start(self.samples, int(message["number"]))
        except HeatError as error:
            faults.toast(error)
