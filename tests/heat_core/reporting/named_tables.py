"""Names of every kind, and a small table that carries them."""

import csv
import io

import numpy as np

from heat_core.analysis.comparison import Cell, Comparison

NAMES = [
    "a|b",
    "`code`",
    "*bold* **b** _i_",
    "#1 $5 {x} ~50^2 & 3%",
    "a\\b",
    "ends in \\",
    "<b>&amp;</b>",
    "β = 1",
    "two\nlines",
    "=1+1",
    "\t=x",
    "@x",
    "-2+3",
    "+1",
    "[x](http://e)",
    "![x](y)",
    "\\textbf{x}",
    "$\\beta$",
    "\\\\",
    "\\&",
    "\\|",
    "{",
    "}",
    "猫 é",
    "a  b",
    "</td><script>",
    "'quoted' \"x\"",
    "",
    "a & b \\\\ c",
    "~~x~~",
]


VALUES = np.array([[97.25, 50.0, -3.5], [12.34, 100.0, 0.0]])


def table(label: str = "MSP", column: str = "far", group: str = "near") -> Comparison:
    """Two rows and three columns; the names are in the first of each."""
    cells = [
        [Cell(float(value), float(value) - 1, float(value) + 1, place, False) for value in row]
        for row, place in zip(VALUES, (1, 2), strict=True)
    ]
    return Comparison("auroc", [label, "HEAT"], [(group, column), (group, "other"), ("", "average")], cells)


def read_back(text: str) -> list[list[str]]:
    """The cells of a CSV."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))
