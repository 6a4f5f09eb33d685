"""The gallery: which samples (filters, sorts, the selection), drawn as Figs. 5, 8 and 9 or as lines with reasons."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from app import browser, pictures, session, widgets
from app.text import plain
from heat_core import HeatError, Lens, Run
from heat_core.analysis.export import to_csv, to_zip
from heat_core.analysis.questions import ORDERS, answer, arrange, rules, tagged, why
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT
from heat_core.runs.experiment import ID

EVERY, EVERY_OOD, ANY_CLASS = "every set", "every OOD set", "any"
TAGGED = "with a note or tag"
BASELINES = ("el", "gmm")  # the priors alone that HEAT is held against
_PAIR = "missed by A, caught by B"
_MOST_IN_ZIP = 2000
picture_grid = browser.component("heat_gallery", "gallery")


@dataclass(frozen=True)
class _Compared:
    """The detectors that the filters are about.

    Attributes:
        rows: those with a row of pictures each.
        baselines: the priors alone that HEAT is held against.
        a: which misses, in "missed by A, caught by B".
        b: which catches.
    """

    rows: list[str]
    baselines: list[str]
    a: str
    b: str


def gallery(samples: Samples, selection: np.ndarray | None) -> None:
    """Filters, the pictures, and what can be taken along. selection: sample numbers of the current lasso, or None."""
    run, lens = samples.run, session.look().lens()
    compared = _compared(run)
    first, second = st.columns([2, 3]), st.columns([3, 2, 2], vertical_alignment="bottom")
    names = {EVERY: EVERY, EVERY_OOD: EVERY_OOD, ID: "ID test"} | {n: n for n in run.ood_names}
    usual = EVERY if selection is not None else EVERY_OOD
    chosen_set = widgets.choice(first[0].selectbox, "Images of", list(names), "set", usual, format_func=names.get)
    within = _within(samples, chosen_set)
    if selection is not None and _only_selection(second[2], len(selection)):
        among = np.zeros(len(samples), bool)
        among[selection[selection < len(samples)]] = True
        within &= among
    every_rule = [*rules(compared.rows, compared.baselines), TAGGED]
    masks = {rule: within & _fits(samples, rule, compared, lens) for rule in every_rule}
    rule = widgets.choice(
        first[1].selectbox,
        "Filter",
        every_rule,
        "filter",
        "all",
        help="Caught and missed mean right and wrong: of a known image, kept and flagged by mistake. Recovered: EL or "
        "GMM misses it, HEAT catches it. Lost: EL or GMM catches it, HEAT misses it.",
    )
    st.caption(" · ".join(f"{plain(r)} {int(masks[r].sum()):,}" for r in every_rule))
    order = widgets.choice(
        second[0].selectbox,
        "Sort",
        list(ORDERS),
        "order",
        ORDERS[0],
        help="By HEAT's score; disagreement: how far the methods' percentiles are apart.",
    )
    seen = widgets.choice(
        second[1].selectbox,
        "Taken for",
        [ANY_CLASS, *run.class_names],
        "seen",
        ANY_CLASS,
        help="The class that the classifier sees.",
    )
    if rule == _PAIR:
        _choose_pair(run, compared)
    mask = masks[rule]
    if seen != ANY_CLASS:
        mask = mask & (samples.predicted == run.class_names.index(seen))
    by = HEAT if HEAT in run.detectors else compared.rows[-1]
    numbers = arrange(samples, np.flatnonzero(mask), order, compared.rows, by, lens)
    _show(samples, numbers, compared.rows, lens)
    _take_along(samples, numbers, lens)


def _compared(run: Run) -> _Compared:
    """The rows of the gallery, any detectors; and the pair of the filter that has one."""
    rows = widgets.choices(
        st.multiselect,
        "Methods",
        run.detectors,
        "methods",
        [d for d in (*BASELINES, HEAT) if d in run.detectors],
        format_func=run.title,
        help="One row each, as in Figs. 5, 8 and 9 (SSD there is the GMM).",
    )
    asked = session.look().choices
    a, b = (d if (d := asked.get(name)) in run.detectors else rows[end] for name, end in (("a", 0), ("b", -1)))
    return _Compared(rows, [d for d in BASELINES if d in run.detectors], str(a), str(b))


def _choose_pair(run: Run, compared: _Compared) -> None:
    misses, catches = st.columns(2)
    first, last = compared.rows[0], compared.rows[-1]
    widgets.choice(misses.selectbox, "A, which misses", run.detectors, "a", first, format_func=run.title)
    widgets.choice(catches.selectbox, "B, which catches", run.detectors, "b", last, format_func=run.title)


def _within(samples: Samples, chosen: str) -> np.ndarray:
    if chosen == EVERY:
        return np.ones(len(samples), bool)
    return samples.is_ood.copy() if chosen == EVERY_OOD else samples.dataset == samples.run.datasets.index(chosen)


def _only_selection(place: st.delta_generator.DeltaGenerator, count: int) -> bool:
    """Whether the selection on the map narrows the gallery: yes, unless a person says otherwise."""
    label, why_so = f"Selection ({count:,})", "Only what is selected on the map of the Live page."
    return widgets.switch(place, label, "narrow", True, help=why_so)


def _fits(samples: Samples, rule: str, compared: _Compared, lens: Lens) -> np.ndarray:
    if rule == TAGGED:
        try:
            return tagged(samples)
        except HeatError as error:  # damaged notes end nothing but themselves
            st.warning(plain(error))
            return np.zeros(len(samples), bool)
    return answer(samples, rule, compared.rows, compared.baselines, lens, compared.a, compared.b)


def _show(samples: Samples, numbers: np.ndarray, detectors: list[str], lens: Lens) -> None:
    run, look = samples.run, session.look()
    controls = st.columns([3, 2], vertical_alignment="center")
    layout = widgets.choice(
        controls[0].segmented_control,
        "Layout",
        ["figure", "list"],
        "layout",
        "figure",
        label_visibility="collapsed",
        format_func={"figure": "Rows of methods", "list": "Reasons"}.get,
    )
    count = widgets.choice(
        controls[1].selectbox,
        "Pictures",
        ["20", "40", "100"],
        "count",
        "20",
        label_visibility="collapsed",
        format_func=lambda n: f"{n} pictures",
    )
    shown = [int(i) for i in numbers[: int(count)]]
    st.caption(
        f"**{len(shown):,} of {len(numbers):,}** samples · green, solid, ✓ = right (unknown detected, known kept) · "
        "red, dashed, ✗ = wrong. A click inspects one."
    )
    if not len(numbers):
        st.info("No sample fits the filter.")
        return
    right = {d: samples.right(d, lens) for d in detectors}
    cells = [
        {
            "number": i,
            "name": samples.key(i),
            "ood": bool(samples.is_ood[i]),
            "url": pictures.thumbnail(str(run.folder), samples.locate(i)[0], str(samples.ids[i]), run),
            "verdicts": "".join("1" if right[d][i] else "0" for d in detectors),
            "why": why(samples, i, detectors, lens),
            "caption": f"{run.class_names[samples.predicted[i]]} · {samples.confidence[i]:.0%}",
        }
        for i in shown
    ]
    chosen = next((i for i in shown if samples.key(i) == look.sample), None)
    key = f"pictures-{run.id}"

    def inspect() -> None:
        session.changed(sample=samples.key(int(session.event(key, "inspect"))))

    draw(key, [run.title(d) for d in detectors], cells, chosen, layout, inspect)


def draw(
    key: str,
    titles: list[str],
    cells: list[dict[str, Any]],
    chosen: int | None,
    layout: str = "figure",
    on_inspect: Callable[[], None] = lambda: None,
) -> None:
    """Draw pictures in the browser, one row a detector; a click calls `on_inspect` with the number as the event."""
    data = {"methods": titles, "layout": layout, "samples": cells, "chosen": chosen}
    picture_grid(key=key, data=data, on_inspect_change=on_inspect)


def _take_along(samples: Samples, numbers: np.ndarray, lens: Lens) -> None:
    """CSV and pictures of everything that fits, not only of what is drawn."""
    run = samples.run
    places = st.columns([2, 2, 3])
    places[0].download_button(
        f"{len(numbers):,} as CSV",
        lambda: to_csv(samples, numbers, lens).encode(),
        f"{run.id}-samples.csv",
        "text/csv",
        icon=":material/download:",
        disabled=not len(numbers),
        on_click="ignore",
        key="take-csv",
        help="Set, id, path, scores and verdicts of every method, notes and tags.",
    )
    places[1].download_button(
        f"{min(len(numbers), _MOST_IN_ZIP):,} as zip",
        lambda: to_zip(samples, numbers[:_MOST_IN_ZIP], lens)[0],
        f"{run.id}-samples.zip",
        "application/zip",
        icon=":material/folder_zip:",
        disabled=not len(numbers),
        on_click="ignore",
        key="take-zip",
        help=f"Their pictures and the table; the first {_MOST_IN_ZIP:,}.",
    )
    places[2].download_button(
        "Report of the run",
        lambda: _report(run, lens),
        f"{run.id}.html",
        "text/html",
        icon=":material/description:",
        on_click="ignore",
        key="take-report",
        help="Settings, tables with intervals, figures and galleries as one page that opens without internet (5 MB).",
    )


def _report(run: Run, lens: Lens) -> bytes:
    from heat_core.analysis.report import to_html  # imports plotly: only when it is asked for

    return to_html(run, lens).encode()
