"""Error messages of the pages: an error is shown as a sentence instead of a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st

from app.common.text import escape_markdown
from heat_core import HeatError

UNEXPECTED = "This page could not be drawn"


def show(sentence: object) -> None:
    """Show an error message on the page."""
    st.error(escape_markdown(sentence), icon=":material/error:")


def toast(sentence: object) -> None:
    """Show an error message for a few seconds, beside a page that is drawn all the same."""
    st.toast(escape_markdown(sentence), icon=":material/error:")


def stop(sentence: object) -> NoReturn:
    """Show an error message and end the page."""
    show(sentence)
    st.stop()


@contextmanager
def show_errors() -> Iterator[None]:
    """Show an exception of the enclosed code as an error message.

    Every exception is caught, because the files of a run can be damaged in ways that no check foresees. One that is
    neither a HeatError nor an OSError is also logged with its traceback.
    """
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
