"""Gallery: the same OOD samples in one row per method (Figs. 5, 8 and 9)."""

import numpy as np
import pandas as pd
import streamlit as st

from app import downloads, pictures, state

st.title("What is detected, and what is missed?")
run = state.ready_run()
beta = state.beta_control() if run.priors else 0.0
heat = run.detectors[-1]

controls = st.columns([2, 3, 2, 1])
sets = run.ood_names
name = controls[0].selectbox(
    "OOD set",
    sets,
    index=sets.index(st.query_params["set"]) if st.query_params.get("set") in sets else 0,
    key="gallery-set",
)
default = [d for d in ("el", "gmm", "heat") if d in run.detectors]
methods = controls[1].multiselect(
    "Methods", run.detectors, default=default, help="One row each, as in Figs. 5, 8 and 9 (SSD there is the GMM)."
)
caught = {d: run.detector_scores(name, d, beta) > run.threshold(d, beta) for d in run.detectors}
everyone = np.ones(len(run.ids(name)), bool)
baselines = [d for d in ("el", "gmm") if d in caught]
missed_by_a_prior = ~np.logical_and.reduce([caught[d] for d in baselines]) if baselines else ~everyone
filters = {
    "all": everyone,
    **{f"missed by {d.upper()}": ~caught[d] for d in baselines},
    "recovered by HEAT": missed_by_a_prior & caught[heat],
    "lost by HEAT": np.logical_or.reduce([caught[d] for d in baselines]) & ~caught[heat] if baselines else ~everyone,
    "missed by all": ~np.logical_or.reduce([caught[d] for d in (methods or run.detectors)]),
}
asked = st.query_params.get("filter", "all")
choice = controls[2].selectbox(
    "Filter", list(filters), index=list(filters).index(asked) if asked in filters else 0,
    key="gallery-filter",
    format_func=lambda f: f"{f} ({int(filters[f].sum())})",
    help="Recovered: EL or GMM misses it, HEAT detects it. Lost: EL or GMM detects it, HEAT misses it.",
)  # fmt: skip
count = controls[3].selectbox("Pictures", [10, 20, 40])
st.query_params["set"], st.query_params["filter"] = name, choice

order = np.flatnonzero(filters[choice])
scores = run.detector_scores(name, heat, beta)
order = order[np.argsort(np.abs(scores[order] - run.threshold(heat, beta)), kind="stable")]
st.caption(
    f"**{min(count, len(order))} of {len(order)}** samples, those nearest to HEAT's threshold first · "
    "green, solid, ✓ = detected as unknown · red, dashed, ✗ = missed (taken for a known class)"
)
if not len(order):
    st.info("No sample of this set fits the filter.")
elif not methods:
    st.info("Choose at least one method.")
for start in range(0, min(count, len(order)), pictures.PER_ROW):
    block = order[start : min(start + pictures.PER_ROW, count)]
    samples = run.ids(name)[block]
    pictures.rows({
        d.upper(): [pictures.cell(run, name, str(s), "caught" if caught[d][i] else "missed") for i, s in zip(block, samples, strict=True)]
        for d in methods
    })  # fmt: skip
    if start + pictures.PER_ROW < min(count, len(order)):
        st.divider()

if len(order):
    listing = pd.DataFrame(
        {"taken for": np.array(run.class_names)[run.predicted(name)[order]], "confidence": run.confidence(name)[order],
         **{f"{d} detects": caught[d][order] for d in methods}, "HEAT score": scores[order]},
        index=pd.Index(run.ids(name)[order], name="id"),
    )  # fmt: skip
    with st.expander(f"The {len(order)} samples as a table"):
        st.dataframe(listing)
    downloads.table(listing, f"{run.id}-gallery")
