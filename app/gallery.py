"""The gallery: which samples (filters, sorts, the selection), drawn as Figs. 5, 8 and 9 or as lines with reasons."""

from pathlib import Path

import numpy as np
import streamlit as st

from app import look as looks
from app import pictures
from heat_core import Run
from heat_core.export import to_csv, to_zip
from heat_core.notes import read_notes
from heat_core.results import ID
from heat_core.samples import ORDERS, Lens, Samples, answer, arrange, rules, why

EVERY, EVERY_OOD, ANY_CLASS = "every set", "every OOD set", "any"
TAGGED = "with a note or tag"
_MOST_IN_ZIP = 2000
_FOLDER = Path(__file__).parent / "live"
picture_grid = st.components.v2.component(
    "heat_gallery",
    html=(_FOLDER / "gallery.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "gallery.css").read_text(encoding="utf-8"),
    js="\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("words.js", "gallery.js")),
)


def gallery(samples: Samples, selection: np.ndarray | None) -> None:
    """Filters, the pictures, and what can be taken along. selection: sample numbers of the current lasso, or None."""
    run, look = samples.run, st.session_state["look"]
    lens = look.lens()
    methods = _methods(samples)
    baselines = [m for m in ("el", "gmm") if m in run.detectors]
    first, second = st.columns([2, 3]), st.columns([3, 2, 2], vertical_alignment="bottom")
    names = {EVERY: EVERY, EVERY_OOD: EVERY_OOD, ID: "ID test"} | {n: n for n in run.ood_names}
    chosen_set = looks.choice(
        first[0].selectbox, "Images of", list(names), "set", EVERY if selection is not None else EVERY_OOD,
        format_func=names.get,
    )  # fmt: skip
    within = _within(samples, chosen_set)
    if selection is not None and _only_selection(second[2], len(selection)):
        among = np.zeros(len(samples), bool)
        among[selection[selection < len(samples)]] = True
        within &= among
    a, b = (m if (m := look.choices.get(k)) in run.detectors else methods[end] for k, end in (("a", 0), ("b", -1)))
    every_rule = [*rules(methods, baselines), TAGGED]
    masks = {rule: within & _fits(samples, rule, methods, baselines, a, b) for rule in every_rule}
    rule = looks.choice(
        first[1].selectbox, "Filter", every_rule, "filter", "all",
        help="Caught and missed mean right and wrong: of a known image, kept and flagged by mistake. Recovered: EL or "
        "GMM misses it, HEAT catches it. Lost: EL or GMM catches it, HEAT misses it.",
    )  # fmt: skip
    st.caption(" · ".join(f"{r} {int(masks[r].sum()):,}" for r in every_rule))
    order = looks.choice(second[0].selectbox, "Sort", list(ORDERS), "order", ORDERS[0],
                    help="By HEAT's score; disagreement: how far the methods' percentiles are apart.")  # fmt: skip
    classes = [ANY_CLASS, *run.class_names]
    seen = looks.choice(
        second[1].selectbox, "Taken for", classes, "seen", ANY_CLASS, help="The class that the classifier sees."
    )
    if rule == "missed by A, caught by B":
        pair = st.columns(2)
        looks.choice(pair[0].selectbox, "A, which misses", run.detectors, "a", methods[0], format_func=run.title)
        looks.choice(pair[1].selectbox, "B, which catches", run.detectors, "b", methods[-1], format_func=run.title)
    mask = masks[rule]
    if seen != ANY_CLASS:
        mask = mask & (samples.predicted == run.class_names.index(seen))
    by = "heat" if "heat" in run.detectors else methods[-1]
    numbers = arrange(samples, np.flatnonzero(mask), order, methods, by, lens)
    _show(samples, numbers, methods)
    _take_along(samples, numbers)


def _methods(samples: Samples) -> list[str]:
    """The rows of the gallery: any detectors."""
    run = samples.run
    return looks.choices(
        st.multiselect, "Methods", run.detectors, "methods", [m for m in ("el", "gmm", "heat") if m in run.detectors],
        format_func=run.title, help="One row each, as in Figs. 5, 8 and 9 (SSD there is the GMM).",
    )  # fmt: skip


def _within(samples: Samples, chosen: str) -> np.ndarray:
    if chosen == EVERY:
        return np.ones(len(samples), bool)
    return samples.is_ood.copy() if chosen == EVERY_OOD else samples.dataset == samples.run.datasets.index(chosen)


def _only_selection(place, count: int) -> bool:
    """Whether the selection on the map narrows the gallery: yes, unless a person says otherwise."""
    return looks.switch(place, f"Selection ({count:,})", "narrow", True, help="Only what is selected on the map of the Live page.")  # fmt: skip


def _fits(samples: Samples, rule: str, methods, baselines, a, b) -> np.ndarray:
    if rule != TAGGED:
        return answer(samples, rule, methods, baselines, st.session_state["look"].lens(), a, b)
    noted = np.zeros(len(samples), bool)
    for key in read_notes(samples.run.folder):
        noted[samples.find(key)] = True
    return noted


def _show(samples: Samples, numbers: np.ndarray, methods: list[str]) -> None:
    run, look = samples.run, st.session_state["look"]
    lens = look.lens()
    controls = st.columns([3, 2], vertical_alignment="center")
    layout = looks.choice(
        controls[0].segmented_control, "Layout", ["figure", "list"], "layout", "figure", label_visibility="collapsed",
        format_func={"figure": "Rows of methods", "list": "Reasons"}.get,
    )  # fmt: skip
    count = looks.choice(controls[1].selectbox, "Pictures", ["20", "40", "100"], "count", "20",
                         label_visibility="collapsed", format_func=lambda n: f"{n} pictures")  # fmt: skip
    shown = numbers[: int(count)]
    st.caption(
        f"**{len(shown):,} of {len(numbers):,}** samples · green, solid, ✓ = right (unknown detected, known kept) · "
        "red, dashed, ✗ = wrong. A click inspects one."
    )
    if not len(numbers):
        st.info("No sample fits the filter.")
        return
    right = {m: samples.right(m, lens) for m in methods}
    cells = [
        {
            "number": int(i), "name": samples.key(i), "ood": bool(samples.is_ood[i]),
            "url": pictures.thumbnail(str(run.folder), samples.locate(i)[0], str(samples.ids[i]), run),
            "verdicts": "".join("1" if right[m][i] else "0" for m in methods), "why": why(samples, i, methods, lens),
            "caption": f"{run.class_names[samples.predicted[i]]} · {samples.confidence[i]:.0%}",
        }
        for i in map(int, shown)
    ]  # fmt: skip
    chosen = samples.find(look.sample) if look.sample in map(samples.key, map(int, shown)) else None
    data = {"methods": [run.title(m) for m in methods], "layout": layout, "samples": cells, "chosen": chosen}
    key = f"pictures-{run.id}"

    def inspect() -> None:
        looks.changed(sample=samples.key(int(st.session_state[key]["inspect"])))

    picture_grid(key=key, data=data, on_inspect_change=inspect)


def _take_along(samples: Samples, numbers: np.ndarray) -> None:
    """CSV and pictures of everything that fits, not only of what is drawn."""
    run, lens = samples.run, st.session_state["look"].lens()
    places = st.columns([2, 2, 3])
    places[0].download_button(
        f"{len(numbers):,} as CSV", lambda: to_csv(samples, numbers, lens).encode(), f"{run.id}-samples.csv", "text/csv",
        icon=":material/download:", disabled=not len(numbers), on_click="ignore", key="take-csv",
        help="Set, id, path, scores and verdicts of every method, notes and tags.",
    )  # fmt: skip
    places[1].download_button(
        f"{min(len(numbers), _MOST_IN_ZIP):,} as zip", lambda: to_zip(samples, numbers[:_MOST_IN_ZIP], lens)[0],
        f"{run.id}-samples.zip", "application/zip", icon=":material/folder_zip:", disabled=not len(numbers),
        on_click="ignore", key="take-zip", help=f"Their pictures and the table; the first {_MOST_IN_ZIP:,}.",
    )  # fmt: skip
    places[2].download_button(
        "Report of the run", lambda: _report(run, lens), f"{run.id}.html", "text/html", icon=":material/description:",
        on_click="ignore", key="take-report",
        help="Settings, tables with intervals, figures and galleries as one page that opens without internet (5 MB).",
    )  # fmt: skip


def _report(run: Run, lens: Lens) -> bytes:
    from heat_core.report import to_html  # imports plotly: only when it is asked for

    return to_html(run, lens).encode()
