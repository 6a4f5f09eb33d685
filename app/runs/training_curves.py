"""Training curves of a run's residuals, redrawn while its job works."""

import streamlit as st

from app.common import downloads, faults
from app.common.text import escape_markdown
from heat_core import Run
from heat_core.reporting import figures
from heat_core.runs.events import Event
from heat_core.runs.row_names import corrected_row, title_of

CURVE_KEYS = {
    "epoch",
    "epochs",
    "prior",
    "temperature",
    "prior_spread",
    "residual_spread",
}  # keys that an event needs to be a point of the curves
_HEIGHT = 270  # CSS pixels of a figure


def draw_training_curves(run: Run) -> None:
    """Draw the losses and energies of each residual, every two seconds while the job works."""

    @st.fragment(run_every=2.0 if run.is_active else None)
    @faults.show_errors()
    def draw() -> None:
        epochs = [e for e in run.events() if e["stage"] == "residual" and set(e) >= CURVE_KEYS]
        without_curve = []
        for prior in run.experiment.priors:
            records = [e for e in epochs if e["prior"] == prior]
            # A resumed job trains an unfinished residual again from its first epoch, so the last curve is drawn.
            first = max((i for i, e in enumerate(records) if e["epoch"] == 1), default=0)
            if records:
                _draw_residual_curves(run, prior, records[first:])
            else:
                without_curve.append(title_of(corrected_row(prior), {}))
        if without_curve:
            what = "Not trained yet" if run.is_active else "No training curve stored"
            st.caption(f"{what}: {escape_markdown(', '.join(without_curve))}.")

    draw()


def _draw_residual_curves(run: Run, prior: str, records: list[Event]) -> None:
    """Draw the three figures of one residual.

    Args:
        run: run of the residual.
        prior: key of its prior.
        records: events of its epochs, in order.
    """
    title, last = title_of(corrected_row(prior), {}), records[-1]
    st.markdown(f"**{escape_markdown(title)}** · epoch {last['epoch']:d} of {last['epochs']:d}")
    st.caption(
        f"By how much each part of the energy differs between training images (standard deviation): the prior, divided "
        f"by its temperature T = {last['temperature']:.4g}, by {last['prior_spread']:.3g}; the residual by "
        f"{last['residual_spread']:.3g}."
    )
    if last.get("saturated"):
        st.caption("Early stopping: data and negatives are separated, so that further training would overfit.")
    shown = {
        "Loss (Eq. 6)": ({"loss": "loss"}, "loss"),
        "Residual energy E_θ": ({"residual_data": "on data", "residual_negatives": "on negatives"}, "energy"),
        "Hybrid energy along the chains": (
            {"hybrid_starts": "chains' starts", "hybrid_ends": "chains' ends", "hybrid_data": "data"},
            "energy",
        ),
    }
    for column, (name, (keys, y)) in zip(st.columns(3), shown.items(), strict=True):
        with column:
            st.caption(escape_markdown(name))
            figure = figures.training_curves(records, keys, y).update_layout(height=_HEIGHT)
            st.plotly_chart(figure, key=f"{prior}-{y}-{name}")
            downloads.figure_buttons(figure, f"{run.id}-{prior}-{name.split()[0].lower()}")
