"""Sets of images that several parts of a page open: each is opened once a minute."""

import streamlit as st

from heat_core import HeatError
from heat_core.data.datasets import open_dataset
from heat_core.data.image_set import ImageSet
from heat_core.storage import heat_home


def open_images(source: str, role: str, set_name: str | None) -> ImageSet:
    """Open a set of images, or take it from the cache, where it stays for a minute, since folders may be large.

    Raises:
        HeatError: as `open_dataset`.
    """
    found = _images_or_error(source, role, set_name, str(heat_home()))  # HEAT_HOME holds the data sets with names.
    if isinstance(found, str):
        raise HeatError(found)
    return found


@st.cache_resource(show_spinner="Reading the folders…", ttl=60, max_entries=32)
def _images_or_error(source: str, role: str, set_name: str | None, home: str) -> ImageSet | str:  # noqa: ARG001
    try:
        return open_dataset(source, role, set_name=set_name)
    except HeatError as error:
        return str(error)
