"""Style sheet and script of all pages, which are read once by the server."""

from pathlib import Path

# With Streamlit's own margins and title, half of a laptop's screen is empty above the first control. The span puts the
# sheet into the page: Streamlit puts HTML of styles alone where toasts are, and a toast of a fragment replaces it.
_SHEET, _SCRIPT = (
    (Path(__file__).resolve().parents[1] / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
)
STYLE = f'<span class="heat-style" hidden></span><style>{_SHEET}</style><script>{_SCRIPT}</script>'
