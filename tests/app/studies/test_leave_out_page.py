"""The study `leave-out` on the Studies page: its tables, and the rows that lead to the images of a class."""

import re
from html import unescape

from app.common.text import escape_markdown
from app.compare.sample_links import links_to_missed
from heat_core import Run
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.analysis.facets import by_folder
from heat_core.analysis.samples import Samples
from heat_core.cli.main import main
from heat_core.studies.request import list_studies
from heat_core.workbench.view_state import ViewState
from tests.app.test_pages import page
from tests.synthetic import synthetic_run


def test_a_row_about_a_class_leads_to_its_images(home):
    run = synthetic_run(home / "runs" / "a")
    link = links_to_missed([run], ViewState())
    address = link(ScoreSource(run.id, "heat", values=(("folder", ("id/a & b",)),)), ())
    assert "folder=%5B%22id%2Fa+%26+b%22%5D" in address
    assert "q=all" in address
    assert link(ScoreSource(run.id, "heat"), ()) is None
    assert "set=" in link(ScoreSource(run.id, "heat"), ("near",))


def test_the_page_shows_each_class_with_its_images(tmp_path, image_folder, home, capsys):
    known = image_folder(tmp_path / "known", dict.fromkeys(("<b>blue", "green", "red"), 10))
    words = ["study", "leave-out", "--id", str(known), "--backbone", "heat-demo-resnet", "--preset", "quick"]
    tiny = ["width=8", "updates=1", "epochs=1", "langevin_steps=1"]
    assert main([*words, "--priors", "gmm", "el", "--set", *tiny]) == 0
    assert "all composed, β = 0" in capsys.readouterr().out

    test = page("studies", study=list_studies()[0].id)
    assert not test.exception
    assert not test.error
    html = "".join(element.proto.body for element in test.get("html"))
    rows = re.findall(r'<th>([^<]*), taken for ([^<]*) \(\d+ %\)</th>.*?href="([^"]*)"', html, re.DOTALL)
    assert {unescape(name) for name, _, _ in rows} == {"<b>blue", "green", "red"}
    (run,) = [Run.open(folder) for folder in (home / "runs").iterdir()]
    assert set(by_folder(Samples(run)).names) >= {"id/<b>blue", "id/green", "id/red"}
    (green,) = {unescape(address) for name, _, address in rows if name == "green"}
    assert green.startswith(f"./?run={run.id}&")
    assert "folder=%5B%22id%2Fgreen%22%5D" in green

    time = escape_markdown("trainings of residuals follow, whose time is not counted here.")
    assert not any(time in text.value for text in test.markdown)
    test.selectbox(key="study-name").set_value("leave-out-residuals").run(timeout=60)
    assert not test.exception
    assert any(time in text.value for text in test.markdown)
