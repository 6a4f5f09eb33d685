"""Fields of a new run's form for its image sets."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common.path_picker import path_button
from app.common.text import escape_markdown
from app.runs.form_values import NO_GROUP, SMALLEST_SHARE, FormValues, OodSetRow
from app.runs.form_widgets import bind, path_field, renew_widgets, show_error
from app.state import session
from heat_core.data.datasets import known_names
from heat_core.data.made.made_sets import MADE
from heat_core.runs.experiment import GROUPS

_LIST_HELP = (
    "A list has a column `path` (absolute, or relative to the list) and may have `label`, `split`, `set`, `group`, "
    "`time`, `box` (x, y, w, h in pixels: crops); other columns stay with the images."
)

_OOD_HELP = (
    f"Images that the model should not know. {escape_markdown(', '.join(MADE))} are made from the known images for "
    "testing: they carry no object."
)
_SHIFTED_HELP = "Images of the known classes under other conditions, in one sub-folder a class."
_SAME = "Empty: the same as for training."


def draw_image_sets(form: FormValues, errors: dict[str, str]) -> None:
    """Draw the fields of the known sets, of the OOD sets, and of the number of images from each.

    Args:
        form: values of the form.
        errors: field → error, which is drawn below the field.
    """
    st.subheader("Images")
    st.caption(
        "A folder on this machine, with one sub-folder a class (or none), or a zip or tar archive of it; a list of "
        "images (CSV, TSV, JSON Lines or Parquet); or the name of a data set.",
        help=f"{_LIST_HELP} Known by name: {escape_markdown(', '.join(known_names()))}. Those that are not here are "
        "downloaded.",
    )
    id_column, test_column = st.columns(2)
    path_field(
        id_column,
        "Known images (ID), training",
        "id",
        form,
        placeholder="/path/to/images, or list.csv",
        help="The classes that the model knows: at least two. Of a list, its rows for training. A folder without "
        "sub-folders, or a list without labels, has no classes: clusters of features take their place, and EL and "
        "other methods that need a classifier are left out.",
    )
    show_error(errors, "id", id_column)
    path_field(
        test_column,
        "Known images (ID), test",
        "id_test",
        form,
        placeholder="default: held-out training images",
        help="Other images of the same classes; they set the threshold. By default the rows for testing of a list, or "
        "every fifth training image.",
    )
    show_error(errors, "id_test", test_column)
    for shifted in (False, True):
        for i, (number, row) in enumerate(form.rows_of(shifted).items()):
            _draw_set(form, number, row, "visible" if i == 0 else "collapsed")
            show_error(errors, form.row_field(number))
    add = st.container(horizontal=True)
    add.button("Add an OOD set", icon=":material/add:", type="tertiary", on_click=form.add_row)
    add.button(
        "Add a shifted set",
        icon=":material/add:",
        type="tertiary",
        help="The known classes under other conditions: another camera, weather, corruption. Its images count as known "
        "in the full-spectrum columns of the tables; its accuracy and its false positives are shown.",
        on_click=lambda: form.add_row(shifted=True),
    )
    _draw_limits(form)


def _draw_limits(form: FormValues) -> None:
    """Draw the fields that limit the number of images from each set, and that of the number of clusters."""
    limits, others = st.columns([3, 2], gap="medium")
    limits.markdown(
        "Max. images per class",
        help="A limit makes a first look quick. Of a set without classes, the limit is of the whole set.",
    )
    others.markdown("Training data")
    train, test, ood = limits.columns(3)
    train.number_input("Train", min_value=1, placeholder="all", **bind("limit", form))
    test.number_input("Test", min_value=1, placeholder="same", help=_SAME, **bind("limit_test", form))
    ood.number_input("OOD", min_value=1, placeholder="same", help=_SAME, **bind("limit_ood", form))
    fraction, clusters = others.columns(2)
    fraction.number_input(
        "Fraction",
        SMALLEST_SHARE,
        1.0,
        step=0.1,
        format="%g",
        help="Fraction of the training images of each class that is used: 0.1 is what the paper's Figs. 4 and 7 call "
        "10 % of the data.",
        **bind("share", form),
    )
    clusters.number_input(
        "Clusters",
        min_value=2,
        placeholder="auto",
        help="How many clusters take the place of the classes of an ID set without any; by default ten, fewer below "
        "200 images. Leave it empty where there are classes.",
        **bind("clusters", form),
    )


def _draw_set(form: FormValues, number: int, row: OodSetRow, labels: Any) -> None:
    """Draw the row of a set: its name, source and, of an OOD set, distance, and a button that removes it.

    Args:
        form: values of the form.
        number: key of the row in `form.rows`.
        row: values of the row.
        labels: Streamlit's `label_visibility` of the fields.
    """
    columns = st.columns([4, 9, 5.5, 1.4], vertical_alignment="bottom", gap="small")

    def bind_row(name: str) -> dict[str, Any]:
        key = f"{form.key_prefix}-ood-{number}-{name}"
        return {"key": key, "on_change": lambda: setattr(row, name, session.get(key)), "label_visibility": labels}

    title = "Shifted set" if row.is_shifted else "OOD set"
    columns[0].text_input(title, row.name, placeholder="name", **bind_row("name"))
    _draw_source(form, number, row, columns[1], bind_row("source"))
    if not row.is_shifted:
        columns[2].selectbox(
            "Distance",
            [NO_GROUP, *GROUPS],
            [NO_GROUP, *GROUPS].index(row.group),
            help="How far it is from the known classes, for you to judge: the tables average near, mid and far sets "
            "apart (Tab. 4).",
            **bind_row("group"),
        )
    columns[3].button(
        "",
        icon=":material/close:",
        type="tertiary",
        key=f"{form.key_prefix}-ood-{number}-less",
        help="Remove this set.",
        disabled=not row.is_shifted and len(form.rows_of(shifted=False)) == 1,
        on_click=lambda: form.remove_row(number),
    )


def _draw_source(form: FormValues, number: int, row: OodSetRow, place: DeltaGenerator, binding: dict[str, Any]) -> None:
    """Draw the field for the source of a set, and the button that chooses it on this machine.

    Args:
        form: values of the form.
        number: key of the row in `form.rows`.
        row: values of the row.
        place: element in which both are drawn.
        binding: arguments that connect the field with the row.
    """
    field = place.container(horizontal=True, vertical_alignment="bottom", gap="small")
    field.text_input(
        "Folder, list or data set",
        row.source,
        placeholder="/path/to/images, or list.csv",
        help=f"{_SHIFTED_HELP if row.is_shifted else _OOD_HELP} The name of the set is that of the folder, unless you "
        "give another. Of a list with a column `set`, the rows of the set of this name are taken.",
        **binding,
    )

    def store_source(path: str) -> None:
        row.source = path
        renew_widgets(form)

    path_button(field, form.row_field(number), row.source, store_source)
