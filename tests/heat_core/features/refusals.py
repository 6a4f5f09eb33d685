"""The sentence with which a folder of features is refused."""

import pytest

from heat_core import HeatError
from heat_core.features.store import load_features


def refusal(folder) -> str:
    with pytest.raises(HeatError) as told:
        load_features(folder)
    return str(told.value)
