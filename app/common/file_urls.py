"""Path of the routes of pictures and downloads, which `app.server.file_routes` serves."""

import streamlit as st

_PREFIX = "/heat-files"


def url_prefix() -> str:
    """Return the path of the routes, with the base path of the server."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{_PREFIX}" if base else _PREFIX
