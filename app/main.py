"""HEAT Explorer: `streamlit run app/main.py`."""

from pathlib import Path

import streamlit as st

from app.glossary import glossary

st.set_page_config(page_title="HEAT Explorer", page_icon="🔥", layout="wide")
st.logo(Path(__file__).parents[1] / "assets" / "logo.svg", size="large")
# Streamlit's margins leave a laptop's page half empty above the first control.
st.html("<style>.stMainBlockContainer { padding: 3.2rem 3.2rem 5rem }</style>")
page = st.navigation(
    [
        st.Page("app_pages/live.py", title="Live", icon=":material/touch_app:", default=True),
        st.Page("app_pages/explore.py", title="Explore", icon=":material/tune:"),
        st.Page("app_pages/compare.py", title="Compare", icon=":material/leaderboard:"),
        st.Page("app_pages/map.py", title="Map", icon=":material/scatter_plot:"),
        st.Page("app_pages/gallery.py", title="Gallery", icon=":material/photo_library:"),
        st.Page("app_pages/own.py", title="Own images", icon=":material/add_photo_alternate:"),
        st.Page("app_pages/train.py", title="Train", icon=":material/monitoring:"),
        st.Page("app_pages/setup.py", title="Setup", icon=":material/settings:"),
    ]
)
st.session_state["page-opened"] = st.session_state.get("page") != page.title
st.session_state["page"] = page.title
glossary()
try:
    page.run()
finally:
    st.session_state["page-opened"] = False
