"""A lock is held while its holder lives."""

import pytest
from filelock import FileLock

from heat_core.errors import HeatError
from heat_core.locks import exclusive, is_locked


def test_locked_while_its_holder_runs(tmp_path):
    path = tmp_path / "job.lock"
    assert not is_locked(path)
    assert list(tmp_path.iterdir()) == []  # asking makes no file
    with FileLock(path):
        assert is_locked(path)
        assert is_locked(path)  # asking releases nothing
    assert not is_locked(path)


@pytest.mark.parametrize("message", [None, "Wait for the other one."])
def test_a_lock_that_is_held_is_not_called_a_full_disk(tmp_path, message):
    path = tmp_path / "job.lock"
    with (
        FileLock(path),
        pytest.raises(HeatError, match=message or "Another process is at work on .*job"),
        exclusive(path, message, timeout=0.05),
    ):
        pass
