"""A lock is held while its holder lives."""

from filelock import FileLock

from heat_core.locks import is_locked


def test_locked_while_its_holder_runs(tmp_path):
    path = tmp_path / "job.lock"
    assert not is_locked(path)
    assert list(tmp_path.iterdir()) == []  # asking makes no file
    with FileLock(path):
        assert is_locked(path)
        assert is_locked(path)  # asking releases nothing
    assert not is_locked(path)
