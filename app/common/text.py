"""Escaping of untrusted text: names, notes, addresses, and messages of jobs and errors.

As Markdown, such a text could load a picture from another server, or show a link that looks like one of the app's own.
So every text that Streamlit renders as Markdown is escaped by `escape_markdown`, and every text in a figure by
`heat_core.reporting.plotly_text.escape_plotly`. `tests/app/common/test_text.py` searches the code for texts that are
not escaped.
"""

import re
from pathlib import Path

from heat_core.names import printable

_JOINER = "\u2060"  # Word joiner: invisible, and separates two characters for a rule of Markdown.
# Some rules apply after the backslashes are removed, so that no backslash stops them: links of GitHub's Markdown
# (http://, www., mail addresses) and Streamlit's icons, emoji and arrows. A joiner is put behind each of these matches.
_LATE = re.compile(r":(?=\S)|www(?=\.)|@(?=\S)|(?<!\S)[-<>~](?=[-=>])", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def escape_markdown(text: object) -> str:
    """Escape untrusted text as Markdown that shows it literally, in one line: without any markup, link or picture."""
    shown = printable(" ".join(str(text).split()))
    return _PUNCTUATION.sub(r"\\\g<0>", _LATE.sub(rf"\g<0>{_JOINER}", shown))


def short_file_name(path: str) -> str:
    """Return the printable name of a file, without its folder."""
    return printable(Path(path).name)
