"""Cache of runs, their samples and their similarity indexes, shared by all sessions until a file of the run changes."""

from pathlib import Path

import streamlit as st

from heat_core import Run
from heat_core.analysis.samples import Samples
from heat_core.analysis.similarity import SimilarityIndex
from heat_core.findings.training_images import samples_of_kind
from heat_core.pipeline.measurements.measurements_file import FINDINGS
from heat_core.runs.events import RUN_FILE
from heat_core.runs.feature_map import MAP_FILE
from heat_core.runs.results_file import ENERGIES

Version = tuple[int, ...]  # modification times of files in nanoseconds, 0 for a file that does not exist


@st.cache_resource(show_spinner=False, max_entries=4)
def _cached_run(folder: str, version: Version) -> Run:  # noqa: ARG001 (part of the cache's key)
    return Run.open(folder)


def open_run(folder: Path) -> Run:
    """Open a run, or return it from the cache; all sessions share its read-only arrays."""
    return _cached_run(str(folder), _version_in(folder, RUN_FILE, ENERGIES, MAP_FILE))


def _version_in(folder: Path, *names: str) -> Version:
    return version_of(*(folder / name for name in names))


def version_of(*files: Path) -> Version:
    """Return the version of some files, which changes when one of them is written, created or deleted."""
    return tuple(f.stat().st_mtime_ns if f.exists() else 0 for f in files)


@st.cache_resource(show_spinner=False, max_entries=4)
def _cached_samples(folder: str, version: Version, kind: str, _run: Run) -> Samples:  # noqa: ARG001
    return samples_of_kind(_run, kind)


def samples_of(run: Run, kind: str = "") -> tuple[Samples, Version]:
    """Return a run's samples, which all sessions share read-only, and the version of the files they were read from.

    Args:
        run: the run.
        kind: `TRAINING` for its training images.

    Raises:
        HeatError: where the training images have no scores.
    """
    version = _version_in(run.folder, ENERGIES, MAP_FILE, FINDINGS)
    return _cached_samples(str(run.folder), version, kind, run), version


@st.cache_resource(show_spinner=False, max_entries=2)
def _cached_similarity(folder: str, version: Version, _run: Run) -> SimilarityIndex:  # noqa: ARG001
    return SimilarityIndex(_run)


def similarity_of(run: Run) -> SimilarityIndex:
    """Return the index that finds similar images of a run, which all sessions share."""
    return _cached_similarity(str(run.folder), _version_in(run.folder, ENERGIES), run)
