"""Setup: choose datasets, backbone, weights, priors and settings; see the command that does the same; start."""

from dataclasses import fields
from typing import Any

import pandas as pd
import streamlit as st

from app import faults, session
from app.text import plain
from heat_core import Experiment, HeatError, detectors
from heat_core.energies.names import ALL_PRIORS, PRIOR_TITLES, PRIORS
from heat_core.energies.settings import PRESET_NAMES, ResidualSettings, settings_for
from heat_core.features.datasets import known_names
from heat_core.runs.estimate import count_given, count_images, estimate
from heat_core.runs.experiment import COVARIANCES, GROUPS, demo_experiment
from heat_core.runs.jobs import new_run, start

SENTENCES = {
    "width": "Width of the hidden layers of the residual network (App. B: 1024).",
    "hidden_layers": "Hidden layers beside the input and the output layer; 4 make the paper's six linear layers.",
    "learning_rate": "Adam's step (App. B: 5e-6).",
    "adam_beta1": "Adam's first momentum (0 in the released code).",
    "drop_after": "Epochs after which the learning rate is divided by ten; 0 = never.",
    "epochs": "Passes over the training features (App. B: 20).",
    "batch_size": "Training features, and Langevin chains, per update.",
    "updates": "Updates in all, whatever the size of the set; 0 = whole passes.",
    "langevin_steps": "Steps of each chain (App. B: 20); they show the residual where its model is wrong.",
    "step_start": "First step size of the chains (App. B: 1e-4).",
    "step_end": "Last step size (App. B: 1e-5).",
    "noise_start": "First noise scale (App. B: 5e-3).",
    "noise_end": "Last noise scale (App. B: 5e-4).",
    "decay": "How both go from first to last: linear (the paper) or quadratic (the released code).",
    "starts_are_negatives": "Whether the chains' starts join their ends as negatives in the loss.",
    "start": "Where chains start: prior (Algorithm 1), or normal (a standard normal).",
    "lambda_": "λ of Eq. 6: holds the residual within about ±1/(2λ) (App. B: 10; Fig. 3a).",
    "temperature": "T divides the prior's energy (App. B: 1000); 0 = from the prior's spread on (held-out) training "
    "features.",
    "saturation": "Share of the loss's bound, -1/(2λ), at which training ends, since its negatives no longer teach; "
    "0 = never (the paper).",
    "input_noise": "Noise on the inputs of the residual, for stability (App. B: 1e-4).",
}
NAMES = {name: name for name in SENTENCES}  # as the command line spells them

images = st.cache_data(show_spinner="Counting images…", ttl=60)(count_images)
given = st.cache_data(show_spinner="Counting samples…", ttl=60)(count_given)


def cost(experiment: Experiment) -> str:
    """The estimate in words."""
    found = estimate(experiment, images, given)
    training = f"at most **{duration(found.training)}** for the residuals on two CPU cores."
    if found.extraction is None:
        return f"The features of {found.samples:,} samples are given; {training}"
    measured, guessed = "the pace of your last run with this backbone", "a guess, until this backbone has run once"
    basis = f"({measured if found.measured else guessed}; nothing where they are cached)"
    extraction = f"About **{duration(found.extraction)}** for the features of {found.samples:,} images {basis}"
    return f"{extraction}, {training}" + (" Downloads come on top." if found.downloads else "")


