"""Fields of a new run's form for the training of residuals."""

from typing import Any

import streamlit as st

from app.runs.form_values import FormValues
from app.state import session
from heat_core.energies.settings import CHOICES

HELP_TEXTS = {
    "width": "Width of the hidden layers of the residual network (App. B: 1024).",
    "hidden_layers": "Hidden layers beside the input and the output layer; 4 make the paper's six linear layers.",
    "learning_rate": "Adam's step (App. B: 5e-6).",
    "adam_beta1": "Adam's first momentum (0 in the released code).",
    "drop_after": "Epochs after which the learning rate is divided by ten; 0 = never.",
    "epochs": "Passes over the training features (App. B: 20).",
    "batch_size": "Training features, and Langevin chains, per update.",
    "updates": "Updates in all, whatever the size of the set; 0 = whole passes.",
    "langevin_steps": "Steps of each chain (App. B: 20); the ends of the chains are the negatives of the loss.",
    "step_start": "First step size of the chains (App. B: 1e-4).",
    "step_end": "Last step size (App. B: 1e-5).",
    "noise_start": "First noise scale (App. B: 5e-3).",
    "noise_end": "Last noise scale (App. B: 5e-4).",
    "decay": "How both go from first to last: linear (the paper) or quadratic (the released code).",
    "starts_are_negatives": "Whether the chains' starts join their ends as negatives in the loss.",
    "start": "Where chains start: prior (Algorithm 1), normal (a standard normal, as the released code for EL), or "
    "data (training features moved by noise, as `quick` for the mixtures).",
    "lambda_": "λ of Eq. 6: holds the residual within about ±1/(2λ) (App. B: 10; Fig. 3a).",
    "temperature": "T divides the prior's energy (App. B: 1000); 0 = from the prior's spread on (held-out) training "
    "features.",
    "saturation": "Share of the loss's bound, -1/(2λ), at which training ends, since more training would overfit; "
    "0 = never (the paper).",
    "stop_below": "Share of its largest value to which the spread of the residual over the training images must "
    "have fallen, too, before `saturation` ends the training; 0 = no such condition (the paper).",
    "averaging": "Share of the earlier weights in the running average of the network's weights, which is the result; "
    "0 = the last weights (the paper).",
    "balanced": "Whether the residual is rescaled, so that its scale relative to its prior follows from ID features "
    "alone; off = as trained (the paper).",
    "input_noise": "Noise on the inputs of the residual, for stability (App. B: 1e-4).",
}
LABELS = {name: name for name in HELP_TEXTS}  # The labels are the names of the settings on the command line.


def draw_training_settings(form: FormValues) -> None:
    """Draw an expander with a widget for each training setting, which starts with the value of the preset."""
    changed = f" ({len(form.settings)} changed)" if form.settings else ""
    with st.expander(f"Training settings{changed}"):
        st.caption("Each prior takes the values of the preset; a change here applies to all chosen priors.")
        if form.settings:
            st.button("Reset to preset", icon=":material/undo:", on_click=form.reset_settings)
        columns = st.columns(2)
        for i, (name, value) in enumerate(form.current_settings().items()):
            with columns[i % 2]:
                _draw_setting(form, name, value)


def _draw_setting(form: FormValues, name: str, value: Any) -> None:
    label, about, key = LABELS[name], HELP_TEXTS[name], f"{form.settings_key_prefix}-{name}"

    def store_value() -> None:
        form.change_setting(name, session.get(key))

    if isinstance(value, bool):
        st.checkbox(label, value, help=about, key=key, on_change=store_value)
    elif isinstance(value, str):
        st.selectbox(label, CHOICES[name], CHOICES[name].index(value), help=about, key=key, on_change=store_value)
    elif isinstance(value, int):
        st.number_input(label, 0, value=value, help=about, key=key, on_change=store_value)
    else:
        st.number_input(label, 0.0, value=value, format="%g", help=about, key=key, on_change=store_value)
