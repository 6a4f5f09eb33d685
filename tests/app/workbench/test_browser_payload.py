"""What the workbench in the browser gets from Python, and what it asks."""

import json

import numpy as np

from heat_core import Lens
from heat_core.analysis.questions import Query
from heat_core.analysis.samples import Samples
from heat_core.workbench.browser_messages import query_from_browser
from heat_core.workbench.payload import pack
from heat_core.workbench.view_message import exact_numbers


def unpacked(data: bytes) -> dict:
    """Decode the payload as state/decode_run.js does."""
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    at = 4 + length + -length % 4
    for name, kind, count in header["arrays"]:
        header[name] = np.frombuffer(data, f"<{kind}", count, at)
        at += header[name].nbytes + -header[name].nbytes % 4
    assert at == len(data)
    return header


def test_what_the_browser_gets_is_the_run(demo_run):
    samples = Samples(demo_run)
    data, numbers = pack(samples, "v")
    got = unpacked(data)
    assert sorted(got["number"]) == list(range(len(samples)))
    np.testing.assert_array_equal(got["number"], numbers)
    np.testing.assert_array_equal(got["set"], samples.dataset[numbers])
    energies = np.concatenate([demo_run.energies(n) for n in demo_run.datasets])
    np.testing.assert_allclose(got["energies"].reshape(-1, 3), energies[numbers], rtol=1e-6)
    xy = got["xy"].reshape(-1, 2).astype(float)
    points = demo_run.map
    for i in (0, 100, 1500):
        name, row = samples.locate(int(numbers[i]))
        own = (points.dataset == demo_run.datasets.index(name)) & (points.row == row)
        expected = points.xy[own][0]
        scale = (points.xy.max(axis=0) - points.xy.min(axis=0)).max() / 65535
        offset = points.xy[(points.dataset == samples.dataset[numbers[0]]) & (points.row == samples.row[numbers[0]])][0]
        np.testing.assert_allclose((xy[i] - xy[0]) * scale, expected - offset, atol=2 * scale)


def test_above_the_limit_every_set_keeps_its_share(demo_run):
    got = unpacked(pack(Samples(demo_run), "v", at_most=300)[0])
    assert got["n"] <= 300
    assert got["total"] == len(Samples(demo_run))
    for i, s in enumerate(got["sets"]):
        assert s["shown"] == (got["set"] == i).sum() >= 1
        assert abs(s["shown"] / got["n"] - s["total"] / got["total"]) < 0.02


def test_exact_numbers_are_the_runs(demo_run):
    found = exact_numbers(Samples(demo_run), Lens(beta=-1.0, priors=("gmm", "el")))
    expected = demo_run.metrics(Lens(-1.0, ("gmm", "el")), ["heat"])["heat"]
    for name, numbers in list(zip(demo_run.datasets, found["sets"], strict=True))[1:]:
        assert numbers["fpr95"] == expected[name]["fpr95"]
        assert numbers["auroc"] == expected[name]["auroc"]
        assert numbers["flagged"] == round((1 - numbers["fpr95"]) * len(demo_run.ids(name)))


def test_what_the_browser_asks_is_the_query_that_python_answers():
    ask = Query("gained", "el", ("el",), (("seen", ("a", "b")),), (1.0, 2.0), "x", None, "typical")
    told = {**ask.__dict__, "values": {"seen": ["a", "b"], "nonsense": ["c"]}, "brush": [1, 2], "methods": ["el"]}
    assert query_from_browser(json.loads(json.dumps(told))) == ask
