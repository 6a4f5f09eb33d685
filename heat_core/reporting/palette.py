"""Colours of figures, pages, the workbench and the report.

ID, training and ten OOD sets have colours that people with any colour vision can distinguish: they differ in lightness
and in blue against yellow, too (`tests/heat_core/reporting/test_palette.py` simulates deuteranopia and protanopia).
Shapes and dashes carry the same information.
"""

from collections.abc import Sequence

ID, TRAIN = "#0072B2", "#9AA0A6"
OOD = (
    "#E69F00",
    "#008454",
    "#E478FC",
    "#C00030",
    "#9CCC9C",
    "#785478",
    "#D83C00",
    "#F0A8F0",
    "#D8C06C",
    "#1848D8",
)
CLASSES = (ID, *OOD[:9])
LINE = "#8A8F98"  # threshold lines: visible on light and on dark pages
RIGHT, WRONG = "#009E73", "#D55E00"
RIGHT_MARK, WRONG_MARK = "#00785A", "#B23A00"  # darker, as the ground of white text
UNKNOWN, KNOWN = "#E69F00", "#0072B2"  # verdicts on new images, whose truth is not known
UNKNOWN_MARK = "#9A6A00"
FLAGGED = "#56B4E9"  # ID samples that are called OOD
OWN_KNOWN, OWN_UNKNOWN = "#1F2328", "#B23A00"  # new images on a map
RAMP = ("#00224E", "#575D6D", "#A69D75", "#FEE838")  # cividis, from low to high, with even steps of lightness
#: Colour and name of each verdict, in the order kept, flagged, missed, detected.
VERDICTS = (
    (TRAIN, "ID kept"),
    (FLAGGED, "ID flagged by mistake"),
    (WRONG, "OOD missed"),
    (RIGHT, "OOD detected"),
)


def of_sets(names: Sequence[str]) -> dict[str, str]:
    """Map each OOD set to its colour, the same in every figure."""
    return {name: OOD[i % len(OOD)] for i, name in enumerate(names)}


def css() -> str:
    """Return the colours for style sheets, as custom properties of the page and of a component's shadow root."""
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
    """Return the colours that the workbench draws with."""
    return {"classes": CLASSES, "verdicts": VERDICTS, "train": TRAIN, "ramp": RAMP}
