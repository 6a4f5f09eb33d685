"""Explore: move β and see histograms, the table of detectors and the ROC curves answer."""

import pandas as pd
import streamlit as st

from app import downloads, faults, following, session, widgets
from app.text import drawn, plain
from heat_core import Run
from heat_core.analysis import figures
from heat_core.analysis.sweep import SWEEP, sweep
from heat_core.composition import HEAT, beta_text
from heat_core.metrics import roc_curve
from heat_core.runs.experiment import ID

st.title("How well do the scores separate?")
with faults.told():
    run = following.ready_run()
    if not run.priors:
        st.info("The residuals are still to come: below are the detectors that need none.")

    heat = bool(run.priors)
    lens = session.current(run).lens()
    if heat:
        widgets.beta_control()
        widgets.beta_suggestion(run)
        widgets.prior_control(run)
    samples = following.samples_of(run)[0]
    detector = widgets.detector_choice(
        run,
        "Detector in the figures",
        "Whose scores the histogram and the ROC curves show. HEAT is the composition of the chosen priors.",
    )
    scores = samples.by_set(detector, lens)
    ood = {drawn(name): scores[name] for name in run.ood_names}
    threshold = samples.threshold(detector, lens)

    if heat:
        st.caption("HEAT on each OOD set: FPR95 ↓ / AUROC ↑ in percent")
        boxes = st.columns(len(run.ood_names) + 1)
        meaning = (
            "FPR95: share of these images that pass for known when 95 % of the known ones do; lower is better. AUROC: "
            "higher is better."
        )
        for box, (name, m) in zip(boxes, run.metrics(lens, [HEAT])[HEAT].items(), strict=True):
            box.metric(plain(name), f"{100 * m['fpr95']:.1f} / {100 * m['auroc']:.1f}", help=meaning, border=True)

    left, right = st.columns([3, 2])
    with left:
        st.subheader(
            f"Scores · {plain(run.title(detector))}",
            help="A sample right of the dashed line is called out-of-distribution.",
        )
        histogram = figures.score_histogram(
            scores[ID], ood, threshold, "your line" if lens.draws_line(detector) else "95 % of ID"
        )
        st.plotly_chart(histogram, key="histogram")
        downloads.figure(histogram, f"{run.id}-histogram")
    with right:
        st.subheader("ROC", help="ID is the positive class, as in the paper: left and up is better.")
        roc = figures.roc_curves({n: roc_curve(scores[ID], s) for n, s in ood.items()})
        st.plotly_chart(roc, key="roc")
        downloads.figure(roc, f"{run.id}-roc")

    st.subheader(
        "Detectors × OOD sets", help="Percent. `average` is the plain mean over the OOD sets, as in the paper's tables."
    )
    names = widgets.METRIC_NAMES
    shown = widgets.choice(
        st.segmented_control,
        "Metric",
        list(names),
        "metric",
        "auroc",
        format_func=lambda m: plain(names[m]),
        label_visibility="collapsed",
    )
    metrics = run.metrics(lens)
    table = pd.DataFrame({run.title(d): {n: 100 * m[shown] for n, m in row.items()} for d, row in metrics.items()}).T
    best = table.min() if shown == "fpr95" else table.max()
    style = table.style.format("{:.1f}")
    style = style.apply(lambda column: ["font-weight: 700" if v == best[column.name] else "" for v in column])
    st.dataframe(style, height=38 * (len(table) + 1))
    full = pd.DataFrame(
        {d: {(n, k): 100 * v for n, m in row.items() for k, v in m.items()} for d, row in metrics.items()}
    ).T
    downloads.table(full, f"{run.id}-metrics")
    for reason in (*run.left_out.values(), *run.record.notes):
        st.caption(plain(reason))

    def spreads(run: Run) -> pd.DataFrame:
        """How far each prior, after division by T, and its residual reach."""
        rows = {}
        for i, prior in enumerate(run.priors):
            residuals = {name: run.residual_energies(name)[:, i] for name in run.datasets}
            rows[prior] = {
                "temperature T": run.record.temperatures[i],
                "spread of E_q / T on ID test": run.prior_energies(ID)[:, i].std(),
                "spread of E_θ on ID test": residuals[ID].std(),
                "mean of E_θ on ID test": residuals[ID].mean(),
                "mean of E_θ on OOD": pd.concat([pd.Series(residuals[n]) for n in run.ood_names]).mean(),
            }
        return pd.DataFrame(rows).T

    if heat:
        st.subheader("How much β matters", help="Fig. 3b: the average over the OOD sets at every step of the slider.")
        fpr95, auroc = ([100 * v for v in curve] for curve in sweep(run, lens))
        curve = figures.beta_curve([beta_text(b) for b in SWEEP], fpr95, auroc, beta_text(lens.beta))
        st.plotly_chart(curve, key="beta-curve")
        downloads.figure(curve, f"{run.id}-beta")
        with st.expander("What do the residuals weigh against their priors?"):
            st.dataframe(spreads(run).style.format("{:.4g}"))
            st.caption(
                "The loss holds a residual within about ±1/(2λ) (Eq. 5): it can only correct a prior whose spread "
                "after division by T is of that order."
            )
    session.write_address(run)
