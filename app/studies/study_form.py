"""Form of a new study, and the choice of the study that the page shows."""

import json
from dataclasses import replace

import streamlit as st

from app.common import faults, times
from app.common.text import escape_markdown
from app.state import session
from heat_core import HeatError, Run
from heat_core.jobs.jobs import start_study
from heat_core.storage import heat_home
from heat_core.studies import STUDY_NAMES
from heat_core.studies.catalogue import STUDIES
from heat_core.studies.execution import PlannedRun, plan_runs, seconds_left
from heat_core.studies.request import StudyFolder, StudyRequest, list_studies, new_study

_MOST_SEEDS = 10
_PICKED = "study-picked"


def draw(run: Run) -> StudyFolder | None:
    """Draw the form and the choice of a study, and return the study that the page shows.

    It is the study that was just started, the one that the address names, or the newest; None where there is none.

    Args:
        run: run whose settings a new study varies.
    """
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_request(run)
    with right:
        return _select_study(list_studies())


def _draw_request(run: Run) -> None:
    name, seeds = st.columns([4, 1], vertical_alignment="bottom")
    study = name.selectbox(
        "Study",
        STUDY_NAMES,
        key="study-name",
        format_func=lambda n: f"{STUDIES[n].title} · {STUDIES[n].paper_reference}",
        help="A study varies the settings of the run that is chosen at the top of the page.",
    )
    count = seeds.number_input(
        "Seeds",
        1,
        _MOST_SEEDS,
        3,
        key="study-seeds",
        help="Seeds of the residuals; figures show their spread as bands.",
    )
    base = replace(run.experiment, name="", seed=0, map=False)
    request = StudyRequest(study, base, tuple(range(int(count))))
    try:
        planned = study_plan(request)
        finished = sum(item.run is not None for item in planned)
        seconds = seconds_left(planned)
    except HeatError as error:
        faults.show(error)
        return
    to_do = f", about **{times.format_duration(seconds)}** for the others" if finished < len(planned) else ""
    more_work = escape_markdown(STUDIES[study].more_work)
    st.markdown(f"**{len(planned):d}** runs, **{finished:d}** of them finished{to_do}. {more_work}")
    if st.button("Start the study", type="primary", icon=":material/play_arrow:"):
        try:
            study_folder = new_study(request)
            start_study(study_folder.folder)
        except HeatError as error:
            faults.toast(error)
            return
        session.set_values(**{_PICKED: study_folder.id})
        st.rerun()


def _select_study(studies: list[StudyFolder]) -> StudyFolder | None:
    """Draw the choice of a study and return the chosen one; None where there is no study."""
    if not studies:
        st.info(
            "There is no study yet. A study is a set of runs that differ in one setting (λ, β, the training fraction, "
            "the seed, the priors), with a table or figure over them. Finished runs are used again.",
            icon=":material/science:",
        )
        return None
    ids = [study.id for study in studies]
    asked = session.pop(_PICKED) or st.query_params.get("study")
    index = ids.index(asked) if asked in ids else 0
    picked = st.selectbox(
        "Past studies",
        range(len(studies)),
        index=index,
        key=f"study-shown-{ids[index]}-{len(ids)}",
        format_func=lambda i: _study_label(studies[i]),
    )
    study_folder = studies[picked]
    if st.query_params.get("study") != study_folder.id:
        st.query_params["study"] = study_folder.id
    return study_folder


def _study_label(study: StudyFolder) -> str:
    of = STUDIES.get(study.request.study)
    base, seeds = study.request.base, len(study.request.seeds)
    return (
        f"{of.title if of else study.request.study} · {times.format_time(study.info['created'])} · {base.network} · "
        f"{base.preset} · {seeds} {'seed' if seeds == 1 else 'seeds'} · {study.id.rpartition('-')[2]}"
    )


def study_plan(request: StudyRequest) -> list[PlannedRun]:
    """Plan the runs of a study; the plan is cached for a minute, since their folders of images may be large."""
    return _cached_plan(json.dumps(request.to_dict()), str(heat_home()))


@st.cache_resource(show_spinner=False, ttl=60, max_entries=32)
def _cached_plan(request: str, home: str) -> list[PlannedRun]:  # noqa: ARG001 (holds data sets with names)
    return plan_runs(StudyRequest.from_dict(json.loads(request)))
