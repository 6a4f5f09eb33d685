"""What a detector's scores look like, set by set, and what β changes."""

from bisect import bisect

import numpy as np
import pandas as pd
import streamlit as st

from app.common import downloads, following, widgets
from app.common.text import drawn, plain
from app.state import session
from heat_core import Lens, Run
from heat_core.analysis.sweep import SWEEP, sweep
from heat_core.composition import beta_text
from heat_core.metrics import roc_curve
from heat_core.reporting import figures
from heat_core.runs.experiment import ID
from heat_core.runs.record import ENERGIES

# Two figures beside each other where each has room, else below each other.
_STYLE = (
    "<style>.st-key-curves [data-testid=stHorizontalBlock] { flex-wrap:wrap }"
    " .st-key-curves [data-testid=stColumn] { min-width:min(26rem, 100%) }</style>"
)


def curves(run: Run) -> None:
    """Histogram and ROC curves of one detector."""
    rows, lens = run.detectors, session.look().lens()
    samples = following.samples_of(run)[0]
    detector = widgets.choice(
        st.selectbox,
        "Detector",
        rows[::-1],
        "det",
        rows[-1],
        format_func=run.title,
        help="Whose scores are shown. HEAT is the composition of the chosen priors.",
    )
    scores = samples.by_set(detector, lens)
    ood = {drawn(name): scores[name] for name in run.ood_names}
    line = lens.name_of_line(detector)
    st.html(_STYLE)
    with st.container(key="curves"):
        left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(
            f"Scores · {plain(run.title(detector))}",
            help="A sample right of the dashed line is called out-of-distribution.",
        )
        histogram = figures.score_histogram(scores[ID], ood, samples.threshold(detector, lens), line)
        downloads.chart(histogram, "histogram", f"{run.id}-histogram")
    with right:
        st.subheader("ROC", help="ID is the positive class, as in the paper: left and up is better.")
        roc = figures.roc_curves({n: roc_curve(scores[ID], s) for n, s in ood.items()})
        downloads.chart(roc, "roc", f"{run.id}-roc")


@st.cache_data(show_spinner="Composing at every β…", max_entries=32)
def _swept(folder: str, version: int, lens: Lens, _run: Run) -> tuple[list[float], list[float]]:  # noqa: ARG001
    return sweep(_run, lens)


def beta_section(run: Run) -> None:
    """FPR95 and AUROC over β, with the current one marked, and how far residuals reach."""
    if not run.priors:
        st.info("β composes corrected priors: it comes with the first residual.")
        return
    st.subheader("How much β matters", help="Fig. 3b: the average over the OOD sets at every step of the slider.")
    lens = session.look().lens()
    version = run.folder.joinpath(ENERGIES).stat().st_mtime_ns
    # What is swept does not depend on where the slider stands: moving it moves the mark alone.
    swept = _swept(str(run.folder), version, Lens(0.0, lens.priors, lens.weights), run)
    betas, (fpr95, auroc) = list(SWEEP), ([100 * v for v in curve] for curve in swept)
    if lens.beta not in betas:  # typed: a step of its own
        at = bisect(betas, lens.beta)
        betas.insert(at, lens.beta)
        for curve, (value,) in zip((fpr95, auroc), sweep(run, lens, [lens.beta]), strict=True):
            curve.insert(at, 100 * value)
    shown = figures.beta_curve([beta_text(b) for b in betas], fpr95, auroc, beta_text(lens.beta))
    downloads.chart(shown, "beta-curve", f"{run.id}-beta")
    with st.expander("What do the residuals weigh against their priors?"):
        st.dataframe(_spreads(run).style.format("{:.4g}"))
        st.caption(
            "The loss holds a residual within about ±1/(2λ) (Eq. 5): it can only correct a prior whose spread "
            "after division by T is of that order."
        )


def _spreads(run: Run) -> pd.DataFrame:
    """How far each prior, after division by T, and its residual reach."""
    rows = {}
    for i, prior in enumerate(run.priors):
        residuals = {name: run.residual_energies(name)[:, i] for name in run.datasets}
        rows[prior] = {
            "temperature T": run.record.temperatures[i],
            "spread of E_q / T on ID test": run.prior_energies(ID)[:, i].std(),
            "spread of E_θ on ID test": residuals[ID].std(),
            "mean of E_θ on ID test": residuals[ID].mean(),
            "mean of E_θ on OOD": np.concatenate([residuals[name] for name in run.ood_names]).mean(),
        }
    return pd.DataFrame(rows).T
