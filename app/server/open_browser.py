"""Opening of the browser when the server answers, for `heat app`. Streamlit does not do it for an `st.App`."""

import os
import socket
import sys
import time
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

import streamlit as st

OPTION = "--open-browser"  # an argument of the script: streamlit run app/main.py -- --open-browser
_EVERY_ADDRESS = (None, "", "0.0.0.0", "::")
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
_LONGEST_START = 30  # seconds


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:  # noqa: ARG001 (Streamlit passes the app)
    """Open a browser once the server accepts connections, if `OPTION` is among the arguments of the script."""
    if OPTION in sys.argv and _has_display():
        Thread(target=_open_when_it_answers, daemon=True).start()
    yield


def _has_display() -> bool:
    """Return whether a window can be shown; without one, `webbrowser` would start a browser in the terminal."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in _DISPLAYS)


def _open_when_it_answers() -> None:
    address, port = st.get_option("server.address"), st.get_option("server.port")
    host = "localhost" if address in _EVERY_ADDRESS else address
    end = time.monotonic() + _LONGEST_START
    while time.monotonic() < end:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            webbrowser.open(page_address(host, port))
            return


def page_address(host: str, port: int) -> str:
    """Return the address of the first page, as the server's options have it.

    Args:
        host: name or IP address of the server.
        port: port on which it listens.
    """
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/{base}".rstrip("/")
