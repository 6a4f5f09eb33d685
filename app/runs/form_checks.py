"""Errors of the form's paths and names, each for the field that holds it."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.common.opened_sets import open_images
from app.runs.form_values import FormValues, same_name_sentence
from heat_core import Experiment, HeatError
from heat_core.backbones.quick_checks import check_backbone, check_weights
from heat_core.data.datasets import needs_download
from heat_core.data.made.made_sets import MADE
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.runs.experiment import FEATURES
from heat_core.storage import expand_home


@st.cache_resource(show_spinner="Reading the folders…", ttl=60, max_entries=32)
def _features_or_error(source: str) -> Features | str:
    try:
        return load_features(expand_home(source))
    except HeatError as error:
        return str(error)


def open_features(source: str) -> Features:
    """Open a folder of features, or take it from the cache.

    Raises:
        HeatError: as `load_features`.
    """
    found = _features_or_error(source)
    if isinstance(found, str):
        raise HeatError(found)
    return found


def find_errors(form: FormValues) -> dict[str, str]:
    """Return field of the form → what is wrong with its value; fields that are empty have no error.

    The field of a row is `FormValues.row_field`.
    """
    no_prior = {} if form.values["priors"] else {"priors": "Choose at least one prior."}
    return _errors_of_sets(form) | _errors_of_rows(form) | _errors_of_networks(form) | no_prior


def _errors_of_sets(form: FormValues) -> dict[str, str]:
    sets: dict[str, tuple[str, str, str | None]] = {
        "id": (form.text("id"), "train", None),
        "id_test": (form.text("id_test"), "test", None),
    }
    sets |= {form.row_field(n): (row.source.strip(), "test", row.set_name) for n, row in form.rows.items()}
    errors = {}
    for name, (source, role, set_name) in sets.items():
        if not source or needs_download(source):
            continue
        if form.text("backbone") == FEATURES:
            errors[name] = _error_of(partial(open_features, source))
        elif set_name is None or source not in MADE:
            errors[name] = _error_of(partial(open_images, source, role, set_name))
    return {name: error for name, error in errors.items() if error}


def _errors_of_rows(form: FormValues) -> dict[str, str]:
    """Return the errors of rows whose name cannot be used or is taken, or that lack a source."""
    errors: dict[str, str | None] = {}
    names: set[str] = set()
    for number, row in form.rows.items():
        if row.is_empty:
            continue
        own = {row.set_name: row.source.strip()}
        others = {f"not {row.set_name}": "ood"} if row.is_shifted else own
        alone = Experiment(id="known", ood=others, shifted=own if row.is_shifted else {})
        errors[form.row_field(number)] = _error_of(alone.check)
        if row.set_name in names:
            errors[form.row_field(number)] = same_name_sentence(row.set_name)
        names.add(row.set_name)
    return {name: error for name, error in errors.items() if error}


def _errors_of_networks(form: FormValues) -> dict[str, str]:
    errors = {}
    for prefix in ("", "second_"):
        name, weights = (form.text(f"{prefix}{field}") for field in ("backbone", "weights"))
        if not name or name == FEATURES:
            continue
        size = form.values[f"{prefix}image_size"] or None
        errors[f"{prefix}backbone"] = _error_of(partial(check_backbone, name, weights or None, size))
        if weights:
            errors[f"{prefix}weights"] = _error_of(partial(check_weights, weights, name))
    return {name: error for name, error in errors.items() if error}


def _error_of(check: Callable[[], object]) -> str | None:
    try:
        check()
    except HeatError as error:
        return str(error)
    return None
