"""`heat export`: which samples are written, and what is said."""

import csv
import zipfile

import numpy as np
import pytest

from heat_core.__main__ import main
from heat_core.composition import Lens
from tests.synthetic import CLASSES


def rows_of(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_verb_writes_a_subset(samples, tmp_path, capsys):
    """A question, filters, an order and a lens choose the samples; what is left out is said on standard error."""
    wanted = CLASSES[samples.predicted[12]]
    out = tmp_path / "some.csv"
    filters = ["--filter", "set==far", f"--filter=seen={wanted}", "--filter", "set=near", "--order", "unusual"]
    assert (
        main(["export", "flowers", "--format", "csv", "--question", "all", *filters, "--out", str(out), "--beta", "-1"])
        == 0
    )
    assert capsys.readouterr().out.strip() == str(out)
    scores = samples.scores("heat", Lens(beta=-1.0))
    numbers = np.flatnonzero((samples.dataset > 0) & (samples.predicted == samples.predicted[12]))
    expected = numbers[np.argsort(-scores[numbers], kind="stable")]
    assert len(expected)
    assert [row["id"] for row in rows_of(out)] == samples.ids[expected].tolist()
    out = tmp_path / "some.zip"
    assert main(["export", "flowers", "--format", "yolo", "--question", "all", "--most", "16", "--out", str(out)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "Left out: 2 of 18 images, which are beyond the limit of this export."
    with zipfile.ZipFile(out) as archive:
        assert all(sentence in archive.read("README.txt").decode() for sentence in said)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--question", "every"], "There is no question 'every': choose one of missed, flagged"),
        (["--filter", "hue=red"], "The filter 'hue=red' names no facet: write FACET=VALUE with one of set,"),
        (["--filter", "seen=cow"], "There is no value of seen 'cow': choose one of cat, dog, owl."),
        (["--filter", "tag=odd"], "There is no value of tag 'odd': choose one of none."),
        (["--most", "0"], "--most is 0: write a number from 1 on."),
        (["--baseline", "vim"], "There is no detector 'vim'"),
        (["--filter", "set=id"], "No image answers this question and passes the filters: nothing is written."),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_the_verb_refuses_what_would_be_empty(samples, tmp_path, capsys, words, sentence):
    out = tmp_path / "some.zip"
    assert main(["export", "flowers", "--format", "coco", *words, "--out", str(out)]) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()
