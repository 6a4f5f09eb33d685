"""Sentences instead of tracebacks: whatever the files of a run, or of a whole HEAT_HOME, do to a page."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st

from app.common.text import escape_markdown
from heat_core import HeatError

UNEXPECTED = "This page could not be drawn"


def show(sentence: object) -> None:
    """Show what went wrong."""
    st.error(escape_markdown(sentence), icon=":material/error:")


def toast(sentence: object) -> None:
    """Say what went wrong beside a page that goes on."""
    st.toast(escape_markdown(sentence), icon=":material/error:")


def stop(sentence: object) -> NoReturn:
    """Show a sentence instead of the page."""
    show(sentence)
    st.stop()


@contextmanager
def show_errors() -> Iterator[None]:
    """Around whatever reads a run: errors end it with a sentence. Files may be damaged in ways that nobody foresaw."""
    try:
        yield
    except HeatError as error:
        show(error)
    except OSError as error:
        show(f"{error.filename or 'A file'} cannot be read or written: {error.strerror or error}.")
    except Exception as error:
        logging.getLogger(__name__).exception(UNEXPECTED)
        show(
            f"{UNEXPECTED} ({type(error).__name__}: {error}). If this run came from elsewhere or was edited, a file of "
            "its folder is damaged: resume the run on the Runs page, or start it again."
        )
