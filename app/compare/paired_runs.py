"""Two runs on the same samples: where each is right, whether their metrics differ, and the images of every count."""

import streamlit as st

from app.common import following, widgets
from app.common.text import plain
from app.compare import links
from app.state import session
from heat_core import Lens, Run
from heat_core.analysis.paired import COMPARED, OUTCOMES, Difference, Pair, Side, paired
from heat_core.analysis.samples import Samples
from heat_core.runs.experiment import AVERAGE, ID
from heat_core.runs.listing import list_runs
from heat_core.storage import printable

_WIDTHS = [2.2, 1.1, 1.1, 1.1, 1.1, 2.8, 2.8]
_METRICS = {"fpr95": "FPR95 ↓", "auroc": "AUROC ↑"}


@st.cache_data(show_spinner="Resampling the samples that both have…", max_entries=16)
def _paired(
    rows: tuple[str, str],
    lenses: tuple[Lens, Lens],
    versions: tuple[object, object],  # noqa: ARG001 (part of the cache's key)
    _samples: tuple[Samples, Samples],
) -> list[Pair]:
    a, b = (Side(*side) for side in zip(_samples, rows, lenses, strict=True))
    return paired(a, b)


def versus(run: Run) -> None:
    """Choose the other run and a row of each; a line a set."""
    others = [r.id for r in list_runs() if r.id != run.id and r.has_energies]
    if not others:
        st.info("There is no other run with results: start one on the same sets, with other priors or settings.")
        return
    places = st.columns(3)
    with places[0]:
        row = _row(run, "A: row of this run", "det")
    with places[1]:
        name = widgets.choice(st.selectbox, "B: the other run", others, "against", others[0], format_func=printable)
    other = following.open_run(run.folder.parent / name)
    with places[2]:
        other_row = _row(other, "B: row of it", "against-det")
    look = session.look()
    (samples, version), (of_other, other_version) = following.samples_of(run), following.samples_of(other)
    lenses = (look.lens(), Lens(look.beta))
    versions = ((run.id, *version), (other.id, *other_version))
    pairs = _paired((row, other_row), lenses, versions, (samples, of_other))
    with st.container(gap="small"):
        _head()
        for pair in pairs:
            _line(run, pair)
    st.caption(
        "How many samples both, only one, or neither is right about: an OOD image is called unknown, a known one "
        "known, by each run's own threshold. A count opens its images. Sets are matched by name, samples by id. A − B "
        "in percent with its 95 % bootstrap interval, both taken of the same resamples; **bold** where the interval "
        "leaves zero out. B is composed at this β of all its priors."
    )


def _row(run: Run, label: str, name: str) -> str:
    rows = run.detectors
    return widgets.choice(st.selectbox, label, rows[::-1], name, rows[-1], format_func=run.title)


def _head() -> None:
    titles = ["Set", *OUTCOMES.values(), *(f"{_METRICS[metric]} and A − B" for metric in COMPARED)]
    for place, title in zip(st.columns(_WIDTHS, gap="small", vertical_alignment="bottom"), titles, strict=True):
        place.caption(f"**{plain(title)}**")


def _line(run: Run, pair: Pair) -> None:
    """A set: its name, a button a count, both metrics."""
    name = {ID: "ID test", AVERAGE: "all OOD sets"}.get(pair.name, pair.name)
    first, *places = st.columns(_WIDTHS, gap="small", vertical_alignment="center")
    first.markdown(f"{plain(name)}  \n:small[:gray[{len(pair.first):,} samples]]")
    for place, outcome in zip(places, OUTCOMES, strict=False):
        chosen = pair.outcome(outcome)
        count = int(chosen.sum())
        key = f"versus-{pair.name}-{outcome}"
        if place.button(f"{count:,}", key=key, type="tertiary", disabled=not count):
            links.open_samples(run, session.look(), pair.first[chosen])
    for place, metric in zip(places[len(OUTCOMES) :], COMPARED, strict=True):
        if found := pair.metrics.get(metric):
            place.markdown(_told(found))


def _told(found: Difference) -> str:
    """Both values, and their difference with its interval."""
    difference = f"{_signed(found.value)} ({_signed(found.low)} to {_signed(found.high)})"
    values = f"A {found.first:.1f} · B {found.second:.1f}"
    return f"{values}  \n:small[**{difference}**]" if found.told else f"{values}  \n:small[:gray[{difference}]]"


def _signed(number: float) -> str:
    """A number with its sign, and no minus before a zero."""
    return plain(f"{round(number, 1) + 0.0:+.1f}".replace("-", "−"))
