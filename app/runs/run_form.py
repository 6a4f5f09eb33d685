"""The form of a new run, which keeps what was typed while other pages are open.

Other pages fill it with `prefill`.
"""

import streamlit as st

from app.common import faults
from app.common.text import escape_markdown
from app.runs import run_start
from app.runs.form_model import draw_backbone, draw_heat
from app.runs.form_sets import draw_image_sets
from app.runs.form_values import FormValues
from app.state import session
from heat_core import Experiment, HeatError, Run
from heat_core.names import printable
from heat_core.runs.experiment import demo_experiment
from heat_core.runs.manage import list_runs


def prefill(experiment: Experiment, note: str) -> None:
    """Fill the form with an Experiment, and let the Runs page open it; for pages that lead there.

    Args:
        experiment: what is proposed; its sets may be folders of this machine.
        note: a sentence for the reader: where it comes from.
    """
    _replace_form(FormValues.from_experiment(experiment, note))
    session.set_values(**{run_start.WANTED: run_start.NEW})


def _replace_form(form: FormValues) -> None:
    """Let the form hold something else, in widgets of its own."""
    form.filling = session.get("form-fillings", 0) + 1
    session.set_values(**{"form": form, "form-fillings": form.filling})


def draw() -> None:
    """The form, with what it holds, and the button that starts a run."""
    form = session.get_or_create(
        "form", lambda: FormValues.from_experiment(demo_experiment(), "The embedded demo: change what you like.")
    )
    _draw_source(form)
    left, right = st.columns([3, 2], gap="large")
    with left:
        draw_image_sets(form)
    with right:
        draw_backbone(form)
        draw_heat(form)
    try:
        experiment = form.to_experiment()
        experiment.check()
    except HeatError as error:
        faults.show(error)
        run_start.start_button(disabled=True)
        return
    run_start.draw_start(form, experiment)
    with st.expander("The same from a terminal, or from Python"):
        st.code(experiment.to_command(), language="bash", wrap_lines=True)
        st.code(experiment.to_python(), language="python")


def _draw_source(form: FormValues) -> None:
    """Where its content came from; another run to take it from."""
    runs = {run.id: run for run in list_runs()}

    def fill() -> None:
        name = session.get("new-from")
        if name in runs:
            _replace_form(copy_of_run(runs[name]))
        elif name:
            _replace_form(FormValues.from_experiment(demo_experiment(), "The embedded demo."))
        session.set_values(**{"new-from": None})

    note, source = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    if form.note:
        note.caption(f":material/info: {escape_markdown(form.note)}")
    source.selectbox(
        "Fill in from",
        ["the embedded demo", *runs],
        index=None,
        placeholder="another run, or the demo",
        key="new-from",
        format_func=lambda name: run_label(runs[name]) if name in runs else name,
        on_change=fill,
    )


def run_label(run: Run) -> str:
    """A run as a list names it."""
    name = run.experiment.name
    return printable(f"{name} · {run.id}" if name else run.id)


def copy_of_run(run: Run) -> FormValues:
    """The form filled with all that a run was asked for."""
    return FormValues.from_experiment(run.experiment, f"A copy of {run_label(run)}.")
