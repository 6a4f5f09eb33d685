"""Form of a new run, which keeps its values while other pages are open. Other pages fill it in with `prefill`."""

import streamlit as st

from app.common import faults
from app.common.text import escape_markdown
from app.runs import form_checks, run_start
from app.runs.form_model import draw_backbone, draw_heat
from app.runs.form_sets import draw_image_sets
from app.runs.form_values import FormValues
from app.state import session
from heat_core import Experiment, HeatError, Run
from heat_core.names import printable
from heat_core.runs.experiment import demo_experiment
from heat_core.runs.manage import list_runs


def prefill(experiment: Experiment, note: str) -> None:
    """Fill in the form with an Experiment, and show the form when the Runs page is opened next.

    Args:
        experiment: settings of the proposed run.
        note: sentence that says where they come from.
    """
    _replace_form(FormValues.from_experiment(experiment, note))
    session.set_values(**{run_start.WANTED: run_start.NEW})


def _replace_form(form: FormValues) -> None:
    """Replace the values of the form; new keys make its widgets take them over."""
    form.filling = session.get("form-fillings", 0) + 1
    session.set_values(**{"form": form, "form-fillings": form.filling})


def draw() -> None:
    """Draw the form and the button that starts the run."""
    form = session.get_or_create("form", lambda: FormValues.from_experiment(Experiment(id="", ood={})))
    errors = form_checks.find_errors(form)
    _draw_source(form)
    left, right = st.columns([3, 2], gap="large")
    with left:
        draw_image_sets(form, errors)
    with right:
        draw_backbone(form, errors)
        draw_heat(form)
    if form.lacks_sets:
        st.caption("Name the known images and at least one set of unknown ones: then a summary of the run follows.")
        run_start.start_button(disabled=True)
        return
    try:
        experiment = form.to_experiment()
        experiment.check()
    except HeatError as error:
        if not errors:  # The error of a field is shown below it.
            faults.show(error)
        run_start.start_button(disabled=True)
        return
    if errors:
        run_start.start_button(disabled=True)
    else:
        run_start.draw_start(form, experiment)
    with st.expander("The same from a terminal, or from Python"):
        st.code(experiment.to_command(), language="bash", wrap_lines=True)
        st.code(experiment.to_python(), language="python")


def _draw_source(form: FormValues) -> None:
    """Draw the note on where the values come from, and the choice of a run to copy instead."""
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
    """Return the label of a run in a list: its name, if it has one, and its id."""
    name = run.experiment.name
    return printable(f"{name} · {run.id}" if name else run.id)


def copy_of_run(run: Run) -> FormValues:
    """Return the values of the form that copy a run's settings."""
    return FormValues.from_experiment(run.experiment, f"A copy of {run_label(run)}.")
