"""The inspector: one sample, its score taken apart, where it stands among known images, and its nearest ones."""

import pandas as pd
import streamlit as st

from app import pictures
from heat_core import HeatError, figures
from heat_core.explanation import explain, features_of_sample, nearest_training
from heat_core.notes import read_notes, write_note
from heat_core.results import ID
from heat_core.samples import Samples, why

_SIDE = 320


def inspector(samples: Samples) -> None:
    """Draw the inspected sample of the look, or say how to choose one."""
    run, look = samples.run, st.session_state["look"]
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
    name, row = samples.locate(number)
    lens, sample = look.lens(), str(samples.ids[number])
    st.markdown(f"**{'ID test' if name == ID else name}** · `{sample}`")
    left, right = st.columns([2, 3])
    with left:
        pictures.large(run, name, sample, _SIDE)
    with right:
        called = samples.flagged("heat", lens)[number]
        verdict = _verdict(bool(samples.is_ood[number]), bool(called))
        st.markdown(verdict)
        st.markdown(why(samples, number, [m for m in ("el", "gmm", "heat") if m in run.detectors], lens))
        st.caption(
            f"HEAT's score is higher than that of {samples.percentile('heat', lens)[number]:.1%} of the known test images."
        )
    told = explain(run, run.prior_energies(name)[row], run.residual_energies(name)[row], lens)
    st.plotly_chart(
        figures.score_parts(told, samples.threshold("heat", lens), run.title),
        key="parts",
        config={"displayModeBar": False},
    )
    with st.expander("The numbers behind the bars"):
        columns = {
            "prior_energy": "E_q / T",
            "residual": "E_θ",
            "hybrid": "hybrid",
            "standardised": "standardised",
            "influence": "influence",
        }
        numbers = {
            run.title(f"heat-{p.prior}"): {new: getattr(p, old) for old, new in columns.items()} for p in told.parts
        }
        st.dataframe(pd.DataFrame(numbers).T.style.format("{:.4g}"))
        st.caption("E_q / T + E_θ is the hybrid energy (Eq. 2), standardised on training features (App. A.2); influence: how much of a "
                   "say the prior has in this sample's score at this β.")  # fmt: skip
    _ranks(samples, number)
    _neighbours(samples, name, sample)
    _note(samples, number)


def _verdict(is_ood: bool, called: bool) -> str:
    word = "called **unknown**" if called else "taken for **known**"
    right = called == is_ood
    return f"{':green' if right else ':red'}[{'✓' if right else '✗'} HEAT: {word}]"


def _ranks(samples: Samples, number: int) -> None:
    """Where the sample stands in the ID distribution, method by method."""
    run, lens = samples.run, st.session_state["look"].lens()
    shares = {run.title(m): float(samples.percentile(m, lens)[number]) for m in run.detectors}
    with st.expander("Where every method places it"):
        st.plotly_chart(figures.percentiles(shares), key="ranks", config={"displayModeBar": False})


def _neighbours(samples: Samples, name: str, sample: str) -> None:
    run = samples.run
    st.markdown("**Most alike among the training images**", help="By the cosine of the angle between their features.")
    try:
        ids, cosines = nearest_training(run, features_of_sample(run, name, sample))
    except HeatError as error:
        st.caption(str(error))
        return
    pictures.grid([pictures.cell(run, "train", i, caption=f"{c:.3f}") for i, c in zip(ids, cosines, strict=True)])


def _note(samples: Samples, number: int) -> None:
    """A note and tags, kept with the run."""
    folder, key = samples.run.folder, samples.key(number)
    notes = read_notes(folder)
    known = notes.get(key, {"note": "", "tags": []})
    every_tag = sorted(
        {tag for entry in notes.values() for tag in entry["tags"]} | {"interesting", "label error", "shows ID"}
    )
    with st.form(f"note-{key}", border=False):
        tags = st.multiselect(
            "Tags", every_tag, known["tags"], accept_new_options=True, placeholder="choose, or type a new one"
        )
        note = st.text_area("Note", known["note"], height=80, placeholder="What is seen here")
        if st.form_submit_button("Keep", icon=":material/bookmark:"):
            try:
                write_note(folder, key, note, tags)
                st.toast("Kept with the run.", icon=":material/bookmark:")
            except HeatError as error:
                st.error(str(error))
