"""What manifests say of samples, as facets: against plain loops."""

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis.metadata_facets import MAX_COLUMNS, column_facets
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.questions import Query, filter_mask, sort_samples
from heat_core.analysis.samples import Samples
from heat_core.reporting.export import to_csv
from heat_core.reporting.report import to_html
from heat_core.runs.scored_images import ScoredImages
from tests.synthetic import synthetic_run


def samples_with(tmp_path, **columns) -> Samples:
    """Of a run whose set `near` alone has these columns, the others nothing."""
    of = {name: np.array(values, object if isinstance(values[0], str) else None) for name, values in columns.items()}
    count = len(next(iter(of.values())))
    return Samples(synthetic_run(tmp_path / "run", {"near": count, "far": 5}, known=10, columns={"near": of}))


def said(samples: Samples, name: str) -> list[str | None]:
    """The value of each sample of `near`."""
    facet = column_facets(samples)[f"column:{name}"]
    assert (facet.codes[samples.dataset != 1] == -1).all()
    return [facet.names[code] if code >= 0 else None for code in facet.codes[samples.dataset == 1]]


def test_texts_and_numbers_break_samples_down(tmp_path):
    samples = samples_with(tmp_path, site=["b", "", "a", "10", "9"], n=[2.0, np.nan, 0.5, 2, -1])
    assert said(samples, "site") == ["b", None, "a", "10", "9"]
    assert said(samples, "n") == ["2", None, "0.5", "2", "-1"]
    facets = column_facets(samples)
    assert facets["column:site"].names == ("9", "10", "a", "b")  # numbers by their size
    assert facets["column:n"].names == ("-1", "0.5", "2")


def test_columns_of_many_values_and_of_none_do_not(tmp_path):
    many = [str(i) for i in range(101)]
    samples = samples_with(tmp_path, many=many, few=[*many[:100], "0"], none=[""] * 101)
    assert list(column_facets(samples)) == ["column:few"]
    assert list(samples.columns) == ["many", "few", "none"]  # they are in the table all the same


def test_so_many_columns_are_facets_and_no_more(tmp_path):
    samples = samples_with(tmp_path, **{f"c{i}": ["a", "b"] for i in range(20)})
    assert list(column_facets(samples)) == [f"column:c{i}" for i in range(MAX_COLUMNS)]


DAYS = [f"2024-{1 + i % 12:02d}-{1 + i // 12:02d}" for i in range(101)]


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        (["2024-05-01T10:00Z", "", "2024-05-01 23:59", "2024-05-02"], ["2024-05-01", None, "2024-05-01", "2024-05-02"]),
        (["2024:05:01 10:00:00", "2024/05/01"], ["2024-05-01"] * 2),  # as cameras write it
        ([1714521600, 1714608000.5], ["2024-05-01", "2024-05-02"]),  # seconds
        ([1714521600000, 1714607999999], ["2024-05-01"] * 2),  # milliseconds
        ([1714521600, np.nan], ["2024-05-01", None]),
        (["morning", "2024-05-01"], ["morning", "2024-05-01"]),
        (["2024-05-012"], ["2024-05-012"]),
        ([1.0, 2.0], ["1", "2"]),
        ([1714521600, 7], ["1714521600", "7"]),
        (DAYS[:99], DAYS[:99]),
        (DAYS, [day[:7] for day in DAYS]),
        ([f"{1900 + i % 11}-{1 + i // 11:02d}-01" for i in range(132)], [str(1900 + i % 11) for i in range(132)]),
    ],
)
def test_times_are_days_or_what_is_coarse_enough(tmp_path, times, shown):
    assert said(samples_with(tmp_path, time=times), "time") == shown
    if isinstance(times[0], str) and len(set(times)) < 100:
        assert said(samples_with(tmp_path / "other", when=times), "when") == [text or None for text in times]


def test_samples_are_narrowed_and_sorted_by_them(tmp_path):
    samples = samples_with(tmp_path, **{"a:b": ["y", "x", "", "x"], "n": [10, 9, 8, 7]})
    facets = column_facets(samples)
    kept = filter_mask(samples, Query("all", values=(("column:a:b", ("x",)),)), facets)
    assert np.flatnonzero(kept).tolist() == [11, 13]
    near = np.flatnonzero(samples.dataset == 1)
    assert sort_samples(samples, near, Query(order="column:a:b:asc")).tolist() == [12, 11, 13, 10]
    assert sort_samples(samples, near, Query(order="column:n:desc")).tolist() == [10, 11, 12, 13]
    assert sort_samples(samples, near, Query(order="column:gone:asc")).tolist() == near.tolist()


def test_given_names_and_values_are_shown_as_data(tmp_path):
    """Names and values from a manifest are treated as data wherever they are shown."""
    hostile = ['=cmd|" /C calc"!A1', "<script>alert(1)</script>", "-5", "**x**"] * 10
    columns = {"<b>@n": hostile, "set": ["a", "b"] * 20, "t": [-5.0, 1, 2, 3] * 10}
    samples = samples_with(tmp_path, **columns)
    head, *rows = to_csv(samples, np.flatnonzero(samples.dataset == 1)).splitlines()
    assert head.endswith("note,tags,p,threshold,<b>@n,set~2,t")
    assert '"\'=cmd|"" /C calc""!A1",a,-5' in rows[0]  # a number is one, a text is no formula
    assert "'-5,a,2" in rows[2]
    page = to_html(samples.run, Lens(threshold=99.0))  # all are missed
    assert "<caption>&lt;b&gt;@n</caption>" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_new_images_stand_beside_the_known_ones(tmp_path):
    samples = samples_with(tmp_path, site=["a"] * 3)
    run, n = samples.run, 2
    columns = {"day": np.array(["1", "2"], object)}
    scored = ScoredImages(
        np.array(["/x/1.png", "/x/2.png"]),
        np.zeros((n, 3)),
        np.zeros((n, 3)),
        np.zeros(n, int),
        np.full(n, 0.5),
        np.zeros((n, 4)),
        np.empty((0, 2)),
        np.empty(0, str),
        columns=columns,
    )
    found = NewImages(run, scored)
    assert found.columns["day"].tolist() == [*[""] * 10, "1", "2"]
    assert list(column_facets(found)) == ["column:day"]
