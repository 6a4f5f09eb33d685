"""Histogram of the scores of one detector by set, and its ROC curves."""

import streamlit as st

from app.common import cached_runs, downloads, widgets
from app.common.text import escape_markdown
from app.state import session
from heat_core import Run
from heat_core.metrics import roc_curve
from heat_core.reporting import figures
from heat_core.reporting.plotly_text import escape_plotly
from heat_core.runs.experiment import ID

# The figures are drawn side by side where both have room, else one below the other.
_STYLE = (
    "<style>.st-key-curves [data-testid=stHorizontalBlock] { flex-wrap:wrap }"
    " .st-key-curves [data-testid=stColumn] { min-width:min(26rem, 100%) }</style>"
)


def draw_score_plots(run: Run) -> None:
    """Draw the choice of a detector, its histogram and its ROC curves."""
    rows, lens = run.detectors, session.view_state().lens()
    samples = cached_runs.samples_of(run)[0]
    detector = widgets.select_one(
        st.selectbox,
        "Detector",
        rows[::-1],
        "det",
        rows[-1],
        format_func=run.title,
        help="Whose scores are shown. HEAT is the composition of the chosen priors.",
    )
    scores = samples.scores_by_set(detector, lens)
    ood = {escape_plotly(name): scores[name] for name in run.ood_names}
    threshold_name = lens.threshold_label(detector)
    st.html(_STYLE)
    with st.container(key="curves"):
        left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(
            f"Scores · {escape_markdown(run.title(detector))}",
            help="A sample right of the dashed line is called out-of-distribution.",
        )
        histogram = figures.score_histogram(scores[ID], ood, samples.threshold(detector, lens), threshold_name)
        downloads.draw_chart(histogram, "histogram", f"{run.id}-histogram")
    with right:
        st.subheader("ROC", help="ID is the positive class, as in the paper: left and up is better.")
        roc = figures.roc_curves({n: roc_curve(scores[ID], s) for n, s in ood.items()})
        downloads.draw_chart(roc, "roc", f"{run.id}-roc")
