"""Fields of a new run's form for the backbone and for HEAT."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common.text import escape_markdown
from app.runs.form_values import LARGEST_SEED, FormValues
from app.runs.form_widgets import bind, path_field, show_error
from app.runs.training_settings import draw_training_settings
from app.state import session
from heat_core import detectors
from heat_core.backbones.quick_checks import known_backbones
from heat_core.energies.names import BUILT_IN, all_priors, prior_kind, prior_title, second_priors
from heat_core.energies.settings import PRESET_NAMES, PRESET_PURPOSES
from heat_core.plugins import problems
from heat_core.runs.experiment import COVARIANCES, MIXTURE_WEIGHTS

PRESET_CAPTIONS = [PRESET_PURPOSES[preset] for preset in PRESET_NAMES]


def draw_backbone(form: FormValues, errors: dict[str, str]) -> None:
    """Draw the fields of the backbone and of the second backbone.

    Args:
        form: values of the form.
        errors: field → error, which is drawn below the field.
    """
    st.subheader("Backbone")
    network, weights = st.columns(2)
    _draw_network(
        network,
        "Network",
        "backbone",
        form,
        "Any timm classifier: its name is completed while you type. Or an hf-hub: id, resnet18/34/50_cifar10/100 and "
        "their _supcon siblings; `torch:FILE.pt2`, any module that `Backbone.save` wrote; `hf:` and an id or folder of "
        "Hugging Face's transformers. `features`: the sets are folders of avg.npy, std.npy, labels.npy.",
    )
    path_field(
        weights,
        "Weights file",
        "weights",
        form,
        weights=True,
        placeholder="default: timm's own",
        help="safetensors, or torch tensors without pickled code. Without a file timm's own are downloaded once.",
    )
    show_error(errors, "backbone", network)
    show_error(errors, "weights", weights)
    size, batch = st.columns(2)
    size.number_input(
        "Image size",
        min_value=1,
        placeholder="the model's own",
        help="Side of the input in pixels.",
        **bind("image_size", form),
    )
    batch.number_input("Batch size", min_value=1, placeholder="auto", **bind("batch_size", form))
    _draw_second_encoder(form, errors)


def _draw_second_encoder(form: FormValues, errors: dict[str, str]) -> None:
    """Draw the fields of the second backbone, and the errors of its network and weights below them."""
    with st.expander("Second encoder", expanded=bool(form.values["second_backbone"])):
        _draw_network(
            st.container(),
            "Network of the second encoder",
            "second_backbone",
            form,
            "Its features are priors of their own (GMM@b …), composed with those of the first: a general encoder may "
            "separate images that the features of a classifier do not.",
        )
        show_error(errors, "second_backbone")
        path_field(st.container(), "Weights file of the second encoder", "second_weights", form, weights=True)
        show_error(errors, "second_weights")
        st.number_input(
            "Image size of the second encoder",
            min_value=1,
            placeholder="the model's own",
            **bind("second_image_size", form),
        )


def _draw_network(place: DeltaGenerator, label: str, name: str, form: FormValues, about: str) -> None:
    """Draw a field that completes the names of networks, and takes any other name, too.

    Args:
        place: element in which it is drawn.
        label: label of the field.
        name: name of the value in `form.values`.
        form: values of the form.
        about: help text.
    """
    value = form.text(name)
    names = known_backbones()
    options = names if not value or value in names else [value, *names]
    key = f"{form.key_prefix}-{name}"

    def store_value() -> None:
        form.values[name] = session.get(key) or ""

    place.selectbox(
        label,
        options,
        options.index(value) if value else None,
        key=key,
        on_change=store_value,
        placeholder="type a name, such as resnet50",
        accept_new_options=True,
        filter_mode="prefix",
        help=about,
    )


def draw_heat(form: FormValues, errors: dict[str, str]) -> None:
    """Draw the fields of priors, preset, detectors and mixtures, the run's name, and the training settings.

    Args:
        form: values of the form.
        errors: field → error, which is drawn below the field.
    """
    st.subheader("HEAT")
    st.pills(
        "Priors",
        (*all_priors(), *(second_priors() if form.values["second_backbone"] else ())),
        selection_mode="multi",
        wrap=True,
        format_func=lambda p: escape_markdown(prior_title(p) if prior_kind(p) in BUILT_IN else p),  # unlike its title,
        # the name of a plugin's prior does not change when the plugin is imported
        help="GMM: mixture on average-pooled features. GMM-std: on std-pooled features. EL: energy of the "
        "logits (Sec. 3.2). DICE: a sparsified head (Tab. 10). KNN (a soft one), ViM, SCALE and ResFlow go beyond the "
        "paper.",
        **bind("priors", form, "default"),
    )
    show_error(errors, "priors")
    st.radio(
        "Preset",
        PRESET_NAMES,
        captions=PRESET_CAPTIONS,
        **bind("preset", form, "index", PRESET_NAMES),
    )
    st.multiselect(
        "Baselines",
        ["all", *detectors.names()],
        help="The methods of the paper's tables, and others; EL, GMM and GMM-std are always there. odin, "
        "mds and gram read images again or more of the network, and take the longest.",
        **bind("detectors", form, "default"),
    )
    for sentence in problems.values():
        st.warning(escape_markdown(sentence))
    _draw_mixture_settings(form)
    st.text_input("Name of the run", placeholder="shown in lists", **bind("name", form))
    st.toggle(
        "Feature map and findings",
        help="UMAP of all samples, fitted while the residuals are trained; and at the end what findings need: image "
        "quality, likely mislabelled images, near-duplicates.",
        **bind("map", form),
    )
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
        "Class weights",
        MIXTURE_WEIGHTS,
        help="In the mixtures: uniform is the paper's formula; empirical, each class's share of the training images, "
        "is what the authors' code does.",
        **bind("mixture_weights", form, "index", MIXTURE_WEIGHTS),
    )
    seed.number_input("Seed", min_value=0, max_value=LARGEST_SEED, **bind("seed", form))
