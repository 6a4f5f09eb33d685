"""Train: follow, cancel and resume jobs; losses and energies per residual; the history of runs."""

import time

import pandas as pd
import streamlit as st

from app import downloads, faults, following
from app.text import plain
from heat_core import HeatError
from heat_core.analysis import figures
from heat_core.runs.jobs import cancel, start
from heat_core.runs.rows import corrected_row, title_of
from heat_core.runs.run import ALIVE, damaged_runs, list_runs
from heat_core.storage import printable

NEEDED = {"epoch", "epochs", "prior", "temperature", "prior_spread", "residual_spread"}  # of an event, for its curve

st.title("Training")
with faults.told():
    run = following.chosen_run()
    following.name_in_address(run.id)
    status = run.status
    following.follow(run)

    buttons = st.container(horizontal=True)
    if status in ALIVE and buttons.button("Cancel", icon=":material/stop_circle:", disabled=not run.alive):
        try:
            cancel(run)
        except HeatError as error:
            faults.toast(error)
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
    @faults.told()
    def curves() -> None:
        """Losses and energies of each residual so far."""
        epochs = [e for e in run.events() if e["stage"] == "residual" and set(e) >= NEEDED]
        for prior in run.experiment.priors:
            title = title_of(corrected_row(prior), {})
            records = [e for e in epochs if e["prior"] == prior]
            # A resumed job trains an unfinished residual again from its first epoch: its last curve counts.
            first = max((i for i, e in enumerate(records) if e["epoch"] == 1), default=0)
            records = records[first:]
            if not records:
                st.caption(f"{plain(title)}: not trained yet.")
                continue
            last = records[-1]
            st.subheader(f"{plain(title)} · epoch {last['epoch']:d} of {last['epochs']:d}")
            st.caption(
                f"T = {last['temperature']:.4g} · spread of the prior after division by T {last['prior_spread']:.3g} · "
                f"spread of the residual on data {last['residual_spread']:.3g}"
            )
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
            for column, (name, (keys, y)) in zip(st.columns(3), shown.items(), strict=True):
                with column:
                    st.markdown(f"**{plain(name)}**")
                    figure = figures.training_curves(records, keys, y)
                    st.plotly_chart(figure, key=f"{prior}-{y}-{name}")
                    downloads.figure(figure, f"{run.id}-{prior}-{name.split()[0].lower()}")

    curves()

    notes = [
        e["message"] for e in run.events() if e["stage"] in ("start", "priors") or "skipped" in e or e.get("diverged")
    ]
    if notes:
        with st.expander("What the job reported", expanded=False):
            st.markdown("\n".join(f"- {plain(n)}" for n in notes))

    st.subheader("History")
    rows = [
        {
            "run": printable(r.id),
            "status": printable(r.status),
            "backbone": printable(r.experiment.backbone),
            "priors": printable(", ".join(r.experiment.priors)),
            "preset": printable(r.experiment.preset),
            "seconds": r.info.get("seconds"),
        }
        for r in list_runs()
    ]
    history = pd.DataFrame(rows).set_index("run")
    st.dataframe(history, column_config={"seconds": st.column_config.NumberColumn(format="%.0f")})
    downloads.table(history, "runs")
    for sentence in damaged_runs().values():
        st.caption(plain(sentence))
    with st.expander("Do the same elsewhere"):
        st.code(run.experiment.to_command(), language="bash")
        st.code(run.experiment.to_python(), language="python")
