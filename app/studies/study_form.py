"""Which study is asked for: a run whose settings are varied, what is varied, the seeds; and those asked for before."""

import json
from dataclasses import replace

import streamlit as st

from app.common import faults
from app.common.text import plain
from app.state import session
from heat_core import HeatError, Run
from heat_core.jobs.jobs import start_study
from heat_core.storage import heat_home
from heat_core.studies import STUDY_NAMES
from heat_core.studies.catalogue import STUDIES
from heat_core.studies.request import Request, StudyFolder, list_studies, new_study
from heat_core.studies.work import Planned, plan, seconds_left

_MOST_SEEDS = 10
_PICKED = "study-picked"


def draw(run: Run) -> StudyFolder | None:
    """The form, and the study that the page shows: the one just started, named in the address, or the newest."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        _new(run)
    with right:
        return _chosen(list_studies())


def _new(run: Run) -> None:
    name, seeds = st.columns([4, 1], vertical_alignment="bottom")
    study = name.selectbox(
        "Study",
        STUDY_NAMES,
        key="study-name",
        format_func=lambda n: f"{STUDIES[n].title} · {STUDIES[n].of}",
        help="It varies the settings of the run that is chosen above.",
    )
    count = seeds.number_input("Seeds", 1, _MOST_SEEDS, 3, key="study-seeds", help="Of the residuals: they are bands.")
    base = replace(run.experiment, name="", seed=0, map=False)
    request = Request(study, base, tuple(range(int(count))))
    try:
        planned = planned_of(request)
        there = sum(one.run is not None for one in planned)
        to_come = seconds_left(planned)
    except HeatError as error:
        faults.show(error)
        return
    to_do = f", about **{_duration(to_come)}** for the others" if there < len(planned) else ""
    st.markdown(f"**{len(planned):d}** runs, **{there:d}** of them done{to_do}.")
    if st.button("Start the study", type="primary", icon=":material/play_arrow:"):
        try:
            found = new_study(request)
            start_study(found.folder)
        except HeatError as error:
            faults.toast(error)
            return
        session.hold(**{_PICKED: found.id})
        st.rerun()


def _chosen(studies: list[StudyFolder]) -> StudyFolder | None:
    """The study that is looked at, picked among all."""
    if not studies:
        st.info(
            "No study was asked for yet. One is a list of runs that differ in one thing (λ, β, the share of training "
            "images, the seed, the priors) and a table or figure over them. Runs that are done are never done again.",
            icon=":material/science:",
        )
        return None
    ids = [study.id for study in studies]
    asked = session.taken(_PICKED) or st.query_params.get("study")
    at = ids.index(asked) if asked in ids else 0
    picked = st.selectbox(
        "Asked for",
        range(len(studies)),
        index=at,
        key=f"study-shown-{ids[at]}-{len(ids)}",
        format_func=lambda i: _title(studies[i]),
    )
    found = studies[picked]
    if st.query_params.get("study") != found.id:
        st.query_params["study"] = found.id
    return found


def _title(study: StudyFolder) -> str:
    of = STUDIES.get(study.request.study)
    base, seeds = study.request.base, len(study.request.seeds)
    return (
        f"{of.title if of else study.request.study} · {base.network} · {base.preset} · {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'} · {study.id.rpartition('-')[2]}"
    )


def planned_of(request: Request) -> list[Planned]:
    """The runs of a study; their sets are looked at once a minute, since folders may be large."""
    return _planned(json.dumps(request.to_dict()), str(heat_home()))


@st.cache_resource(show_spinner=False, ttl=60, max_entries=32)
def _planned(request: str, home: str) -> list[Planned]:  # noqa: ARG001 (named datasets lie there)
    return plan(Request.from_dict(json.loads(request)))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return plain(f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h")
