"""View of a batch of new images: how many are called unknown, drift, and the workbench."""

import streamlit as st

from app.common.cached_runs import Version, version_of
from app.common.text import escape_markdown, short_file_name
from app.new_images import drift_view
from app.state import session
from app.workbench.inspect_view import draw_workbench
from heat_core import HeatError, Lens, Run
from heat_core.analysis.new_images import NewImages
from heat_core.composition import HEAT
from heat_core.guard.drift import OTHER_DOMAIN_SHARE
from heat_core.runs.feature_map import MAP_FILE
from heat_core.runs.results_file import ENERGIES
from heat_core.runs.scored_images import SCORED, ScoredImages


def draw_batch(run: Run, batch: str, scored: ScoredImages) -> None:
    """Draw the share of a batch that is called unknown, its drift, and the workbench over it.

    Args:
        run: the run that scored the batch.
        batch: name of the batch.
        scored: scores of its images.
    """
    lens = session.view_state().lens()
    try:
        new_images, version = _open_batch(run, batch, scored)
        unknown, low, high = new_images.share_unknown(lens)
    except HeatError as error:
        st.warning(escape_markdown(error))
        return
    share, expected = unknown / max(len(scored), 1), _expected_share(new_images, lens)
    st.markdown(
        f"**{unknown:,d} of {len(scored):,} are called unknown** ({100 * share:.0f} %, 95 % interval "
        f"{100 * low:.0f} to {100 * high:.0f} %). Of the known test images it is {100 * expected:.0f} %."
        + (" Do these images come from another domain?" if low > OTHER_DOMAIN_SHARE else "")
    )
    drift_view.draw_discoveries(new_images, lens)
    if len(scored.skipped):
        examples = ", ".join(map(short_file_name, scored.skipped[:5]))
        st.warning(f"{len(scored.skipped):,} images could not be read and were skipped: {escape_markdown(examples)}")
    for note in scored.notes:
        st.caption(escape_markdown(str(note)))
    drift_view.draw_drift_by_group(new_images, lens)
    draw_workbench(new_images, version, batch)


@st.cache_resource(show_spinner=False, max_entries=4)
def _cached_new_images(folder: str, batch: str, version: Version, _run: Run, _scored: ScoredImages) -> NewImages:  # noqa: ARG001
    return NewImages(_run, _scored, batch)


def _open_batch(run: Run, batch: str, scored: ScoredImages) -> tuple[NewImages, Version]:
    """Return the new images, which all sessions share until a file changes, and the version of their files."""
    files = (run.folder / "own" / batch / SCORED, run.folder / ENERGIES, run.folder / MAP_FILE)
    version = version_of(*files)
    return _cached_new_images(str(run.folder), batch, version, run, scored), version


def _expected_share(new_images: NewImages, lens: Lens) -> float:
    """Return the share of known test images that are called unknown at the same threshold."""
    return float(new_images.flagged(HEAT, lens)[new_images.is_id].mean())
