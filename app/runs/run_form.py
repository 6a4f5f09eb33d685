"""The form of a new run, which keeps what was typed while other pages are open.

Other pages fill it with `prefill`.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.common import faults
from app.common.text import plain
from app.runs import run_start
from app.runs.draft import NO_GROUP, Draft, Row
from app.runs.training_settings import every_setting
from app.state import session
from heat_core import Experiment, HeatError, Run, detectors
from heat_core.data.datasets import known_names
from heat_core.energies.names import ALL_PRIORS, PRIOR_TITLES, SECOND_PRIORS
from heat_core.energies.settings import PRESET_NAMES
from heat_core.runs.experiment import COVARIANCES, GROUPS, MIXTURE_WEIGHTS, demo_experiment
from heat_core.runs.listing import list_runs
from heat_core.storage import printable

_LISTS = (
    "A list has a column `path` (absolute, or relative to the list) and may have `label`, `split`, `set`, `group`, "
    "`time`, `box` (x, y, w, h in pixels: crops); other columns stay with the images."
)


def prefill(experiment: Experiment, note: str) -> None:
    """Fill the form with an Experiment, and let the Runs page open it; for pages that lead there.

    Args:
        experiment: what is proposed; its sets may be folders of this machine.
        note: a sentence for the reader: where it comes from.
    """
    _fill(Draft.of(experiment, note))
    session.hold(**{run_start.WANTED: run_start.NEW})


def _fill(draft: Draft) -> None:
    """Let the form hold something else, in widgets of its own."""
    draft.number = session.held("drafts", 0) + 1
    session.hold(draft=draft, drafts=draft.number)


def draw() -> None:
    """The form, with what it holds, and the button that starts a run."""
    draft = session.once("draft", lambda: Draft.of(demo_experiment(), "The embedded demo: change what you like."))
    _filled_from(draft)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _images(draft)
    with right:
        _backbone(draft)
        _heat(draft)
    try:
        experiment = draft.experiment()
        experiment.check()
    except HeatError as error:
        faults.show(error)
        run_start.button(disabled=True)
        return
    run_start.draw(draft, experiment)
    with st.expander("The same from a terminal, or from Python"):
        st.code(experiment.to_command(), language="bash", wrap_lines=True)
        st.code(experiment.to_python(), language="python")


# ---- what it holds ---------------------------------------------------------------------------------------------------


def _filled_from(draft: Draft) -> None:
    """Where its content came from; another run to take it from."""
    runs = {run.id: run for run in list_runs()}

    def fill() -> None:
        name = session.held("new-from")
        if name in runs:
            _fill(copied(runs[name]))
        elif name:
            _fill(Draft.of(demo_experiment(), "The embedded demo."))
        session.hold(**{"new-from": None})

    note, source = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    if draft.note:
        note.caption(f":material/info: {plain(draft.note)}")
    source.selectbox(
        "Fill in from",
        ["the embedded demo", *runs],
        index=None,
        placeholder="another run, or the demo",
        key="new-from",
        format_func=lambda name: shown(runs[name]) if name in runs else name,
        on_change=fill,
    )


def shown(run: Run) -> str:
    """A run as a list names it."""
    name = run.experiment.name
    return printable(f"{name} · {run.id}" if name else run.id)


def copied(run: Run) -> Draft:
    """The form filled with all that a run was asked for."""
    return Draft.of(run.experiment, f"A copy of {shown(run)}.")


def _keyed(name: str, draft: Draft, kind: str = "value", options: Sequence[str] = ()) -> dict[str, Any]:
    """What makes a widget begin with a value of the draft, whatever page was open in between, and keep it there.

    The value is the widget's default (`kind`: as it is called there), not one that is set: that would be lost where
    another click ends the script before the page has heard of it.
    """
    key, value = f"{draft.key}-{name}", draft.values[name]

    def take_over() -> None:
        draft.values[name] = session.held(key)

    return {kind: options.index(value) if kind == "index" else value, "key": key, "on_change": take_over}


def _images(draft: Draft) -> None:
    st.subheader("Images")
    st.caption(
        "A folder on this machine, with one sub-folder a class (or none); a list of images (CSV or Parquet); or the "
        "name of a data set.",
        help=f"{_LISTS} Known by name: {plain(', '.join(known_names()))}. Those that are not here are downloaded.",
    )
    known, test = st.columns(2)
    known.text_input(
        "Known (ID), for training",
        placeholder="/path/to/images, or list.csv",
        help="The classes that the model knows: at least two. Of a list, its rows for training. A flat folder, or a "
        "list without labels, has no classes: clusters of features stand for them, and EL and whatever asks a "
        "classifier is left out.",
        **_keyed("id", draft),
    )
    test.text_input(
        "Known (ID), for testing",
        placeholder="every fifth training image",
        help="Other images of the same classes; they set the threshold. Without: the rows for testing of a list, or "
        "every fifth training image.",
        **_keyed("id_test", draft),
    )
    for i, (number, row) in enumerate(list(draft.rows.items())):
        _ood_set(draft, number, row, "visible" if i == 0 else "collapsed")
    st.button("Another unknown set", icon=":material/add:", type="tertiary", on_click=draft.add_row)
    columns = st.columns(5)
    columns[0].number_input(
        "Images a class",
        min_value=0,
        help="0 = all of them; of a set without classes, of the whole set. A limit makes a first look quick.",
        **_keyed("limit", draft),
    )
    columns[1].number_input(
        "of the known test set", min_value=0, help="0 = the same as for training.", **_keyed("limit_test", draft)
    )
    columns[2].number_input(
        "of the unknown sets", min_value=0, help="0 = the same as for training.", **_keyed("limit_ood", draft)
    )
    columns[3].number_input(
        "Share learned from",
        0.0,
        1.0,
        step=0.1,
        format="%g",
        help="Of the training images of each class: 0.1 is what the paper's Figs. 4 and 7 call 10 % of the data.",
        **_keyed("share", draft),
    )
    columns[4].number_input(
        "Clusters",
        min_value=0,
        help="How many stand for the classes of a known set that has none; 0 = ten, fewer below 200 images. To be left "
        "at 0 where there are classes.",
        **_keyed("clusters", draft),
    )


def _ood_set(draft: Draft, number: int, row: Row, labels: Any) -> None:
    """A row of the OOD sets: name, source, distance, and a button that takes it away."""
    columns = st.columns([6, 8, 5, 2], vertical_alignment="bottom", gap="small")

    def keyed(name: str) -> dict[str, Any]:
        key = f"{draft.key}-ood-{number}-{name}"
        return {"key": key, "on_change": lambda: setattr(row, name, session.held(key)), "label_visibility": labels}

    columns[0].text_input("Unknown (OOD)", row.name, placeholder="its name", **keyed("name"))
    columns[1].text_input(
        "Folder, list or dataset",
        row.source,
        placeholder="/path/to/images, or list.csv",
        help="What the model should not know. Of a list with a column `set`, the rows of the set of this name.",
        **keyed("source"),
    )
    columns[2].selectbox(
        "Distance",
        [NO_GROUP, *GROUPS],
        [NO_GROUP, *GROUPS].index(row.group),
        help="How far it is from the known classes, for you to judge: the tables average near, mid and far sets apart "
        "(Tab. 4).",
        **keyed("group"),
    )
    columns[3].button(
        "",
        icon=":material/close:",
        type="tertiary",
        key=f"{draft.key}-ood-{number}-less",
        help="Leave this set out.",
        disabled=len(draft.rows) == 1,
        on_click=lambda: draft.drop_row(number),
    )


def _backbone(draft: Draft) -> None:
    st.subheader("Backbone")
    network, weights = st.columns(2)
    network.text_input(
        "Backbone",
        help="Any timm classifier (resnet50.a1_in1k, vit_base_patch16_224…), an hf-hub: id, or "
        "resnet18/34/50_cifar10/100 and their _supcon siblings; `torch:FILE.pt2`, any module that `Backbone.save` "
        "wrote; `hf:` and an id or folder of Hugging Face's transformers. `features`: the sets are folders of "
        "avg.npy, std.npy, labels.npy.",
        **_keyed("backbone", draft),
    )
    weights.text_input(
        "Weights file",
        placeholder="timm's own, downloaded once",
        help="safetensors, or torch tensors without pickled code.",
        **_keyed("weights", draft),
    )
    size, batch = st.columns(2)
    size.number_input(
        "Image size",
        min_value=0,
        help="Side of the input in pixels; 0 = the model's own.",
        **_keyed("image_size", draft),
    )
    batch.number_input("Images at a time", min_value=0, help="0 = as the device likes.", **_keyed("batch_size", draft))
    with st.expander("A second encoder", expanded=bool(draft.values["beside"])):
        network, weights, size = st.columns(3)
        network.text_input(
            "Encoder",
            help="Its features are priors of their own (GMM@b …), composed with those of the first: a general encoder "
            "may see what a classifier was never taught to tell apart.",
            **_keyed("beside", draft),
        )
        weights.text_input("Its weights file", **_keyed("beside_weights", draft))
        size.number_input("Its image size", min_value=0, **_keyed("beside_image_size", draft))


def _heat(draft: Draft) -> None:
    st.subheader("HEAT")
    st.pills(
        "Priors",
        (*ALL_PRIORS, *(SECOND_PRIORS if draft.values["beside"] else ())),
        selection_mode="multi",
        wrap=True,
        format_func=lambda p: plain(PRIOR_TITLES[p]),
        help="GMM: mixture on average-pooled features. GMM-std: on std-pooled features. EL: energy of the "
        "logits (Sec. 3.2). DICE: a sparsified head (Tab. 10). KNN (a soft one), ViM and SCALE go beyond the paper.",
        **_keyed("priors", draft, "default"),
    )
    st.radio(
        "Preset",
        PRESET_NAMES,
        horizontal=True,
        help="paper: App. B. released: what the authors' code uses. quick: a small network and few updates, for a CPU.",
        **_keyed("preset", draft, "index", PRESET_NAMES),
    )
    st.multiselect(
        "Compared with",
        ["all", *detectors.names()],
        help="The methods of the paper's tables, and some that came after; EL, GMM and GMM-std are always there. odin, "
        "mds and gram read images again or more of the network, and take the longest.",
        **_keyed("detectors", draft, "default"),
    )
    covariance, weights, seed = st.columns(3)
    covariance.selectbox(
        "Covariance",
        COVARIANCES,
        help="Of the mixtures: empirical is the paper's; auto takes Ledoit-Wolf below ten images a dimension.",
        **_keyed("covariance", draft, "index", COVARIANCES),
    )
    weights.selectbox(
        "Weights of the classes",
        MIXTURE_WEIGHTS,
        help="In the mixtures: uniform is the paper's formula; empirical, each class's share of the training images, "
        "is what the authors' code does.",
        **_keyed("mixture_weights", draft, "index", MIXTURE_WEIGHTS),
    )
    seed.number_input("Seed", min_value=0, **_keyed("seed", draft))
    st.text_input("Name of the run", placeholder="how lists show it", **_keyed("name", draft))
    st.toggle("Make the map", help="UMAP of all samples, beside the residuals.", **_keyed("map", draft))
    every_setting(draft)
