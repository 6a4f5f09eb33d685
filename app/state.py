"""What the pages share: the run that is looked at, β, and how a running job is followed."""

import math
from pathlib import Path

import streamlit as st

from app import look as looks
from app import waiting
from heat_core import HeatError, Run
from heat_core.beta import SWEEP
from heat_core.composition import beta_text
from heat_core.experiment import demo_experiment
from heat_core.jobs import new_run, start
from heat_core.results import ALIVE, list_runs
from heat_core.samples import Samples
from heat_core.storage import heat_home

METRIC_NAMES = {"fpr95": "FPR95 ↓", "auroc": "AUROC ↑", "aupr_in": "AUPR-In ↑", "aupr_out": "AUPR-Out ↑"}


@st.cache_resource(show_spinner=False)
def _demo_once(home: str) -> str:
    """Start the demo, once however many browser tabs open an empty HEAT_HOME at the same time."""
    folder = new_run(demo_experiment())
    start(folder)
    return folder.name


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(folder: str, version: tuple) -> Run:
    """A run with its arrays, shared read-only by all sessions until a file of it changes."""
    return Run.open(folder)


def open_run(folder) -> Run:
    return _opened(str(folder), _version(folder, "run.json", "energies.npz", "map.npz"))


def _version(folder: Path, *names: str) -> tuple[int, ...]:
    """Changes when one of the files does."""
    files = [folder / name for name in names]
    return tuple(f.stat().st_mtime_ns if f.exists() else 0 for f in files)


@st.cache_resource(show_spinner=False, max_entries=4)
def _samples(folder: str, version: tuple, _run: Run) -> Samples:
    return Samples(_run)


def samples_of(run: Run) -> tuple[Samples, tuple[int, ...]]:
    """A run's samples, shared read-only by all sessions, and the version of the numbers that they were made from."""
    version = _version(run.folder, "energies.npz", "map.npz")
    return _samples(str(run.folder), version, run), version


def gone(folder: Path) -> bool:
    """Whether the run was deleted under an open page; then a sentence says so."""
    if (folder / "run.json").exists():
        return False
    st.error("This run was deleted: choose another one in the sidebar.", icon=":material/error:")
    return True


def chosen_run() -> Run:
    """The run that the page shows: picked in the sidebar, named in the address, or the newest. Starts the demo on an
    empty HEAT_HOME."""
    runs = list_runs()
    if not runs:
        _demo_once(str(heat_home()))
        if not (runs := list_runs()):  # its run was deleted: once more
            _demo_once.clear()
            _demo_once(str(heat_home()))
            runs = list_runs()
    names = [r.id for r in runs]
    asked = st.session_state.pop("run-picked", None) or st.query_params.get("run", st.session_state.get("run"))
    if asked and asked not in names:
        st.warning(f"The run {asked!r} no longer exists; the newest one is shown.")
    name = asked if asked in names else names[0]
    looks.put("run-choice", name)
    st.sidebar.selectbox(
        "Run", names, key="run-choice", help="Every run is a folder in HEAT_HOME/runs; the newest comes first.",
        on_change=lambda: st.session_state.update({"run-picked": st.session_state["run-choice"]}),
    )  # fmt: skip
    st.session_state["run"] = name  # in the address it stands with the look, so that one step back undoes both
    try:
        run = open_run(heat_home() / "runs" / name)
        experiment = run.experiment
    except HeatError as error:
        name_in_address(name)
        stop(str(error))
    st.sidebar.caption(
        f"{experiment.backbone} · preset {experiment.preset} · seed {experiment.seed}  \n"
        f"ID **{'/'.join(Path(experiment.id).parts[-2:])}**  \nOOD **{', '.join(experiment.ood)}**"
    )
    return run


def name_in_address(run_id: str) -> None:
    """For pages without a look."""
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id


def stop(sentence: str) -> None:
    """Show a sentence instead of the page."""
    st.error(sentence, icon=":material/error:")
    st.stop()


def ready_run(needs: str = "energies") -> Run:
    """The chosen run, once it has what the page needs; until then the page shows the job's progress."""
    run = chosen_run()
    follow(run)
    ready = {"energies": run.has_energies, "map": run.has_map and run.has_energies}[needs]
    if not ready:
        wait(run, "This page fills as soon as its stage is finished.")
    try:
        run.detectors  # noqa: B018 (reads the arrays: a damaged file must show here)
        if needs == "map":
            run.map  # noqa: B018
    except HeatError as error:
        name_in_address(run.id)
        stop(str(error))
    return run


