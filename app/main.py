"""HEAT Explorer: `streamlit run app/main.py` in a clone, `heat app` where the wheel is installed.

The server imports this file and takes `app` from it. Every session runs it as the script of its pages.
"""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]  # the clone, or the installed folder `heat_explorer`
if str(ROOT) not in sys.path:  # Streamlit adds only this file's folder, but `app` is imported as a package.
    sys.path.insert(0, str(ROOT))

from app.common.page_style import STYLE  # noqa: E402
from app.server import redirects  # noqa: E402
from app.state import session  # noqa: E402


def draw() -> None:
    """Draw the page that the address names, below the logo and the navigation."""
    session.initial_address()  # Keeps the address before a click on another page can change it.
    st.set_page_config(page_title="HEAT Explorer", page_icon="🔥", layout="wide")
    st.logo(Path(__file__).with_name("logo.svg"), size="large")
    st.html(STYLE, unsafe_allow_javascript=True)
    page = st.navigation(
        [
            # Streamlit reserves the path of the first page without serving it; `redirects` needs `inspect` itself.
            st.Page("app_pages/inspect.py", title="Inspect", icon=":material/search:", default=True, url_path="start"),
            st.Page("app_pages/compare.py", title="Compare", icon=":material/leaderboard:"),
            st.Page("app_pages/new_images.py", title="New images", icon=":material/add_photo_alternate:"),
            st.Page("app_pages/studies.py", title="Studies", icon=":material/science:"),
            st.Page("app_pages/runs.py", title="Runs", icon=":material/monitoring:"),
            *redirects.pages(),
        ],
        position="top",
    )
    session.begin_page(page.title)
    try:
        page.run()
    finally:
        session.end_page()


if __name__ == "__main__":
    draw()
else:
    from starlette.middleware import Middleware

    from app.server.access_control import AccessControl
    from app.server.file_routes import routes
    from app.server.open_browser import lifespan

    app = st.App(__file__, routes=routes(), middleware=[Middleware(AccessControl)], lifespan=lifespan)
