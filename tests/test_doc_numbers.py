"""Numbers of the README and of docs/ are those of the files that commands wrote."""

import csv
import re
from pathlib import Path

import pytest

from heat_core.detectors import in_table_order

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NUMBER = r"[+\-−]?\d+(?:\.\d+)?"
PAIR = re.compile(rf"({NUMBER}) / ({NUMBER})")
INTERVAL = re.compile(rf"({NUMBER})(?: points of \w+)?\s\\?\[({NUMBER}), ({NUMBER})\\?\]")
#: Differences that no stored file has: what each was measured with stands beside it on its page.
WITHOUT_A_FILE = {
    "evidence.md": {
        ("-0.07", "-0.12", "-0.02"),  # study paper --preset released --limit 250
        ("+0.05", "0.02", "0.07"),
        ("-0.04", "-0.07", "-0.01"),
        ("+1.76", "1.44", "2.07"),
    },
    "results.md": {("+0.16", "0.04", "0.28"), ("+10.4", "-1.0", "21.2")},  # study priors --preset paper
}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8").replace("−", "-")


def tables_of(text: str) -> list[list[list[str]]]:
    """Every table of a text: rows of cells without marks of emphasis, the header first."""
    found = []
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        rows = [
            [re.sub(r"\*\*|</?u>", "", cell).strip() for cell in line.strip("|\n").split("|")]
            for line in table.splitlines()
        ]
        found.append([rows[0], *rows[2:]])
    return found


def averages_of_parts(page: str) -> dict[str, tuple[str, str]]:
    """Row → its average FPR95 and AUROC, from the two tables of Tab. 1 that a study wrote."""
    text = re.search(r"^## [^\n]*Tabs?\. 1\b.*?(?=^## |\Z)", page, re.M | re.S)[0]
    by_metric = {}
    for metric in ("FPR95", "AUROC"):
        header, *rows = tables_of(text[text.index(f"**{metric}") :])[0]
        column = header.index("average")
        by_metric[metric] = {row[0]: row[column].split(" ")[0] for row in rows}
    return {row: (by_metric["FPR95"][row], by_metric["AUROC"][row]) for row in by_metric["FPR95"]}


def measured_intervals() -> list[tuple[float, float, float]]:
    """Every difference with its interval that the pages of docs/evidence state."""
    pages = [path.read_text(encoding="utf-8") for path in sorted((DOCS / "evidence").glob("*.md"))]
    return [
        tuple(float(number) for number in found) for page in pages for found in INTERVAL.findall(page.replace("−", "-"))
    ]


def is_rounded_from(shown: tuple[str, ...], exact: tuple[float, ...]) -> bool:
    """Whether each number is the measured one, which has two decimals, rounded to as many as are shown."""
    slack = {number: 0.0551 if len(number.partition(".")[2]) < 2 else 1e-9 for number in shown}
    return all(abs(float(number) - value) <= slack[number] for number, value in zip(shown, exact, strict=True))


def results_rows() -> list[list[str]]:
    (table,) = [table for table in tables_of(read("README.md")) if table[0][0] == "ID set, network"]
    return table[1:]


@pytest.mark.parametrize("row", results_rows(), ids=lambda row: row[0].split("]")[0].strip("["))
def test_the_results_of_the_readme_are_those_of_the_studies(row):
    name, *corrected, composed, difference = row
    page = read(re.search(r"\((docs/evidence/[\w-]+\.md)\)", name)[1])
    of_parts = averages_of_parts(page)
    for prior, cell in zip(("GMM", "GMM-std", "EL"), corrected, strict=True):
        assert PAIR.findall(cell) == [of_parts[prior], of_parts[f"HEAT-{prior}"]], prior
    of_all = [
        row[table[0].index("average")].split(" ")[0]
        for table in tables_of(page)
        for row in table
        if row[0] == "GMM + GMM-std + EL"
    ]
    assert PAIR.findall(composed) == [tuple(of_all)]  # the tables of FPR95 and of AUROC
    best_part = re.search(r"^- HEAT against its best part.*", page, re.M)[0]
    assert is_rounded_from(INTERVAL.search(difference).groups(), tuple(map(float, INTERVAL.search(best_part).groups())))