def wait(run: Run, sentence: str) -> None:
    """Say what the page waits for, show what goes in, and stop here."""
    name_in_address(run.id)
    if run.status not in ALIVE:
        st.info("This run has not reached this stage: resume it on the Train page.")
        st.stop()
    st.info(sentence)
    waiting.images(run.experiment)
    st.stop()


def follow(run: Run) -> None:
    """Progress of a job that is running, and a sentence for one that ended badly."""
    status = run.status
    if status in ALIVE:
        version = (run.has_energies, run.has_map, len(run.priors) if run.has_energies else 0)
        _progress(str(run.folder), version)
    elif status == "failed":
        st.error(run.info.get("error") or "This run failed.", icon=":material/error:")
    elif status in ("interrupted", "cancelled"):
        st.warning(f"This run was {status}; what was finished is shown. Resume it on the Train page.")


@st.fragment(run_every=1.0)
def _progress(folder: str, version: tuple) -> None:
    """Poll the job; rerun the whole page when a stage is finished."""
    if gone(Path(folder)):
        return
    run = open_run(Path(folder))
    now = (run.has_energies, run.has_map, len(run.priors) if run.has_energies else 0)
    if now != version or run.status not in ALIVE:
        st.rerun()
    events = run.events()
    last = events[-1] if events else {"stage": "queued", "message": "Starting (loading torch)…"}
    share = 0.0
    if "total" in last:
        share = last["done"] / last["total"]
    elif "epochs" in last:
        share = last["epoch"] / last["epochs"]
    extra = f" · {last['images_per_s']:.0f} images/s" if "images_per_s" in last else ""
    extra += f" · {last['eta']:.0f} s left" if last.get("eta") else ""
    st.progress(share, text=f"**{last['stage'].capitalize()}** · {last['message']}{extra}")
    st.caption(waiting.stages(run))


def beta_control() -> None:
    """β of the look by slider, by keyboard on the slider, or typed exactly."""
    beta = st.session_state["look"].beta
    nearest = min(SWEEP, key=lambda b: (b != beta, abs(math.atan(b) - math.atan(beta))))
    looks.put("beta_slider", nearest)
    looks.put("beta_box", beta_text(beta))

    def from_box() -> None:
        try:
            looks.changed(beta=looks.parse_beta(st.session_state["beta_box"]))
        except HeatError as error:
            st.toast(str(error), icon=":material/error:")

    slider, box = st.columns([5, 1], vertical_alignment="bottom")
    slider.select_slider(
        "β of the composition", SWEEP, key="beta_slider", format_func=beta_text,
        on_change=lambda: looks.changed(beta=st.session_state["beta_slider"]),
        help="Eq. 7: −∞ takes the smallest of the corrected energies, 0 their mean (a product of experts), +∞ the "
        "largest. The paper's tables use 0. The arrow keys move the slider.",
    )  # fmt: skip
    box.text_input("exactly", key="beta_box", on_change=from_box, help="Any number, or −∞ or +∞.")


def beta_suggestion(run: Run) -> None:
    """Offer the β that was chosen without OOD data."""
    suggested = run.suggested_beta
    if suggested is not None:
        st.button(
            f"β without OOD data: {beta_text(suggested)}", on_click=lambda: looks.changed(beta=suggested), type="tertiary",
            icon=":material/auto_awesome:", help="The β nearest to 0 that tells known test images from noisy copies of "
            "their features as well as any. It knows no OOD images: the README says how well it did.",
        )  # fmt: skip


def prior_control(run: Run) -> None:
    """Which corrected priors are composed (the subsets of Tab. 3), with weights of the Live page where there are some."""
    if len(run.priors) < 2:
        return
    look, key = st.session_state["look"], f"priors-{run.id}-{len(run.priors)}"
    taking = list(look.taking or run.priors)
    looks.put(key, taking)

    def take_over() -> None:
        now = [p for p in run.priors if p in st.session_state[key]] or taking  # one must take part
        weights = look.weights and dict(zip(taking, look.weights, strict=True))
        looks.changed(
            taking=None if now == run.priors else tuple(now),
            weights=weights and tuple(weights.get(p, 1.0) for p in now),
        )

    st.pills(
        "Composed priors", run.priors, selection_mode="multi", key=key, on_change=take_over,
        format_func=lambda p: run.title(f"heat-{p}"), help="Each prior with its residual; Tab. 3 compares the subsets.",
    )  # fmt: skip
    if look.weights:
        st.caption(f"Weights, set on the Live page: {', '.join(f'{w:g}' for w in look.weights)}.")
