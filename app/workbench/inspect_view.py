"""Mounting of the workbench; see `browser_state` and `browser_events` for the messages to and from it."""

import secrets

import numpy as np
import streamlit as st

from app.common import file_urls
from app.common.cached_runs import Version
from app.common.components import component
from app.state import session
from app.workbench import decisions_dialog, map_job, run_from_samples
from app.workbench.browser_events import BrowserEvents, done_key
from app.workbench.browser_state import browser_state
from heat_core.analysis.samples import Samples
from heat_core.workbench.payload import pack

_mount_workbench = component("heat_live", "streamlit", "inspect")
send_state = component("heat_live_state", "answer")


@st.cache_resource(show_spinner=False, max_entries=4)
def _cached_payload(
    folder: str,  # noqa: ARG001 (part of the cache's key)
    version: Version,  # noqa: ARG001
    view_id: str,
    batch: str,  # noqa: ARG001
    _samples: Samples,
) -> tuple[bytes, np.ndarray]:
    return pack(_samples, view_id, file_urls.url_prefix())


def draw_workbench(samples: Samples, version: Version, batch: str = "") -> None:
    """Draw the workbench over samples of a run with at least one corrected prior, and handle the actions in it.

    Args:
        samples: samples of the run, or new images beside its ID test set.
        version: version of the run's files; the samples are packed and sent again only when it changes.
        batch: name of the batch of new images; "" for samples of the run.
    """
    run = samples.run
    view_id = session.get_or_create(f"live-view-{batch}", lambda: secrets.token_hex(4))
    data, numbers = _cached_payload(str(run.folder), version, view_id, batch, samples)
    key = f"live-{run.id}-{batch}"
    events = BrowserEvents(samples, numbers, key)
    _mount_workbench(
        key=key,
        data=data,
        on_view_change=events.handler("view"),
        on_lasso_change=events.handler("lasso"),
        on_inspect_change=events.handler("inspect"),
        on_act_change=events.handler("act"),
        on_where_change=events.handler("where"),
    )
    run_from_samples.open_filled_form()
    decisions_dialog.show_requested(samples)
    map_job.show_job()
    state = browser_state(samples, view_id, numbers) | {"done": session.get(done_key(key), 0)}
    send_state(key=f"state-{run.id}-{batch}", data=state)
