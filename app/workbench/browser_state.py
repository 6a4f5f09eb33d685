"""Message to the browser that follows every run of the script, from the session's view state."""

from typing import Any

import numpy as np

from app.common import faults, file_urls
from app.common.cached_runs import similarity_of
from app.state import session
from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.workbench.view_message import sign, view_message


def browser_state(samples: Samples, view_id: str, numbers: np.ndarray) -> dict[str, Any]:
    """Return the message that follows every run of the script; state/messages.js reads it.

    Args:
        samples: samples that the workbench shows.
        view_id: id of the view.
        numbers: (n,) sample numbers of the points, in the browser's order.
    """
    head = {"view": view_id, "version": session.view_version()}
    message = view_message(
        samples, session.view_state(), numbers, similarity_of(samples.run), file_urls.url_prefix(), _report
    )
    return head | sign(message, session.exact_signature())


def _report(error: HeatError, field: str | None) -> None:
    """Show an error, and forget the field of the view state that cannot be read.

    Args:
        error: the error.
        field: name of a field of the view state; None: the page works without what is damaged.
    """
    if field is None:
        faults.show(error)
        return
    faults.toast(error)
    if field != "query":
        session.update_view_state(**{field: None})
