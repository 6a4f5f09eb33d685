"""Fields of a new run's form for the backbone and for HEAT."""

import streamlit as st

from app.common.text import escape_markdown
from app.runs.form_values import FormValues
from app.runs.form_widgets import bind, show_error
from app.runs.training_settings import draw_training_settings
from heat_core import detectors
from heat_core.energies.names import BUILT_IN, all_priors, prior_kind, prior_title, second_priors
from heat_core.energies.settings import PRESET_NAMES
from heat_core.plugins import problems
from heat_core.runs.experiment import COVARIANCES, MIXTURE_WEIGHTS


def draw_backbone(form: FormValues, errors: dict[str, str]) -> None:
    """Draw the fields of the backbone and of the second backbone.

    Args:
        form: values of the form.
        errors: field → error, which is drawn below the field.
    """
    st.subheader("Backbone")
    network, weights = st.columns(2)
    network.text_input(
        "Backbone",
        help="Any timm classifier (resnet50.a1_in1k, vit_base_patch16_224…), an hf-hub: id, or "
        "resnet18/34/50_cifar10/100 and their _supcon siblings; `torch:FILE.pt2`, any module that `Backbone.save` "
        "wrote; `hf:` and an id or folder of Hugging Face's transformers. `features`: the sets are folders of "
        "avg.npy, std.npy, labels.npy.",
        **bind("backbone", form),
    )
    weights.text_input(
        "Weights file",
        placeholder="timm's own, downloaded once",
        help="safetensors, or torch tensors without pickled code.",
        **bind("weights", form),
    )
    show_error(errors, "backbone", network)
    show_error(errors, "weights", weights)
    size, batch = st.columns(2)
    size.number_input(
        "Image size",
        min_value=0,
        help="Side of the input in pixels; 0 = the model's own.",
        **bind("image_size", form),
    )
    batch.number_input("Images at a time", min_value=0, help="0 = chosen for the device.", **bind("batch_size", form))
    with st.expander("A second encoder", expanded=bool(form.values["second_backbone"])):
        network, weights, size = st.columns(3)
        network.text_input(
            "Encoder",
            help="Its features are priors of their own (GMM@b …), composed with those of the first: a general encoder "
            "may separate images that the features of a classifier do not.",
            **bind("second_backbone", form),
        )
        weights.text_input("Its weights file", **bind("second_weights", form))
        show_error(errors, "second_backbone", network)
        show_error(errors, "second_weights", weights)
        size.number_input("Its image size", min_value=0, **bind("second_image_size", form))


def draw_heat(form: FormValues) -> None:
    """Draw the fields of priors, preset, detectors and mixtures, the run's name, and the training settings."""
    st.subheader("HEAT")
    st.pills(
        "Priors",
        (*all_priors(), *(second_priors() if form.values["second_backbone"] else ())),
        selection_mode="multi",
        wrap=True,
        format_func=lambda p: escape_markdown(prior_title(p) if prior_kind(p) in BUILT_IN else p),  # unlike its title,
        # the name of a plugin's prior does not change when the plugin is imported
        help="GMM: mixture on average-pooled features. GMM-std: on std-pooled features. EL: energy of the "
        "logits (Sec. 3.2). DICE: a sparsified head (Tab. 10). KNN (a soft one), ViM and SCALE go beyond the paper.",
        **bind("priors", form, "default"),
    )
    st.radio(
        "Preset",
        PRESET_NAMES,
        horizontal=True,
        help="paper: App. B. released: what the authors' code uses. quick: a small network and few updates, for a CPU.",
        **bind("preset", form, "index", PRESET_NAMES),
    )
    st.multiselect(
        "Compared with",
        ["all", *detectors.names()],
        help="The methods of the paper's tables, and some that came after; EL, GMM and GMM-std are always there. odin, "
        "mds and gram read images again or more of the network, and take the longest.",
        **bind("detectors", form, "default"),
    )
    for sentence in problems.values():
        st.warning(escape_markdown(sentence))
    _draw_mixture_settings(form)
    st.text_input("Name of the run", placeholder="how lists show it", **bind("name", form))
    st.toggle("Make the map", help="UMAP of all samples, beside the residuals.", **bind("map", form))
    draw_training_settings(form)


def _draw_mixture_settings(form: FormValues) -> None:
    """Draw the fields of the mixtures' covariance and weights, and of the seed."""
    covariance, weights, seed = st.columns(3, vertical_alignment="bottom")
    covariance.selectbox(
        "Covariance",
        COVARIANCES,
        help="Of the mixtures: empirical is the paper's; auto takes Ledoit-Wolf below ten images a dimension.",
        **bind("covariance", form, "index", COVARIANCES),
    )
    weights.selectbox(
        "Weights of the classes",
        MIXTURE_WEIGHTS,
        help="In the mixtures: uniform is the paper's formula; empirical, each class's share of the training images, "
        "is what the authors' code does.",
        **bind("mixture_weights", form, "index", MIXTURE_WEIGHTS),
    )
    seed.number_input("Seed", min_value=0, **bind("seed", form))