def duration(seconds: float) -> str:
    """Seconds, minutes or hours in words."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def field(name: str, value: Any, key: str) -> Any:
    """A widget for one setting of the training, and what it holds."""
    label, about = NAMES[name], SENTENCES[name]
    if isinstance(value, bool):
        return st.checkbox(label, value, help=about, key=key)
    if isinstance(value, str):
        choices = ["linear", "quadratic"] if name == "decay" else ["prior", "normal"]
        return st.selectbox(label, choices, index=choices.index(value), help=about, key=key)
    if isinstance(value, int):
        return st.number_input(label, min_value=0, value=value, help=about, key=key)
    return st.number_input(label, min_value=0.0, value=value, format="%g", help=about, key=key)


st.title("Set up an experiment")
with faults.told():
    demo = demo_experiment()
    left, right = st.columns([5, 4], gap="medium")
    with left:
        st.subheader("Images")
        st.caption(f"A folder (one sub-folder a class), or a name: {plain(', '.join(known_names()))}.")
        id_set = st.text_input(
            "In-distribution, for training", demo.id, help="The classes that the model knows: at least two."
        )
        id_test = st.text_input(
            "In-distribution, for testing",
            demo.id_test or "",
            placeholder="every fifth training image",
            help="Other images of the same classes; they set the threshold.",
        )
        st.markdown(
            "Out-of-distribution sets",
            help="What the model should not know. How far it is from the known classes is for you to judge: the tables "
            "average near, mid and far sets apart (Tab. 4).",
        )
        listed = st.data_editor(
            pd.DataFrame(
                {
                    "name": list(demo.ood),
                    "folder or dataset": list(demo.ood.values()),
                    "distance": list(demo.groups.values()),
                }
            ),
            column_config={"distance": st.column_config.SelectboxColumn(options=list(GROUPS))},
            num_rows="dynamic",
            hide_index=True,
            key="ood-sets",
        )
        limit = st.number_input(
            "Images a class", min_value=0, value=0, help="0 = all of them. A limit makes a first look quick."
        )
        st.subheader("Backbone")
        backbone = st.text_input(
            "Backbone",
            demo.backbone,
            help="Any timm classifier (resnet50.a1_in1k, vit_base_patch16_224…), an hf-hub: id, or "
            "resnet18/34/50_cifar10/100 and their _supcon siblings. `features`: the sets are folders of avg.npy, "
            "std.npy, labels.npy.",
        )
        weights = st.text_input(
            "Weights file",
            "",
            placeholder="timm's own, downloaded once",
            help="safetensors, or torch tensors without pickled code.",
        )
        size = st.number_input(
            "Image size", min_value=0, value=0, help="Side of the input in pixels; 0 = the model's own."
        )
    with right:
        st.subheader("HEAT")
        priors = (
            st.pills(
                "Priors",
                ALL_PRIORS,
                selection_mode="multi",
                default=list(PRIORS),
                format_func=lambda p: plain(PRIOR_TITLES[p]),
                help="GMM: mixture on average-pooled features. GMM-std: on std-pooled features. EL: energy of the "
                "logits (Sec. 3.2). DICE: a sparsified head (Tab. 10). KNN (a soft one) and ViM go beyond the paper.",
            )
            or []
        )
        preset = st.radio(
            "Preset",
            PRESET_NAMES,
            index=2,
            horizontal=True,
            help="paper: App. B. released: what the authors' code uses. quick: a small network and few updates, for a "
            "CPU.",
        )
        compared = st.multiselect(
            "Compared with",
            ["all", *detectors.names()],
            default=list(detectors.BASIC),
            help="The methods of the paper's tables; EL, GMM and GMM-std are always there. odin, mds and gram read "
            "images again or more of the network, and take the longest.",
        )
        covariance = st.selectbox(
            "Covariance of the mixtures",
            COVARIANCES,
            help="empirical is the paper's; auto takes Ledoit-Wolf below ten images a dimension.",
        )
        seed = st.number_input("Seed", min_value=0, value=0)
        name = st.text_input("Name of the run", "")
        with st.expander("Every parameter of the training"):
            st.caption(
                "Left as they are, each prior takes the values of its preset; a change applies to all chosen priors."
            )
            base = settings_for(priors[0] if priors else "gmm", preset)
            changes = {}
            for f in fields(ResidualSettings):
                value = getattr(base, f.name)
                new = field(f.name, value, f"set-{f.name}-{preset}-{priors[0] if priors else ''}")
                if new != value:
                    changes[f.name] = new

    rows = listed.dropna(subset=["name", "folder or dataset"])
    experiment = Experiment(
        id=id_set.strip(),
        id_test=id_test.strip() or None,
        ood=dict(zip(rows["name"], rows["folder or dataset"], strict=True)),
        backbone=backbone.strip(),
        weights=weights.strip() or None,
        image_size=int(size) or None,
        priors=list(priors),
        detectors=["all"] if "all" in compared else compared,
        groups={name: group for name, group in zip(rows["name"], rows["distance"], strict=True) if group in GROUPS},
        preset=preset,
        settings=changes,
        covariance=covariance,
        limit=int(limit) or None,
        seed=int(seed),
        name=name.strip(),
    )
    st.subheader("Start")
    try:
        experiment.check()
        st.markdown(cost(experiment))
        problem = None
    except HeatError as error:
        problem = str(error)
        faults.show(problem)
    if st.button("Start the run", type="primary", icon=":material/play_arrow:", disabled=problem is not None):
        try:
            folder = new_run(experiment)
            start(folder)
            session.hold(run=folder.name)
            st.query_params.clear()
            st.switch_page("app_pages/train.py", query_params={"run": folder.name})
        except HeatError as error:
            faults.stop(error)
    st.caption("The same from a terminal, or from Python:")
    st.code(experiment.to_command(), language="bash", wrap_lines=True)
    st.code(experiment.to_python(), language="python")
