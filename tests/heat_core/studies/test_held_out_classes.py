"""Measurements of classes left out that cannot be made."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.features.store import load_features
from heat_core.storage import expand_home
from heat_core.studies.execution import run_study
from heat_core.studies.request import StudyRequest, new_study


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_test_images_of_one_class_are_too_few(base, tmp_path):
    kept = load_features(expand_home(base.id_test))
    one = kept.subset(np.flatnonzero(np.asarray(kept.labels) == 1))
    (tmp_path / "one").mkdir()
    for column, values in {"avg": one.avg, "std": one.std, "labels": one.labels}.items():
        np.save(tmp_path / "one" / f"{column}.npy", values)
    with pytest.raises(HeatError, match=r"at least two classes with test images: only .1. has some"):
        run_study(new_study(StudyRequest("leave-out", replace(base, id_test=str(tmp_path / "one")))))
