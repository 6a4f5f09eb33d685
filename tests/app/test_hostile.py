"""A run whose every text is hostile, and addresses too: all pages show it, and no request leaves them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from app.common.faults import UNEXPECTED
from heat_core.analysis.notes import write_note
from heat_core.analysis.samples import Samples
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.run import Run
from heat_core.runs.scored_images import ScoredImages
from heat_core.storage import read_json, write_json
from tests.browser import APP, NEEDS_CHROMIUM, chromium, streamlit_on
from tests.synthetic import synthetic_run

pytestmark = NEEDS_CHROMIUM
ELSEWHERE = "http://127.0.0.1:9"  # nobody is there; who asks is seen in the browser's log
RUN = "`r` ![x](https:evil.example) &lt; [a](b)"


def hostile(where: str) -> str:
    """A name that would be a picture, a link, code, colour, formula, icon and HTML; `where` it stands."""
    return (
        f"{where} ![x]({ELSEWHERE}/{where}.png) [sign in]({ELSEWHERE}) `c` &lt;i&gt; &#33;[y]({ELSEWHERE}/e) "
        f'<img src="{ELSEWHERE}/h"> <a href="{ELSEWHERE}">out</a> <b>b</b> :red[r] :material/home: :smile: $x^2$ **s** '
        f"www.evil.example a@evil.example.com {ELSEWHERE} %{{y}}"
    )


def hostile_run(folder: Path) -> Run:
    """A finished run with such a text in every place that holds one."""
    run = synthetic_run(folder, ood={hostile("near"): 40, hostile("far"): 50})
    record = RunRecord.load(folder / ENERGIES)
    sets = [
        replace(s, ids=np.array([hostile(f"file{i}-{j}") + ".png" for j in range(len(s))]))
        for i, s in enumerate(record.sets)
    ]
    replace(
        record,
        sets=sets,
        class_names=[hostile(f"class{i}") for i in range(len(record.class_names))],
        titles={row: hostile(f"title-{row}") for row in record.titles},
        left_out={hostile("row"): hostile("reason")},
        notes=(hostile("note"),),
        training_ids=np.array([hostile(f"train{i}") for i in range(len(record.training_ids))]),
    ).save(folder / ENERGIES)
    info = read_json(folder / "run.json")
    info["experiment"] |= {"backbone": hostile("backbone"), "name": hostile("name"), "id": hostile("id"), "groups": {}}
    info |= {"status": "failed", "error": hostile("error")}
    write_json(folder / "run.json", info)
    event = {"time": 0.0, "stage": "priors", "message": hostile("event")}
    (folder / "events.jsonl").write_text(json.dumps(event) + "\n")
    write_note(folder, Samples(Run.open(folder)).key(0), hostile("note"), [hostile("tag")])
    batch = folder / "own" / "20260101-000000"
    batch.mkdir(parents=True)
    two, three = np.zeros((3, len(run.priors))), np.zeros(3)
    names = np.array([hostile(f"mine{i}") for i in range(3)])
    ScoredImages(names, two, two, three.astype(int), three, np.zeros((3, 8)), np.zeros((3, 2)), names).save(
        batch / "scored.npz"
    )
    (batch / "log.txt").write_text(hostile("log"))
    failed = folder / "own" / "20250101-000000"
    failed.mkdir()
    for name in ("log.txt", "failed.txt"):
        (failed / name).write_text(hostile("failed"))
    return Run.open(folder)


LEAKS = """() => {
  const found = [];
  const visit = root => {
    for (const e of root.querySelectorAll('*')) {
      if (e.shadowRoot) visit(e.shadowRoot);
      const to = e.getAttribute('href') ?? e.getAttribute('xlink:href') ?? e.getAttribute('src') ?? '';
      if (e.localName === 'a' && to && !to.startsWith('#') && new URL(to, location).origin !== location.origin)
        found.push(e.outerHTML);
      if (e.localName === 'img' && !/^(data|blob):/.test(to) && new URL(to, location).origin !== location.origin)
        found.push(e.outerHTML);
      if (['em', 'del', 'script', 'iframe', 'object'].includes(e.localName) && /evil|127.0.0.1:9/.test(e.outerHTML))
        found.push(e.outerHTML);
      if (e.classList?.contains('katex') || e.dataset?.testid === 'stException') found.push(e.outerHTML);
    }
  };
  visit(document.body);
  return found;
}"""


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[str, Run]]:
    """The app's address, and the only run."""
    home = tmp_path_factory.mktemp("hostile")
    run = hostile_run(home / "runs" / RUN)
    with streamlit_on(APP, home, HEAT_HOME=str(home)) as address:
        yield address, run


