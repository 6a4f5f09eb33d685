"""Compare: detectors × OOD sets grouped near, mid and far (Tab. 4), several runs side by side, with intervals."""

import streamlit as st

from app import downloads, faults, following, session, widgets
from app.text import drawn, plain
from heat_core import HeatError, Lens, Run
from heat_core.analysis import figures, tables
from heat_core.analysis.comparison import Comparison, Entry, compare, entries_of
from heat_core.runs.record import ENERGIES
from heat_core.runs.run import list_runs
from heat_core.storage import printable


@st.cache_data(show_spinner="Resampling the scores…", max_entries=32)
def compared(
    keys: tuple[tuple[str, int], ...],  # noqa: ARG001 (part of the cache's key)
    detectors: tuple[str, ...],
    lens: Lens,
    subsets: bool,
    metric: str,
    _runs: list[Run],
) -> Comparison:
    """The table; kept as long as the runs' numbers stay."""
    entries: list[Entry] = []
    for i, run in enumerate(_runs):
        rows = [d for d in detectors if d in run.detectors]
        entries += entries_of(run, rows, Lens(lens.beta) if i else lens, subsets, named=len(_runs) > 1)
    return compare(entries, metric)


st.title("Which detector for these images?")
with faults.told():
    run = following.ready_run()
    look = session.current(run)
    others = [r for r in list_runs() if r.id != run.id and r.has_energies]
    added = widgets.choices(
        st.multiselect,
        "Compare with other runs",
        [r.id for r in others],
        "runs",
        [],
        format_func=printable,
        placeholder="another backbone, preset or set of priors",
        help="Their rows follow; columns are matched by the name of the OOD set.",
    )
    runs = [run]
    for name in added:
        try:
            runs.append(following.open_run(run.folder.parent / name))
            _ = runs[-1].detectors  # a damaged file must show here
        except HeatError as error:
            faults.stop(error)
    if run.priors:
        widgets.beta_control()
    rows = list(dict.fromkeys(d for r in runs for d in r.detectors))
    titles = {d: r.title(d) for r in reversed(runs) for d in r.detectors}
    detectors = widgets.choices(st.multiselect, "Rows", rows, "rows", rows, format_func=titles.get)
    names = widgets.METRIC_NAMES
    metric = widgets.choice(
        st.segmented_control, "Metric", list(names), "metric", "auroc", format_func=lambda m: plain(names[m])
    )
    controls = st.columns(3)
    subsets = widgets.switch(
        controls[0], "Subsets of priors", "subsets", help="Every subset of the corrected priors, composed (Tab. 3)."
    )
    intervals = widgets.switch(
        controls[1],
        "Intervals",
        "intervals",
        True,
        help="95 % bootstrap intervals: ID and OOD samples drawn again, with replacement. AUPR has none.",
    )
    by_average = widgets.switch(
        controls[2], "Best first", "best", help="Sort by the average instead of the order of the paper's tables."
    )
    session.write_address(run)

    keys = tuple((r.id, r.folder.joinpath(ENERGIES).stat().st_mtime_ns) for r in runs)
    table = compared(keys, tuple(detectors), look.lens(), subsets, metric, runs)
    if by_average:
        table = table.best_first()
    st.html(tables.to_html(table, intervals, {n: reason for r in runs for n, reason in r.left_out.items()}))
    for note in dict.fromkeys(note for r in runs for note in r.record.notes):
        st.caption(plain(note))
    st.caption(
        "Percent; **bold** = best of its column, underlined = second, ≈ = not told from the best: the difference, "
        "resample by resample on the same images, may be zero. near, mid and far are set with the run (Tab. 4 for "
        "CIFAR)."
    )
    files = {
        "CSV": (tables.to_csv, "csv", "text/csv"),
        "Markdown": (tables.to_markdown, "md", "text/markdown"),
        "LaTeX": (tables.to_latex, "tex", "text/plain"),
    }
    row = st.container(horizontal=True)
    for kind, (make, suffix, mime) in files.items():
        row.download_button(
            plain(kind),
            make(table),
            f"{run.id}-{metric}.{suffix}",
            mime,
            icon=":material/download:",
            key=f"file-{kind}",
        )

    st.subheader(
        "Average with its interval", help="Rows whose intervals are far apart differ; where they overlap, ≈ decides."
    )
    averages = [(label, cells[-1]) for label, cells in zip(table.labels, table.cells, strict=True) if cells[-1]]
    chart = figures.interval_chart(
        [drawn(label) for label, _ in averages],
        [cell.value for _, cell in averages],
        [cell.low for _, cell in averages],
        [cell.high for _, cell in averages],
        names[metric],
    )
    st.plotly_chart(chart, key="intervals")
    downloads.figure(chart, f"{run.id}-intervals")
