"""The report: whole, without internet, with what the missed have in common, and names in it that run nothing."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from heat_core import HeatError, Lens, Run
from heat_core.analysis.notes import write_note
from heat_core.analysis.questions import Query, baseline_of, count_gains, question_mask
from heat_core.analysis.samples import Samples
from heat_core.reporting.report import to_html, write_report
from heat_core.reporting.report_pictures import gallery_sections
from heat_core.runs.results_file import ENERGIES, RunRecord
from tests.conftest import copy_run
from tests.synthetic import synthetic_run


@pytest.fixture
def folder(demo_run, home):
    """A copy of the demo's run that a test may write into."""
    copy_run(demo_run, home / "runs" / demo_run.id)
    return home / "runs" / demo_run.id


def test_a_report_opens_without_internet(folder):
    run = Run.open(folder)
    write_note(folder, Samples(run).key(3), "<b>bold</b>", [])
    write_report(run, folder / "report.html", Lens(-1.0))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "β = −1" in page
    assert page.count("data:image/png;base64,") > 10
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold</b>" not in page
    assert not re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(?!data:)', page)
    (folder / "energies.npz").unlink()
    with pytest.raises(HeatError, match="no results"):
        write_report(Run.open(folder), folder / "report.html")


def test_every_question_has_its_count_and_pictures_that_differ(demo_run):
    samples, lens = Samples(demo_run), Lens(-1.0)
    against = demo_run.title(baseline_of(samples, Query()))
    page = to_html(demo_run, lens)
    gained, lost = count_gains(samples, Query(), lens)
    assert f"<b>+{gained:,} −{lost:,} against {against}</b>" in page
    sections = {
        "Missed by HEAT": Query("missed"),
        f"Caught by HEAT, missed by {against}": Query("gained"),
        f"Missed by HEAT, caught by {against}": Query("lost"),
        f"Missed by all {len(demo_run.detectors)} detectors": Query("missed-by-all", methods=tuple(demo_run.detectors)),
        "ID flagged by HEAT": Query("flagged"),
    }
    for title, query in sections.items():
        count = int(question_mask(samples, query, lens).sum())
        (section,) = re.findall(rf"<h2>{re.escape(html.escape(title))}</h2>(.*?)</div>", page, re.DOTALL)
        assert section.count("<figure") == min(count, 12)
        if count > 12:
            assert f"{count:,} images, most confident first. 12 are shown: the first, and those" in section


class Bars(HTMLParser):
    """The breakdown's tables: caption → value → what stands beside it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._at, self._text = "", {"caption": "", "th": "", "td": ""}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag in self._text:
            self._at, self._text[tag] = tag, ""

    def handle_data(self, data):
        if self._at:
            self._text[self._at] += data

    def handle_endtag(self, tag):
        if tag == "caption":
            self.found[self._text["caption"]] = {}
        elif tag == "td":
            self.found[self._text["caption"]][self._text["th"]] = self._text["td"]
        self._at = "" if tag == self._at else self._at


def test_the_breakdown_counts_the_missed(tmp_path):
    names = {"near <b>&": 60, "far": 70, "none missed": 5}
    run = synthetic_run(tmp_path / "run", names, known=80)
    record = RunRecord.load(run.folder / ENERGIES)
    record.sets[3].prior[:] += 50
    record.save(run.folder / ENERGIES)
    samples = Samples(Run.open(run.folder))
    lens = Lens(threshold=3.0)
    missed = question_mask(samples, Query("missed"), lens)
    assert 10 < missed.sum() < 130
    found = Bars(gallery_sections(samples, lens)).found
    assert list(found) == [
        "OOD set",
        "Predicted class",
        "Prior or residual that lowers the score most",
    ]  # ids without a folder
    plain = {name: int(missed[samples.dataset == i + 1].sum()) for i, name in enumerate(names)}
    assert found["OOD set"] == {name: f"{n} of {names[name]}" for name, n in plain.items() if n}
    assert "none missed" not in found["OOD set"]
    counts = [int(text.split(" of ")[0]) for text in found["Predicted class"].values()]
    assert sum(counts) == missed.sum()
    assert counts == sorted(counts, reverse=True)
    assert sum(map(int, found["Prior or residual that lowers the score most"].values())) == missed.sum()
    for name, text in found["Predicted class"].items():
        seen = samples.predicted == run.class_names.index(name)
        assert text == f"{(missed & seen).sum()} of {(samples.is_ood & seen).sum()}"


def test_many_values_are_the_commonest_and_how_many_others(tmp_path):
    run = synthetic_run(tmp_path / "run", {f"set {i}": 20 + i for i in range(12)}, known=60)
    samples = Samples(run)
    bars = Bars(gallery_sections(samples, Lens(threshold=1e9))).found["OOD set"]
    assert next(iter(bars.items())) == ("set 11", "31 of 31")
    assert list(bars.items())[-1] == ("4 others", str(20 + 21 + 22 + 23))
    assert len(bars) == 9


def test_a_report_without_missed_samples_or_training(tmp_path):
    run = synthetic_run(tmp_path / "run")
    page = gallery_sections(Samples(run), Lens(threshold=-1e9))
    assert "What the missed images have in common" not in page
    assert "None." in page
    record = RunRecord.load(run.folder / ENERGIES)
    for found in record.sets:
        object.__setattr__(found, "prior", found.prior[:, :0])
        object.__setattr__(found, "residual", found.residual[:, :0])
    object.__setattr__(record, "scale", record.scale.select(()))
    object.__setattr__(record, "temperatures", ())
    record.save(run.folder / ENERGIES)
    assert gallery_sections(Samples(Run.open(run.folder)), Lens()) == ""


@pytest.mark.parametrize("name", ['"><script>alert(1)</script>', "<img src=x onerror=y>", "a&b"])
def test_names_are_shown_and_do_nothing(tmp_path, name):
    run = synthetic_run(tmp_path / "run", {name: 40})
    record = RunRecord.load(run.folder / ENERGIES)
    for found in record.sets:
        object.__setattr__(found, "ids", np.array([f"{name}/{i}" for i in range(len(found.ids))]))
    object.__setattr__(record, "titles", {row: name for row in record.titles})
    object.__setattr__(record, "class_names", [name, "b", "c"])
    record.save(run.folder / ENERGIES)
    page = to_html(Run.open(run.folder), Lens(threshold=2.0))
    body = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)
    assert html.escape(name) in body
    assert "<script>alert" not in body
    assert "<img src=x" not in body
    assert html.escape(f"{name}/{name}") in body  # the folder's bar
