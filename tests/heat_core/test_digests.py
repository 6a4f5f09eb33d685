"""Digests depend on the content alone."""

from heat_core.digests import digest_of_file


def test_a_digest_is_of_the_content_alone(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(bytes(2**20 + 5))
    b.write_bytes(bytes(2**20 + 5))
    assert digest_of_file(a) == digest_of_file(b)
    b.write_bytes(bytes(2**20 + 4) + b"\1")
    assert digest_of_file(a) != digest_of_file(b)
    b.write_bytes(bytes(2**20 + 4))
    assert digest_of_file(a) != digest_of_file(b)
