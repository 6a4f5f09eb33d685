"""JSON that every reader takes: RFC 8259 has no NaN and no infinity."""

import json
import math

import pytest

from heat_core.json_text import to_json


def strict(text: str):
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_numbers_that_are_not_finite_become_null():
    value = {"a": [1.5, math.nan, (math.inf, -math.inf)], "b": {"c": math.inf, "d": "NaN"}, 0.5: None, math.inf: True}
    assert strict(to_json(value)) == {
        "a": [1.5, None, [None, None]],
        "b": {"c": None, "d": "NaN"},
        "0.5": None,
        "inf": True,
    }
    assert to_json({"a": 1}, indent=1) == '{\n "a": 1\n}'
