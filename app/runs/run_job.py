"""The job of a run: buttons that follow its state, the curves of its residuals, what it reported."""

import streamlit as st

from app.common import downloads, faults, waiting
from app.common.text import plain
from app.runs import run_form, run_list
from app.state import session
from heat_core import HeatError, Run
from heat_core.jobs import jobs
from heat_core.reporting import figures
from heat_core.runs.row_names import corrected_row, title_of
from heat_core.storage import printable

NEEDED = {"epoch", "epochs", "prior", "temperature", "prior_spread", "residual_spread"}  # of an event, for its curve
COLOURS = {"done": "green", "running": "blue", "queued": "blue", "failed": "red"}  # of a status; others are orange
_PRINTED = 4000  # characters of a log
_HEIGHT = 270  # pixels of a curve


def head(run: Run) -> None:
    """What it is, in two lines, and its state."""
    e, status = run.experiment, run.status
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(e.name or run.id), anchor=False, width="content")
        st.badge(plain(status), color=COLOURS.get(status, "orange"))  # type: ignore[arg-type]
    st.caption(
        f"{plain(run.id)}  \n{plain(e.network)} · known {plain(run_list.short(e.id))} · unknown "
        f"{plain(', '.join(e.ood))} · seed {plain(e.seed)}"
    )


def buttons(run: Run) -> None:
    """What can be done with the run in its present state. They act before the page is drawn, which so shows the new."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.worked_on:
            st.button("Cancel", icon=":material/stop_circle:", on_click=_cancel, args=(run,))
        elif run.status != "done":
            fresh = run.status == "queued"
            label = "Start" if fresh else "Resume"
            st.button(label, type="primary", icon=":material/play_arrow:", on_click=_start, args=(run,))
        elif run.has_energies and not run.has_map:
            st.button("Make the map", icon=":material/scatter_plot:", on_click=_make_map, args=(run,))
        if run.has_energies:
            _report(run)
        st.button(
            "Copy this run",
            icon=":material/content_copy:",
            on_click=lambda: run_form.prefill(run.experiment, f"A copy of {run_form.shown(run)}."),
            help="Opens a new run with all of its settings, to change some of them.",
        )
        run_list.name_and_end(run)


def _cancel(run: Run) -> None:
    try:
        if not jobs.cancel(run, patience=5.0):
            st.toast("The job was asked to stop, and does when it has finished its step.", icon=":material/hourglass:")
    except HeatError as error:
        faults.toast(error)


def _start(run: Run) -> None:
    try:
        jobs.start(run.folder)
    except HeatError as error:
        faults.toast(error)


def _make_map(run: Run) -> None:
    try:
        jobs.start_map(run)
    except HeatError as error:
        faults.toast(error)


def _report(run: Run) -> None:
    """The report through the look of this session, made when it is asked for."""
    lens = session.lens_on(run)

    def made() -> bytes:
        from heat_core.reporting.report import to_html  # plotly, only when asked for

        return to_html(run, lens).encode()

    st.download_button(
        "Report",
        made,
        f"{run.id}.html",
        "text/html",
        icon=":material/description:",
        help="Tables, figures and galleries in one page that opens without internet.",
    )


def reported(run: Run) -> None:
    """The stages, the curves of the residuals, what the job said, and what it printed where it ended badly."""
    if not run.worked_on:
        st.caption(waiting.stages(run))
    _curves(run)
    events = run.events()
    notes = [e["message"] for e in events if e["stage"] in ("start", "priors") or "skipped" in e or e.get("diverged")]
    if notes:
        with st.expander("What the job reported"):
            st.markdown("\n".join(f"- {plain(n)}" for n in notes))
    printed = _printed(run) if run.status not in ("done", "running") else ""
    if printed:
        with st.expander("What the job printed"):
            st.code(printed, language=None, wrap_lines=True)
    with st.expander("Do the same elsewhere"):
        st.code(run.experiment.to_command(), language="bash", wrap_lines=True)
        st.code(run.experiment.to_python(), language="python")


def _printed(run: Run) -> str:
    """The end of the job's log."""
    try:
        text = (run.folder / jobs.JOB_LOG).read_text(encoding="utf-8", errors="replace")[-_PRINTED:]
    except OSError:
        return ""
    return "\n".join(printable(line) for line in text.splitlines())


def _curves(run: Run) -> None:
    """Losses and energies of each residual so far, renewed while the job works."""

    @st.fragment(run_every=2.0 if run.worked_on else None)
    @faults.told()
    def drawn() -> None:
        epochs = [e for e in run.events() if e["stage"] == "residual" and set(e) >= NEEDED]
        silent = []
        for prior in run.experiment.priors:
            records = [e for e in epochs if e["prior"] == prior]
            # A resumed job trains an unfinished residual again from its first epoch: its last curve counts.
            first = max((i for i, e in enumerate(records) if e["epoch"] == 1), default=0)
            if records:
                _residual(run, prior, records[first:])
            else:
                silent.append(title_of(corrected_row(prior), {}))
        if silent:
            what = "No curve yet" if run.worked_on else "No curve was kept"
            st.caption(f"{what}: {plain(', '.join(silent))}.")

    drawn()


def _residual(run: Run, prior: str, records: list) -> None:
    """The three curves of one residual."""
    title, last = title_of(corrected_row(prior), {}), records[-1]
    st.markdown(f"**{plain(title)}** · epoch {last['epoch']:d} of {last['epochs']:d}")
    st.caption(
        f"T = {last['temperature']:.4g} · spread of the prior after division by T {last['prior_spread']:.3g} · "
        f"spread of the residual on data {last['residual_spread']:.3g}"
    )
    if last.get("saturated"):
        st.caption("It ended here: data and negatives are told apart, and more training learns the images by heart.")
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
            st.caption(plain(name))
            figure = figures.training_curves(records, keys, y).update_layout(height=_HEIGHT)
            st.plotly_chart(figure, key=f"{prior}-{y}-{name}")
            downloads.figure(figure, f"{run.id}-{prior}-{name.split()[0].lower()}")
