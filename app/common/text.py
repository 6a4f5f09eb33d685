"""Foreign text where markup is understood: names, notes, addresses, messages of jobs and errors.

Nobody of this app wrote them. In Markdown a name could fetch a picture from a foreign server, or show a link in the
app's own voice; every text that reaches one of Streamlit's Markdown sinks goes through
`escape_markdown` (`tests/app/common/test_text.py` reads the code for those that do not), every text in a figure through
`heat_core.reporting.plotly_text.escape_plotly`.
"""

import re

from heat_core.names import printable

_JOINER = "\u2060"  # seen by no reader, and by no rule that looks for neighbours
# Rules that look at the text after its backslashes are gone, so that only a neighbour stops them: links of GFM
# (http://, www., mail addresses) and Streamlit's icons, emoji and arrows. The joiner goes behind each of these.
_LATE = re.compile(r":(?=\S)|www(?=\.)|@(?=\S)|(?<!\S)[-<>~](?=[-=>])", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def escape_markdown(text: object) -> str:
    """Foreign text as Markdown that shows it to the letter, in one line: no markup, link, picture, icon or formula."""
    shown = printable(" ".join(str(text).split()))
    return _PUNCTUATION.sub(r"\\\g<0>", _LATE.sub(rf"\g<0>{_JOINER}", shown))
