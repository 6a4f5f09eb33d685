"""Explore: move β and see histograms, the table of detectors and the ROC curves answer."""

import pandas as pd
import streamlit as st

from app import downloads, state
from app import look as looks
from heat_core import figures
from heat_core.beta import SWEEP, sweep
from heat_core.composition import beta_text
from heat_core.metrics import auroc, fpr95, roc_curve
from heat_core.results import ID

st.title("How well do the scores separate?")
run = state.ready_run()
if not run.priors:
    st.info("The residuals are still to come: below are the detectors that need none.")

heat = bool(run.priors)
look = looks.current(run)
if heat:
    state.beta_control()
    state.beta_suggestion(run)
    state.prior_control(run)
beta, priors, weights = look.beta, look.taking, look.weights
samples, lens = state.samples_of(run)[0], look.lens()
detector = looks.choice(
    st.sidebar.selectbox, "Detector in the figures", run.detectors[::-1], "det", run.detectors[-1], format_func=run.title,
    help="Whose scores the histogram and the ROC curves show. HEAT is the composition of the chosen priors.",
)  # fmt: skip
scores = samples.by_set(detector, lens)
ood = {name: scores[name] for name in run.ood_names}
threshold = samples.threshold(detector, lens)

if heat:
    st.caption("HEAT on each OOD set: FPR95 ↓ / AUROC ↑ in percent")
    boxes = st.columns(len(run.ood_names) + 1)
    composed = samples.by_set("heat", lens)
    rows = {n: (fpr95(composed[ID], composed[n]), auroc(composed[ID], composed[n])) for n in run.ood_names}
    rows["average"] = tuple(sum(r[i] for r in rows.values()) / len(rows) for i in (0, 1))
    for box, (name, (fpr, area)) in zip(boxes, rows.items(), strict=True):
        box.metric(name, f"{100 * fpr:.1f} / {100 * area:.1f}", help="FPR95: share of these images that pass for known when 95 % of the known ones do; lower is better. AUROC: higher is better.", border=True)  # fmt: skip

left, right = st.columns([3, 2])
with left:
    st.subheader(
        f"Scores · {run.title(detector)}", help="A sample right of the dashed line is called out-of-distribution."
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
shown = looks.choice(st.segmented_control, "Metric", list(state.METRIC_NAMES), "metric", "auroc",
                     format_func=state.METRIC_NAMES.get, label_visibility="collapsed")  # fmt: skip
metrics = run.metrics(beta, priors, weights=weights)
table = pd.DataFrame({run.title(d): {n: 100 * m[shown] for n, m in row.items()} for d, row in metrics.items()}).T
best = table.min() if shown == "fpr95" else table.max()
st.dataframe(
    table.style.format("{:.1f}").apply(lambda column: ["font-weight: 700" if v == best[column.name] else "" for v in column]),
    height=38 * (len(table) + 1),
)  # fmt: skip
full = pd.DataFrame(
    {d: {(n, k): 100 * v for n, m in row.items() for k, v in m.items()} for d, row in metrics.items()}
).T
downloads.table(full, f"{run.id}-metrics")
for reason in run.left_out.values():
    st.caption(reason)

if heat:
    st.subheader("How much β matters", help="Fig. 3b: the average over the OOD sets at every step of the slider.")
    averages = [[100 * v for v in curve] for curve in sweep(run, priors, weights)]
    curve = figures.beta_curve([beta_text(b) for b in SWEEP], *averages, beta_text(beta))
    st.plotly_chart(curve, key="beta-curve")
    downloads.figure(curve, f"{run.id}-beta")
    with st.expander("What do the residuals weigh against their priors?"):
        summary = run.summary
        spreads = {
            p: {
                "temperature T": summary["temperature"][i],
                "spread of E_q / T on ID test": run.prior_energies(ID)[:, i].std(),
                "spread of E_θ on ID test": run.residual_energies(ID)[:, i].std(),
                "mean of E_θ on ID test": run.residual_energies(ID)[:, i].mean(),
                "mean of E_θ on OOD": pd.concat(
                    [pd.Series(run.residual_energies(n)[:, i]) for n in run.ood_names]
                ).mean(),
            }
            for i, p in enumerate(run.priors)
        }
        st.dataframe(pd.DataFrame(spreads).T.style.format("{:.4g}"))
        st.caption("The loss holds a residual within about ±1/(2λ) (Eq. 5): it can only correct a prior whose spread after division by T is of that order.")  # fmt: skip
looks.write_address(run)