@pytest.mark.parametrize("page", ["README.md", "docs/evidence.md", "docs/results.md"])
def test_differences_with_intervals_are_in_a_study_file(page):
    measured = measured_intervals()
    shown = INTERVAL.findall(read(page))
    without = [numbers for numbers in shown if not any(is_rounded_from(numbers, exact) for exact in measured)]
    assert set(without) == WITHOUT_A_FILE.get(Path(page).name, set())
    assert shown


@pytest.mark.parametrize("row", ["HEAT", "KNN", "ViM"])
def test_the_summary_of_all_methods_is_that_of_the_csv(row):
    numbers = []
    for metric in ("fpr95", "auroc"):
        with (DOCS / "evidence" / f"tab-4-{metric}.csv").open(encoding="utf-8", newline="") as file:
            (value,) = [
                line["value"]
                for line in csv.DictReader(file)
                if (line["row"], line["group"], line["set"]) == (row, "", "average")
            ]
        numbers.append(f"{float(value):.1f}")
    assert f"{row} {' / '.join(numbers)}" in read("docs/evidence.md")


@pytest.mark.parametrize("name", ["photos", "scenes", "cifar10"])
def test_near_and_far_are_those_of_the_study(name):
    fpr95, auroc = tables_of(read(f"docs/evidence/leave-out-{name}.md"))[:2]
    expected = [
        [(above[i].split(" ")[0], below[i].split(" ")[0]) for above, below in zip(auroc[1:], fpr95[1:], strict=True)]
        for i in (1, 2, 3)  # near, far, real sets
    ]
    (rows,) = [rows for rows in tables_of(read("docs/evidence.md")) if rows[0][0].startswith("ID set (classes")]
    first = next(i for i, row in enumerate(rows) if f"leave-out-{name}.md" in row[0])
    shown = [PAIR.findall(" ".join(row[2:])) for row in rows[first : first + 3]]
    assert shown == expected


def test_the_times_are_those_of_the_csv():
    with (DOCS / "evidence" / "tab-12-ms.csv").open(encoding="utf-8", newline="") as file:
        ms = {line["row"]: float(line["value"]) for line in csv.DictReader(file)}
    (line,) = re.findall(r"^\| Time per image.*", read("docs/evidence.md"), re.M)
    network, prior, residual, heat, ensemble = map(float, re.findall(r"\d+\.\d+", line))
    assert (network, heat, ensemble) == (
        round(ms["resnet18"], 2),
        round(ms["HEAT"], 2),
        round(ms["ensemble of 5 networks"], 1),
    )
    assert max(round(ms[name], 3) for name in ("GMM", "GMM-std", "EL")) == prior
    assert round(ms["a residual"], 3) == residual


def test_the_numbers_of_the_demo_are_those_of_its_study():
    found = [
        row[table[0].index("average")]
        for table in tables_of(read("docs/evidence/demo.md"))
        for row in table
        if row[0] == "HEAT"
    ]
    pair = " / ".join(value.split(" ")[0] for value in found)
    assert f"HEAT {pair} against the best" in read("docs/evidence.md")


def test_numbers_of_the_concepts_are_those_of_the_script():
    printed = read("docs/concepts/report.txt")
    page = read("docs/concepts.md")
    (table,) = [table for table in tables_of(page) if table[0][0] == "energy"]
    for name, *areas in table[1:]:
        line = next(line for line in printed.splitlines() if line.startswith(name))
        assert [area.replace(" ", "") for area in areas] == re.findall(r"[\d.]+%", line)
    shares = {f"{share} %" for share in re.findall(r"(\d+(?:\.\d+)?)%", printed)} | {"5 %", "1 %", "95 %", "0.2 %"}
    body = re.sub(r"^\|.*", "", page, flags=re.M)
    assert set(re.findall(r"\d+(?:\.\d+)? %", body)) <= shares


def test_the_methods_that_are_not_in_the_paper_are_counted():
    """ResFlow, whose own section of the page says that the paper names it, is among neither."""
    (table,) = [table for table in tables_of(read("docs/methods.md")) if table[0][0] == "method"]
    files = {re.sub(r".*/(\w+)\.py.*", r"\1", row[0]).replace("_", "-") for row in table[1:]}
    assert files < set(in_table_order())
    others = len(in_table_order()) - len(files) - 1
    for page in ("README.md", "docs/own-images.md"):
        assert f"{others} methods of the paper's tables and {len(files)} others" in read(page).replace("\n", " ")
