"""The colours of everything that is drawn: figures, pages, the workbench and the report take them from here.

Okabe & Ito's, which are told apart with any colour vision; shape and dash say the same beside them.
"""

from collections.abc import Sequence

ID, TRAIN = "#0072B2", "#9AA0A6"
OOD = ("#E69F00", "#CC79A7", "#009E73", "#D55E00", "#56B4E9", "#B79F00", "#7B61C9")
CLASSES = (ID, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B79F00", "#7B61C9", "#8C564B", "#17A2A2")
LINE = "#8A8F98"  # of thresholds: seen on a light page and on a dark one
RIGHT, WRONG = "#009E73", "#D55E00"
RIGHT_MARK, WRONG_MARK = "#00785A", "#B23A00"  # darker: under white text
UNKNOWN, KNOWN = "#E69F00", "#0072B2"  # verdicts where nobody knows the truth
UNKNOWN_MARK = "#9A6A00"
FLAGGED = "#56B4E9"  # ID samples that are called OOD
OWN_KNOWN, OWN_UNKNOWN = "#1F2328", "#B23A00"  # new images on a map
RAMP = ("#00224E", "#575D6D", "#A69D75", "#FEE838")  # cividis, from low to high: even in lightness
#: Of a sample's verdict, in the order kept, flagged, missed, caught.
VERDICTS = (
    (TRAIN, "ID kept"),
    (FLAGGED, "ID flagged by mistake"),
    (WRONG, "OOD missed"),
    (RIGHT, "OOD caught"),
)


def of_sets(names: Sequence[str]) -> dict[str, str]:
    """OOD set → its colour, the same in every figure."""
    return {name: OOD[i % len(OOD)] for i, name in enumerate(names)}


def css() -> str:
    """The colours that style sheets use, as custom properties of the page and of a component's shadow root."""
    colours = {
        "right": RIGHT,
        "wrong": WRONG,
        "right-mark": RIGHT_MARK,
        "wrong-mark": WRONG_MARK,
        "unknown": UNKNOWN,
        "known": KNOWN,
        "unknown-mark": UNKNOWN_MARK,
    }
    return ":root, :host { " + " ".join(f"--heat-{name}: {colour};" for name, colour in colours.items()) + " }\n"


def for_browser() -> dict[str, object]:
    """The colours that the workbench draws with."""
    return {"classes": CLASSES, "verdicts": VERDICTS, "train": TRAIN, "ramp": RAMP}