@pytest.fixture(scope="module")
def page(served):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.asked, page.problems = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        # Streamlit looks for its server beside the page that was asked for before it looks above it: 404.
        page.on(
            "console",
            lambda said: (
                said.type == "error"
                and not any(known in said.location["url"] for known in ("/_stcore/", "/heat-files/picture?"))
                and page.problems.append(said.text)
            ),
        )
        yield page


def visit(page, address: str, name: str, **query: str) -> str:
    """Open a page of the app, wait until it is drawn, and look for what got out; returns the page's text."""
    page.asked.clear()
    page.problems.clear()
    page.goto(f"{address}/{name}?{urlencode(query)}")
    page.wait_for_selector("h1", timeout=30_000)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=30_000)
    settled = "() => !document.querySelector('[data-testid=stSkeleton]')"
    page.wait_for_function(settled, timeout=30_000)
    for folded in page.locator("[data-testid=stExpander] summary").all():
        folded.click()
    page.wait_for_function(settled, timeout=30_000)
    if name in ("", "new_images"):
        page.wait_for_function(
            "() => [...(globalThis.heatLive ?? [])].some(([_, e]) => e.live?.isExact)", timeout=30_000
        )
        page.wait_for_timeout(700)
    assert page.evaluate(LEAKS) == []
    strangers = [url for url in page.asked if not url.startswith((address, f"ws{address[4:]}", "data:", "blob:"))]
    assert strangers == []
    assert page.problems == []
    return page.evaluate(TEXT).replace("\u2060", "")


# What can be read, in components too, with everything unfolded.
TEXT = """() => {
  const texts = [document.querySelector('[data-testid=stApp]').innerText];
  for (const e of document.querySelectorAll('*')) {
    if (!e.shadowRoot) continue;
    for (const folded of e.shadowRoot.querySelectorAll('details')) folded.open = true;
    for (const child of e.shadowRoot.children) texts.push(child.innerText ?? '');
  }
  return texts.join('\\n');
}"""


def written(where: str) -> str:
    """What a page must show of such a text."""
    return f"![x]({ELSEWHERE}/{where}.png) [sign in]({ELSEWHERE}) `c` &lt;i&gt; &#33;[y]({ELSEWHERE}/e)"


@pytest.mark.parametrize(
    ("name", "shown"),
    {
        "": ["backbone", "near", "error", "file0-0", "title-el", "class0", "tag"],
        "compare": ["backbone", "title-msp", "row"],
        "new_images": ["backbone", "class0"],
        "studies": ["backbone"],
        "runs": ["backbone", "error", "event"],
    }.items(),
)
def test_a_page_of_a_hostile_run_makes_no_request(name, shown, page, served):
    address, run = served
    text = visit(page, address, name, run=RUN, sample=Samples(run).key(0), colour="class", layout="table", q="all")
    assert UNEXPECTED not in text
    assert [where for where in shown if written(where) not in text] == []


@pytest.mark.parametrize(
    ("name", "keys"),
    [("", ("run",)), ("", ("sel", "sample", "beta", "set", "find", "q", "base")), ("new_images", ("batch",))],
)
def test_a_hostile_address_makes_no_request(name, keys, page, served):
    text = visit(page, served[0], name, **{"run": RUN} | {key: hostile("query") for key in keys})
    assert UNEXPECTED not in text
    assert (written("query") in text) == (name == "")
