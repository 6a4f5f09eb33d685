"""Make the pictures of docs/concepts.md from the code of notebook 03, and write down the numbers that it prints.

`python -m assets.concept_pictures`, called in the clone, writes docs/concepts/*.webp and docs/concepts/report.txt;
Chromium draws the pictures.
"""

import base64
import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from tests.browser import chromium

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK, FOLDER = ROOT / "notebooks" / "03-heat-in-two-dimensions.ipynb", ROOT / "docs" / "concepts"
INK = "#7A8088"  # a grey that can be read on light and on dark pages
WIDTH, SHARPNESS, QUALITY = 860, 1.6, 75


def run_notebook() -> tuple[dict, dict[str, go.Figure], str]:
    """Run every cell; returns its names, its figures by the number of the cell, and what it printed."""
    names, drawn, printed = {}, {}, io.StringIO()
    with redirect_stdout(printed):
        for number, cell in enumerate(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
                if isinstance(names.get("figure"), go.Figure):
                    drawn[str(number)] = names.pop("figure")
    return names, drawn, printed.getvalue()


def p_values(names: dict) -> go.Figure:
    """Draw the map of conformal p-values of the hybrid energy, calibrated on the 2,000 known points of the test."""
    hybrid, known, grid, side = (names[name] for name in ("hybrid", "known", "GRID", "SIDE"))
    calibration = np.sort(hybrid(known))
    as_high = len(calibration) - np.searchsorted(calibration, hybrid(grid))
    p = ((1 + as_high) / (len(calibration) + 1)).reshape(len(side), -1)
    figure = go.Figure()
    figure.add_heatmap(x=side, y=side, z=np.log10(p), colorscale=[[0, "#FEE838"], [1, "#00224E"]], zmin=-3, zmax=0)
    ticks = {"tickvals": [-3, -2, np.log10(0.05), -1, 0], "ticktext": ["0.1 %", "1 %", "5 %", "10 %", "100 %"]}
    figure.data[0].colorbar = {"title": "p", **ticks}
    for alpha, width in ((0.05, 2), (0.01, 1)):
        level = {"start": np.log10(alpha), "end": np.log10(alpha), "size": 1, "coloring": "none"}
        figure.add_contour(
            x=side, y=side, z=np.log10(p), contours=level, line={"color": "white", "width": width}, showscale=False
        )
    x, y = names["train"].T
    figure.add_scatter(x=x, y=y, mode="markers", marker={"color": "white", "size": 3, "opacity": 0.6})
    figure.update_xaxes(range=[-3, 3], showticklabels=False, constrain="domain")
    figure.update_yaxes(range=[-3, 3], showticklabels=False, scaleanchor="x", constrain="domain")
    return figure.update_layout(height=360, showlegend=False, margin={"l": 10, "r": 10, "t": 10, "b": 10})


def save(figures: dict[str, go.Figure]) -> None:
    """Draw the figures in Chromium and write each as WebP."""
    with chromium() as browser:
        page = browser.new_page()
        page.set_content(go.Figure().to_html(include_plotlyjs=True))
        for name, figure in figures.items():
            figure.update_layout(
                width=WIDTH, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font={"color": INK}
            )
            figure.update_xaxes(showgrid=False, zeroline=False).update_yaxes(showgrid=False, zeroline=False)
            size = {"format": "png", "width": WIDTH, "height": figure.layout.height, "scale": SHARPNESS}
            image = page.evaluate("([f, size]) => Plotly.toImage(f, size)", [json.loads(figure.to_json()), size])
            png = io.BytesIO(base64.b64decode(image.partition(",")[2]))
            Image.open(png).save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)


def main() -> None:
    """Run the notebook, and write its pictures and its numbers."""
    names, drawn, printed = run_notebook()
    landscapes, by_lambda = names["landscapes"], names["by_lambda"]
    energies = {f"λ = {value:g}": names["corrected"](names["gmm"], net) for value, net in by_lambda.items()}
    FOLDER.mkdir(exist_ok=True)
    save(
        {
            "data": drawn["5"].update_layout(height=400),
            "prior-residual-hybrid": landscapes(names["four"], 4, 250),
            "chains": drawn["16"].update_layout(height=310),
            "lambda": landscapes(energies, 3, 310),
            "beta": landscapes(names["shown"], 5, 400),
            "p-values": p_values(names),
        }
    )
    (FOLDER / "report.txt").write_text(printed, encoding="utf-8")


if __name__ == "__main__":
    main()
