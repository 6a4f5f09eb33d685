"""The inspector: one image, its score taken apart, where it stands among known images, and its nearest ones."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from app import look as looks
from app import pictures
from heat_core import HeatError, Run, figures
from heat_core.explanation import explain, features_of_sample, nearest_training
from heat_core.notes import read_notes, write_note
from heat_core.results import ID
from heat_core.samples import Lens, Samples, why

_SIDE = 320
_TAGS = {"interesting", "label error", "shows ID"}
_COLUMNS = {
    "prior_energy": "E_q / T",
    "residual": "E_θ",
    "hybrid": "hybrid",
    "standardised": "standardised",
    "influence": "influence",
}


@dataclass(frozen=True)
class Subject:
    """What is inspected: a sample of the run, or an image that was brought to it.

    Attributes:
        title: Markdown. url: of its picture, or None. prior, residual: (K,) energies. avg: (D,) features, or a
        sentence that says why there are none. is_ood: None where nobody knows. reason: one line. shares: method → share
        of known images that score lower.
    """

    title: str
    url: str | None
    prior: np.ndarray
    residual: np.ndarray
    avg: np.ndarray | str
    is_ood: bool | None
    reason: str
    shares: dict[str, float]


def of_sample(samples: Samples, number: int, lens: Lens) -> Subject:
    """The subject that a sample of the run is."""
    run = samples.run
    (name, row), sample = samples.locate(number), str(samples.ids[number])
    try:
        avg = features_of_sample(run, name, sample)
    except HeatError as error:
        avg = str(error)
    return Subject(
        title=f"**{'ID test' if name == ID else name}** · `{sample}`",
        url=pictures.picture(run, name, sample, 2 * _SIDE),
        prior=run.prior_energies(name)[row],
        residual=run.residual_energies(name)[row],
        avg=avg,
        is_ood=bool(samples.is_ood[number]),
        reason=why(samples, number, [m for m in ("el", "gmm", "heat") if m in run.detectors], lens),
        shares={run.title(m): float(samples.percentile(m, lens)[number]) for m in run.detectors},
    )


def inspector(samples: Samples) -> None:
    """Draw the inspected sample of the look, or say how to choose one."""
    look = st.session_state["look"]
    if not look.sample:
        st.info(
            "Click a point of the map or a picture of the gallery to see why it is called known or unknown.",
            icon=":material/search:",
        )
        return
    try:
        number = samples.find(look.sample)
    except HeatError as error:
        st.warning(str(error))
        return
    show(samples.run, of_sample(samples, number, look.lens()), look.lens(), samples.threshold("heat", look.lens()))
    _note(samples, number)


def show(run: Run, subject: Subject, lens: Lens, threshold: float) -> None:
    """Picture, verdict, the bars that add up to the score, percentiles, and the nearest training images."""
    told = explain(run, subject.prior, subject.residual, lens)
    st.markdown(subject.title)
    left, right = st.columns([2, 3])
    with left:
        pictures.large(subject.url, subject.title, _SIDE)
    with right:
        st.markdown(_verdict(subject.is_ood, told.score > threshold))
        st.markdown(subject.reason)
        st.caption(f"HEAT's score is higher than that of {subject.shares['HEAT']:.1%} of the known test images.")
    bars = figures.score_parts(told, threshold, run.title)
    st.plotly_chart(bars, key="parts", config={"displayModeBar": False})
    with st.expander("The numbers behind the bars"):
        numbers = {
            run.title(f"heat-{p.prior}"): {new: getattr(p, old) for old, new in _COLUMNS.items()} for p in told.parts
        }
        st.dataframe(pd.DataFrame(numbers).T.style.format("{:.4g}"))
        st.caption("E_q / T + E_θ is the hybrid energy (Eq. 2), standardised on training features (App. A.2); influence: how much of a "
                   "say the prior has in this image's score at this β.")  # fmt: skip
    with st.expander("Where every method places it"):
        st.plotly_chart(figures.percentiles(subject.shares), key="ranks", config={"displayModeBar": False})
    _neighbours(run, subject.avg)


def _verdict(is_ood: bool | None, called: bool) -> str:
    word = "called **unknown**" if called else "taken for **known**"
    if is_ood is None:
        return f"HEAT: {word}"
    right = called == is_ood
    return f"{':green' if right else ':red'}[{'✓' if right else '✗'} HEAT: {word}]"


def _neighbours(run: Run, avg: np.ndarray | str) -> None:
    st.markdown("**Most alike among the training images**", help="By the cosine of the angle between their features.")
    try:
        if isinstance(avg, str):
            raise HeatError(avg)
        ids, cosines = nearest_training(run, avg)
    except HeatError as error:
        st.caption(str(error))
        return
    pictures.grid([pictures.cell(run, "train", i, caption=f"{c:.3f}") for i, c in zip(ids, cosines, strict=True)])


def _note(samples: Samples, number: int) -> None:
    """A note and tags, kept with the run."""
    folder, key = samples.run.folder, samples.key(number)
    notes = read_notes(folder)
    known = notes.get(key, {"note": "", "tags": []})
    every_tag = sorted({tag for entry in notes.values() for tag in entry["tags"]} | _TAGS)
    fields = {name: f"{name}-{samples.run.id}-{key}" for name in ("tags", "note")}
    seen = f"seen-{samples.run.id}-{key}"
    if fields["note"] not in st.session_state:  # later, what is being typed stays, whatever others keep meanwhile
        st.session_state.update({fields[name]: known[name] for name in fields} | {seen: known})
    if st.session_state.get(seen) != known:
        st.caption(f"Kept meanwhile from elsewhere: {known['note'] or 'no note'} {', '.join(known['tags'])}")
    with st.form(f"form-{key}", border=False):
        tags = st.multiselect(
            "Tags", every_tag, key=fields["tags"], accept_new_options=True, placeholder="choose, or type a new one"
        )
        note = st.text_area("Note", key=fields["note"], height=80, placeholder="What is seen here")
        if st.form_submit_button("Keep", icon=":material/bookmark:", on_click=looks.touch):
            try:
                write_note(folder, key, note, tags)
                st.session_state[seen] = read_notes(folder).get(key, {"note": "", "tags": []})
                st.toast("Kept with the run.", icon=":material/bookmark:")
            except HeatError as error:
                st.error(str(error))
