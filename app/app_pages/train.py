"""Train: follow, cancel and resume jobs; losses and energies per residual; the history of runs."""

import time

import pandas as pd
import streamlit as st

from app import downloads, state
from heat_core import HeatError, figures
from heat_core.experiment import PRIOR_TITLES
from heat_core.jobs import cancel, start
from heat_core.results import ALIVE, list_runs

st.title("Training")
run = state.chosen_run()
state.name_in_address(run.id)
status = run.status
state.follow(run)

buttons = st.container(horizontal=True)
if status in ALIVE and buttons.button("Cancel", icon=":material/stop_circle:", disabled=not run.alive):
    try:
        cancel(run)
    except HeatError as error:
        st.toast(str(error))
    st.rerun()
if (
    status in ("interrupted", "cancelled", "failed", "queued")
    and not run.alive
    and buttons.button("Resume", icon=":material/play_arrow:")
):
    start(run.folder)
    time.sleep(0.5)
    st.rerun()


@st.fragment(run_every=2.0 if status in ALIVE else None)
def curves() -> None:
    epochs = [e for e in run.events() if e["stage"] == "residual" and "epoch" in e]
    for prior in run.experiment.priors:
        records = [e for e in epochs if e["prior"] == prior]
        # A resumed job trains an unfinished residual again from its first epoch: its last curve counts.
        first = max((i for i, e in enumerate(records) if e["epoch"] == 1), default=0)
        records = records[first:]
        if not records:
            st.caption(f"HEAT-{PRIOR_TITLES[prior]}: not trained yet.")
            continue
        last = records[-1]
        st.subheader(f"HEAT-{PRIOR_TITLES[prior]} · epoch {last['epoch']} of {last['epochs']}")
        st.caption(f"T = {last['temperature']:.4g} · spread of the prior after division by T {last['prior_spread']:.3g} · spread of the residual on data {last['residual_spread']:.3g}")  # fmt: skip
        if last.get("saturated"):
            st.caption(
                "It ended here: data and negatives are told apart, and more training learns the images by heart."
            )
        shown = {
            "Loss (Eq. 6)": ({"loss": "loss"}, "loss"),
            "Residual energy E_θ": ({"residual_data": "on data", "residual_negatives": "on negatives"}, "energy"),
            "Hybrid energy along the chains": (
                {"hybrid_starts": "chains' starts", "hybrid_ends": "chains' ends", "hybrid_data": "data"},
                "energy",
            ),
        }
        for column, (title, (keys, y)) in zip(st.columns(3), shown.items(), strict=True):
            with column:
                st.markdown(f"**{title}**")
                figure = figures.training_curves(records, keys, y)
                st.plotly_chart(figure, key=f"{prior}-{y}-{title}")
                downloads.figure(figure, f"{run.id}-{prior}-{title.split()[0].lower()}")


curves()

notes = [e["message"] for e in run.events() if e["stage"] in ("start", "priors") or "skipped" in e or e.get("diverged")]
if notes:
    with st.expander("What the job reported", expanded=False):
        st.markdown("\n".join(f"- {n}" for n in notes))

st.subheader("History")
history = pd.DataFrame(
    [{"run": r.id, "status": r.status, "backbone": r.experiment.backbone, "priors": ", ".join(r.experiment.priors),
      "preset": r.experiment.preset, "seconds": r.info.get("seconds")} for r in list_runs()]
).set_index("run")  # fmt: skip
st.dataframe(history, column_config={"seconds": st.column_config.NumberColumn(format="%.0f")})
downloads.table(history, "runs")
with st.expander("Do the same elsewhere"):
    st.code(run.experiment.to_command(), language="bash")
    st.code(run.experiment.to_python(), language="python")
