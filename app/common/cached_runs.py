"""Runs, their samples and their similarity index, opened once for all sessions until a file of theirs changes."""

from pathlib import Path

import streamlit as st

from heat_core import Run
from heat_core.analysis.samples import Samples
from heat_core.analysis.similarity import SimilarityIndex
from heat_core.runs.events import RUN_FILE
from heat_core.runs.feature_map import MAP_FILE
from heat_core.runs.record import ENERGIES

Version = tuple[int, ...]  # of files: changes when one of them does


@st.cache_resource(show_spinner=False, max_entries=4)
def _cached_run(folder: str, version: Version) -> Run:  # noqa: ARG001 (part of the cache's key)
    """A run with its arrays, shared read-only by all sessions until a file of it changes."""
    return Run.open(folder)


def open_run(folder: Path) -> Run:
    """Open a run, or the one that is open already."""
    return _cached_run(str(folder), _version_in(folder, RUN_FILE, ENERGIES, MAP_FILE))


def _version_in(folder: Path, *names: str) -> Version:
    return version_of(*(folder / name for name in names))


def version_of(*files: Path) -> Version:
    """Another one whenever one of the files is written, made or deleted."""
    return tuple(f.stat().st_mtime_ns if f.exists() else 0 for f in files)


@st.cache_resource(show_spinner=False, max_entries=4)
def _cached_samples(folder: str, version: Version, _run: Run) -> Samples:  # noqa: ARG001
    return Samples(_run)


def samples_of(run: Run) -> tuple[Samples, Version]:
    """A run's samples, shared read-only by all sessions, and the version of the numbers that they were made from."""
    version = _version_in(run.folder, ENERGIES, MAP_FILE)
    return _cached_samples(str(run.folder), version, run), version


@st.cache_resource(show_spinner=False, max_entries=2)
def _cached_similarity(folder: str, version: Version, _run: Run) -> SimilarityIndex:  # noqa: ARG001
    return SimilarityIndex(_run)


def similarity_of(run: Run) -> SimilarityIndex:
    """What answers which images of a run are alike, shared by all sessions."""
    return _cached_similarity(str(run.folder), _version_in(run.folder, ENERGIES), run)
