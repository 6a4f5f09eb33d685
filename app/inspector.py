"""The inspector: one image, its score taken apart, where it stands among known images, and its nearest ones."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from app import faults, pictures, session
from app.text import drawn, plain
from heat_core import HeatError, Lens, Run
from heat_core.analysis import figures
from heat_core.analysis.explanation import explain, nearest_training
from heat_core.analysis.notes import read_notes, write_note
from heat_core.analysis.questions import why
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT
from heat_core.runs.experiment import ID, TRAIN
from heat_core.runs.rows import corrected_row

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
        of: the set that it belongs to, or None.
        name: its id, or its file's name.
        url: of its picture, or None.
        prior: (K,) E_q / T.
        residual: (K,) E_θ.
        avg: (D,) features, or a sentence that says why there are none.
        is_ood: None where nobody knows.
        reason: one line.
        shares: detector → share of known images that score lower.
    """

    of: str | None
    name: str
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
    avg: np.ndarray | str
    try:
        avg = run.features_of(name, sample)
    except HeatError as error:
        avg = str(error)
    return Subject(
        of="ID test" if name == ID else name,
        name=sample,
        url=pictures.picture(run, name, sample, 2 * _SIDE),
        prior=run.prior_energies(name)[row],
        residual=run.residual_energies(name)[row],
        avg=avg,
        is_ood=bool(samples.is_ood[number]),
        reason=why(samples, number, [d for d in ("el", "gmm", HEAT) if d in run.detectors], lens),
        shares={run.title(d): float(samples.percentile(d, lens)[number]) for d in run.detectors},
    )


def inspector(samples: Samples) -> None:
    """Draw the inspected sample of the look, or say how to choose one."""
    look = session.look()
    if not look.sample:
        st.info(
            "Click a point of the map or a picture of the gallery to see why it is called known or unknown.",
            icon=":material/search:",
        )
        return
    try:
        number = samples.find(look.sample)
    except HeatError as error:
        st.warning(plain(error))
        return
    show(samples.run, of_sample(samples, number, look.lens()), look.lens(), samples.threshold(HEAT, look.lens()))
    _note(samples, number)


def show(run: Run, subject: Subject, lens: Lens, threshold: float) -> None:
    """Picture, verdict, the bars that add up to the score, percentiles, and the nearest training images."""
    told = explain(run, subject.prior, subject.residual, lens)
    st.markdown(plain(subject.name) if subject.of is None else f"**{plain(subject.of)}** · {plain(subject.name)}")
    left, right = st.columns([2, 3])
    with left:
        pictures.large(subject.url, subject.name, _SIDE)
    with right:
        st.markdown(_verdict(subject.is_ood, told.score > threshold))
        st.markdown(plain(subject.reason))
        st.caption(f"HEAT's score is higher than that of {subject.shares['HEAT']:.1%} of the known test images.")
    bars = figures.score_parts(told, threshold, lambda detector: drawn(run.title(detector)))
    st.plotly_chart(bars, key="parts", config={"displayModeBar": False})
    with st.expander("The numbers behind the bars"):
        numbers = {
            run.title(corrected_row(p.prior)): {new: getattr(p, old) for old, new in _COLUMNS.items()}
            for p in told.parts
        }
        st.dataframe(pd.DataFrame(numbers).T.style.format("{:.4g}"))
        st.caption(
            "E_q / T + E_θ is the hybrid energy (Eq. 2), standardised on training features (App. A.2); influence: how "
            "much of a say the prior has in this image's score at this β."
        )
    with st.expander("Where every method places it"):
        st.plotly_chart(
            figures.percentiles({drawn(title): share for title, share in subject.shares.items()}),
            key="ranks",
            config={"displayModeBar": False},
        )
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
        st.caption(plain(error))
        return
    pictures.grid([pictures.cell(run, TRAIN, i, caption=f"{c:.3f}") for i, c in zip(ids, cosines, strict=True)])


def _note(samples: Samples, number: int) -> None:
    """A note and tags, kept with the run."""
    folder, key = samples.run.folder, samples.key(number)
    try:
        notes = read_notes(folder)
    except HeatError as error:
        st.warning(plain(error))
        return
    known = notes.get(key, {"note": "", "tags": []})
    every_tag = sorted({tag for entry in notes.values() for tag in entry["tags"]} | _TAGS)
    fields = {name: f"{name}-{samples.run.id}-{key}" for name in ("tags", "note")}
    seen = f"seen-{samples.run.id}-{key}"
    if session.held(fields["note"]) is None:  # later, what is being typed stays, whatever others keep meanwhile
        session.hold(**{fields[name]: known[name] for name in fields}, **{seen: known})
    if session.held(seen) != known:
        st.caption(
            f"Kept meanwhile from elsewhere: {plain(known['note'] or 'no note')} {plain(', '.join(known['tags']))}"
        )
    with st.form(f"form-{key}", border=False):
        tags = st.multiselect(
            "Tags", every_tag, key=fields["tags"], accept_new_options=True, placeholder="choose, or type a new one"
        )
        note = st.text_area("Note", key=fields["note"], height=80, placeholder="What is seen here")
        if st.form_submit_button("Keep", icon=":material/bookmark:", on_click=session.touch):
            try:
                write_note(folder, key, note, tags)
                session.hold(**{seen: read_notes(folder).get(key, {"note": "", "tags": []})})
                st.toast("Kept with the run.", icon=":material/bookmark:")
            except HeatError as error:
                faults.show(error)
