"""Compare: detectors × OOD sets grouped near, mid and far (Tab. 4), several runs side by side, with intervals."""

import streamlit as st

from app import downloads, state
from app import look as looks
from heat_core import HeatError, Run, figures
from heat_core.comparison import Comparison, compare, entries_of
from heat_core.results import list_runs
from heat_core.samples import Lens


@st.cache_data(show_spinner="Resampling the scores…", max_entries=32)
def compared(
    keys: tuple, detectors: tuple[str, ...], lens: Lens, subsets: bool, metric: str, _runs: list[Run]
) -> Comparison:
    entries = []
    for i, run in enumerate(_runs):
        rows = [d for d in detectors if d in run.detectors]
        entries += entries_of(run, rows, Lens(lens.beta) if i else lens, subsets, named=len(_runs) > 1)
    return compare(entries, metric)


st.title("Which detector for these images?")
run = state.ready_run()
look = looks.current(run)
others = [r for r in list_runs() if r.id != run.id and r.has_energies]
added = looks.choices(
    st.multiselect, "Compare with other runs", [r.id for r in others], "runs", [], placeholder="another backbone, preset or set of priors",
    help="Their rows follow; columns are matched by the name of the OOD set.",
)  # fmt: skip
runs = [run]
for name in added:
    try:
        runs.append(state.open_run(run.folder.parent / name))
        _ = runs[-1].detectors  # a damaged file must show here
    except HeatError as error:
        state.stop(str(error))
if run.priors:
    state.beta_control()
rows = list(dict.fromkeys(d for r in runs for d in r.detectors))
detectors = looks.choices(
    st.multiselect, "Rows", rows, "rows", rows,
    format_func=lambda d: next(r.title(d) for r in runs if d in r.detectors),
)  # fmt: skip
metric = looks.choice(st.segmented_control, "Metric", list(state.METRIC_NAMES), "metric", "auroc", format_func=state.METRIC_NAMES.get)  # fmt: skip
controls = st.columns(3)
subsets = looks.switch(controls[0], "Subsets of priors", "subsets", help="Every subset of the corrected priors, composed (Tab. 3).")  # fmt: skip
intervals = looks.switch(controls[1], "Intervals", "intervals", True, help="95 % bootstrap intervals: ID and OOD samples drawn again, with replacement. AUPR has none.")  # fmt: skip
by_average = looks.switch(controls[2], "Best first", "best", help="Sort by the average instead of the order of the paper's tables.")  # fmt: skip
looks.write_address(run)

keys = tuple((r.id, r.folder.joinpath("energies.npz").stat().st_mtime_ns) for r in runs)
table = compared(keys, tuple(detectors), look.lens(), subsets, metric, runs)
if by_average:
    table = table.best_first()
st.html(table.to_html(intervals, {n: reason for r in runs for n, reason in r.left_out.items()}))
st.caption(
    "Percent; **bold** = best of its column, underlined = second, ≈ = not told from the best: the difference, resample "
    "by resample on the same images, may be zero. near, mid and far are set with the run (Tab. 4 for CIFAR)."
)
files = {"CSV": (table.to_csv, "csv", "text/csv"), "Markdown": (table.to_markdown, "md", "text/markdown"),
         "LaTeX": (table.to_latex, "tex", "text/plain")}  # fmt: skip
row = st.container(horizontal=True)
for kind, (make, suffix, mime) in files.items():
    row.download_button(
        kind, make(), f"{run.id}-{metric}.{suffix}", mime, icon=":material/download:", key=f"file-{kind}"
    )

st.subheader(
    "Average with its interval", help="Rows whose intervals are far apart differ; where they overlap, ≈ decides."
)
averages = [(label, cells[-1]) for label, cells in zip(table.labels, table.cells, strict=True) if cells[-1]]
chart = figures.interval_chart(
    [a[0] for a in averages], [a[1].value for a in averages], [a[1].low for a in averages],
    [a[1].high for a in averages], state.METRIC_NAMES[metric],
)  # fmt: skip
st.plotly_chart(chart, key="intervals")
downloads.figure(chart, f"{run.id}-intervals")
