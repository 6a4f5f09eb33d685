"""Verdicts as plain dictionaries and as a data frame."""

import builtins
import json

import numpy as np
import pandas as pd
import pytest

from heat_core.errors import HeatError
from heat_core.guard.verdicts import Verdicts, insert_unscored

SCORED = Verdicts(
    ids=["a.png", "image 1"],
    score=np.array([0.1, 2.5]),
    p_value=np.array([0.5, 0.002]),
    predicted=np.array([1, 0]),
    confidence=np.array([0.75, 0.5]),
    prior=np.array([[1.0, 2.0], [3.0, 4.0]]),
    residual=np.array([[0.5, 0.25], [0.0, -1.0]]),
    priors=("gmm", "el"),
    class_names=["cat", "dog"],
    error=["", ""],
)


@pytest.fixture
def verdicts() -> Verdicts:
    """Three verdicts, the second without a score."""
    return insert_unscored(SCORED, ["a.png", "b.png", "image 1"], np.array([True, False, True]), "not readable")


def test_a_verdict_is_a_plain_dictionary(verdicts):
    rows = verdicts.to_dicts()
    assert rows[0] == {
        "id": "a.png",
        "score": 0.1,
        "p_value": 0.5,
        "predicted_class": "dog",
        "confidence": 0.75,
        "energies": {"gmm": 1.5, "el": 2.25},
        "error": None,
    }
    assert rows[1] == {
        "id": "b.png",
        **dict.fromkeys(("score", "p_value", "predicted_class", "confidence")),
        "energies": {"gmm": None, "el": None},
        "error": "not readable",
    }
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_a_data_frame_has_the_same_values(verdicts):
    frame = verdicts.to_pandas()
    assert list(frame) == [
        *("id", "score", "p_value", "predicted_class", "confidence"),
        *("energy_gmm", "energy_el", "error"),
    ]
    for row, (_, values) in zip(verdicts.to_dicts(), frame.iterrows(), strict=True):
        energies = {f"energy_{prior}": energy for prior, energy in row.pop("energies").items()}
        found = {name: None if pd.isna(value) else value for name, value in values.items()}
        assert found == row | energies


def test_without_pandas_there_is_a_sentence(verdicts, monkeypatch):
    whole_import = builtins.__import__

    def without_pandas(name, *args, **keywords):
        if name == "pandas":
            raise ImportError(name)
        return whole_import(name, *args, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(HeatError, match="to_pandas needs pandas, which is not installed: pip install pandas"):
        verdicts.to_pandas()
