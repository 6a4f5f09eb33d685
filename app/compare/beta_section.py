"""FPR95 and AUROC over β, and the spread of each residual beside that of its prior."""

from bisect import bisect

import numpy as np
import pandas as pd
import streamlit as st

from app.common import downloads
from app.state import session
from heat_core import Lens, Run
from heat_core.analysis.beta_sweep import BETAS, sweep_beta
from heat_core.composition import format_beta
from heat_core.reporting import figures
from heat_core.runs.experiment import ID
from heat_core.runs.results_file import ENERGIES


@st.cache_data(show_spinner="Composing at every β…", max_entries=32)
def _cached_sweep(folder: str, version: int, lens: Lens, _run: Run) -> tuple[list[float], list[float]]:  # noqa: ARG001
    return sweep_beta(_run, lens)


def draw_beta_section(run: Run) -> None:
    """Draw FPR95 and AUROC over β with the current β marked, and the table of the residuals' spread."""
    if not run.priors:
        st.info("β composes corrected priors: it has an effect once the first residual is trained.")
        return
    st.subheader("Effect of β", help="Fig. 3b: metrics averaged over the OOD sets, at every step of the slider.")
    lens = session.view_state().lens()
    version = run.folder.joinpath(ENERGIES).stat().st_mtime_ns
    # The sweep does not depend on the current β, so that a move of the slider moves the mark only.
    percentages = _cached_sweep(str(run.folder), version, Lens(0.0, lens.priors, lens.weights), run)
    betas, (fpr95, auroc) = list(BETAS), ([100 * v for v in curve] for curve in percentages)
    if lens.beta not in betas:  # A typed β is inserted between the steps of the slider.
        index = bisect(betas, lens.beta)
        betas.insert(index, lens.beta)
        for curve, (value,) in zip((fpr95, auroc), sweep_beta(run, lens, [lens.beta]), strict=True):
            curve.insert(index, 100 * value)
    figure = figures.beta_curve([format_beta(b) for b in betas], fpr95, auroc, format_beta(lens.beta))
    downloads.draw_chart(figure, "beta-curve", f"{run.id}-beta")
    with st.expander("Size of the residuals relative to their priors"):
        st.dataframe(_spread_table(run).style.format("{:.4g}"))
        st.caption(
            "The loss keeps a residual within about ±1/(2λ) (Eq. 5): it can only correct a prior whose spread after "
            "division by T is of that order."
        )


def _spread_table(run: Run) -> pd.DataFrame:
    """Return a table of temperature, spread and mean of each prior and its residual, one row per prior."""
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
