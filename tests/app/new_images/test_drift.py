"""New images as a whole: discoveries, and drift by group."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis.new_images import NewImages
from heat_core.pipeline.scoring import score
from heat_core.runs.lock import LOG_FILE
from heat_core.runs.scored_images import SCORED, ScoredImages
from tests.app.test_pages import page
from tests.conftest import copy_run


@pytest.fixture
def month(demo_run, tmp_path):
    """A list of 60 images: five known digits on each of ten days, but for one day of photographs; two cameras."""
    rows = ["path,time,camera"]
    for i in range(60):
        day, name = i // 6 + 1, "photo patches" if i // 6 == 4 else "id"
        demo_run.image(name, str(demo_run.ids(name)[i])).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,2026-06-{day:02d}T12:00:00,*{i % 2}*")
    (tmp_path / "month.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path / "month.csv"


@pytest.fixture
def scored(demo_run, month):
    return score(demo_run, [month])


def test_groups_and_discoveries_are_those_of_the_library(demo_run, scored):
    found, lens = NewImages(demo_run, scored), Lens(beta=-1.0)
    assert list(found.groupings) == ["time", "camera"]
    groups = {group.name: group for group in found.drift("time", lens, 0.05)}
    assert len(groups) == 10
    assert groups["2026-06-05"].verdict == "another domain?"
    assert sum(bool(group.verdict) for group in groups.values()) == 1
    count, line = found.discoveries(lens, 0.05)
    scores = found.scores("heat", lens)[found.is_ood]
    assert count == (scores > line).sum() > 0
    p = found.calibration(lens).p_values(scores)
    assert p[scores > line].max() <= 0.05 * count / 60


def test_a_day_without_readable_images_keeps_its_row(demo_run, month, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"")
    with month.open("a", encoding="utf-8") as file:
        file.write("\nbroken.png,2026-06-11,B")
    score(demo_run, [month]).save(tmp_path / SCORED)
    found = NewImages(demo_run, ScoredImages.load(tmp_path / SCORED))
    assert [group.name for group in found.drift("camera", Lens(), 0.05)] == ["*0*", "*1*", "B"]
    last = found.drift("time", Lens(), 0.05)[-1]
    assert [last.name, last.images, last.unreadable] == ["2026-06-11", 0, 1]


def test_without_groups_there_is_no_table(demo_run, scored):
    assert not NewImages(demo_run, replace(scored, columns={})).groupings
    assert NewImages(demo_run, replace(scored, columns={"n": np.arange(60)})).groupings.keys() == {"n"}


def test_the_page_shows_both_and_draws_the_line(demo_run, scored, home):
    folder = home / "runs" / demo_run.id
    copy_run(demo_run, folder)
    batch = folder / "own" / "20260101-000000"
    batch.mkdir(parents=True)
    scored.save(batch / SCORED)
    (batch / LOG_FILE).touch()
    test = page("new_images", run=demo_run.id)
    assert not test.exception, test.exception
    said = " ".join(m.value for m in test.markdown)
    assert "images are unknown at a false-discovery rate of 5 %" in said
    assert "**1 of 10 groups differ**" in said
    assert test.dataframe[0].value.shape == (10, 7)
    test.button(key="draw-discoveries").click().run()
    assert test.session_state["view-state"].threshold == pytest.approx(
        NewImages(demo_run, scored).discoveries(Lens(), 0.05)[1]
    )
    test.selectbox(key="choice-by").set_value("camera").run()
    assert test.dataframe[0].value["group"].tolist() == ["*0*", "*1*"]
