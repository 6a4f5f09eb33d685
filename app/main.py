"""HEAT Explorer: `streamlit run app/main.py`.

The file is read twice: once by the server, which takes `app` from it, and by every session as the script of its pages.
"""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Streamlit puts this file's own folder there; `app` is a package of the clone
    sys.path.insert(0, str(ROOT))

from app.server import redirects  # noqa: E402
from app.state import session  # noqa: E402

# Streamlit's margins and its title leave a laptop's page half empty above the first control.
STYLE = """<style>
.stMainBlockContainer { padding: 4.2rem 1.6rem 2rem } h1 { font-size: 1.5rem !important; padding: 0 !important }
</style>"""


def draw() -> None:
    """The page that the address names, in its frame."""
    session.initial_address()  # before there is a link to click
    st.set_page_config(page_title="HEAT Explorer", page_icon="🔥", layout="wide")
    st.logo(ROOT / "assets" / "logo.svg", size="large")
    st.html(STYLE)
    page = st.navigation(
        [
            st.Page("app_pages/inspect.py", title="Inspect", icon=":material/search:", default=True),
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

    app = st.App(__file__, routes=routes(), middleware=[Middleware(AccessControl)])
