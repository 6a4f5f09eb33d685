"""Form of a new run, which keeps its values while other pages are open. Other pages fill it in with `prefill`."""

from collections.abc import Sequence

import streamlit as st

from app.common import faults
from app.common.run_picker import run_label, run_labels
from app.common.text import escape_markdown
from app.runs import form_checks, run_start
from app.runs.form_model import draw_backbone, draw_heat
from app.runs.form_sets import draw_image_sets
from app.runs.form_values import FormValues
from app.runs.form_widgets import renew_widgets
from app.state import session
from heat_core import Experiment, HeatError, Run
from heat_core.runs.manage import list_runs

_OWN = "form-own"  # The session's key for the form of one's own images, while the demo is shown.
_MINE, _DEMO = "My images", "Embedded demo"


def prefill(experiment: Experiment, note: str, commands: Sequence[str] = ()) -> None:
    """Fill in the form with an Experiment, and show the form when the Runs page is opened next.

    Args:
        experiment: settings of the proposed run.
        note: sentence that says where they come from.
        commands: commands that the note tells of.
    """
    form = FormValues.from_experiment(experiment, note)
    form.commands = tuple(commands)
    _replace_form(form)
    session.set_values(**{run_start.WANTED: run_start.NEW})


def _replace_form(form: FormValues) -> None:
    """Replace the values of the form, and keep those of one's own images while the demo is shown."""
    if (previous := session.get("form")) and not previous.is_demo:
        session.set_values(**{_OWN: previous})
    session.set_values(form=form)
    renew_widgets(form)


def draw() -> None:
    """Draw the form and the button that starts the run."""
    form = session.get_or_create("form", FormValues.blank)
    errors = form_checks.find_errors(form)
    _draw_source(form)
    left, right = st.columns([3, 2], gap="large")
    with left:
        draw_image_sets(form, errors)
        draw_backbone(form, errors)
    with right:
        draw_heat(form, errors)
    if missing := form.missing:
        st.caption(f"Still to be named: {escape_markdown(', '.join(missing))}. Then the data preview follows.")
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
    with st.expander("Command / Python"):
        st.code(experiment.to_command(), language="bash", wrap_lines=True)
        st.code(experiment.to_python(), language="python")


def _draw_source(form: FormValues) -> None:
    """Draw the choice between one's own images and the demo, and that of a run whose settings are used."""
    runs = list_runs()
    labels = run_labels(runs)
    key = f"new-images-{form.is_demo}"  # A key and a default of its own: a set value may be lost to a second click.

    def switch() -> None:
        demo = session.get(key) == _DEMO
        _replace_form(FormValues.demo() if demo else session.get(_OWN) or FormValues.blank())

    def use_settings() -> None:
        if chosen := next((run for run in runs if run.id == session.get("new-from")), None):
            _replace_form(copy_of_run(chosen))
        session.set_values(**{"new-from": None})

    kind, source = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    kind.segmented_control(
        "Start with",
        [_MINE, _DEMO],
        default=_DEMO if form.is_demo else _MINE,
        key=key,
        required=True,
        on_change=switch,
    )
    source.selectbox(
        "Use settings from",
        list(labels),
        index=None,
        placeholder="another run",
        key="new-from",
        format_func=labels.__getitem__,
        on_change=use_settings,
        help="Fills in everything as in that run, its images too; what stands here is replaced.",
    )
    if form.note:
        st.caption(f":material/info: {escape_markdown(form.note)}")
    for command in form.commands:  # as code, which is copied character by character
        st.code(command, language="bash", wrap_lines=True)


def copy_of_run(run: Run) -> FormValues:
    """Return the values of the form that copy a run's settings."""
    return FormValues.from_experiment(run.experiment, f"The settings of {run_label(run)}.")
