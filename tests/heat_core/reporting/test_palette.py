"""The colours: distinct, the same everywhere, and known to style sheets and to the browser under fixed names."""

import re

import pytest

from heat_core.reporting import palette

HEX = re.compile(r"#[0-9A-F]{6}")


@pytest.mark.parametrize("count", range(1, 8))
def test_up_to_seven_sets_have_colours_of_their_own(count):
    """Up to seven sets differ in colour from each other and from the ID set."""
    names = [f"set {i}" for i in range(count)]
    colours = palette.of_sets(names)
    assert list(colours.items()) == list(zip(names, palette.OOD, strict=False))
    assert len({*colours.values(), palette.ID, palette.TRAIN}) == count + 2
    assert all(HEX.fullmatch(c) for c in colours.values())


def test_a_sets_colour_stays_when_others_follow():
    names = ["near", "<b>far</b>", "7", "a", "b", "c", "d", "e"]
    whole = palette.of_sets(names)
    for n in range(len(names) + 1):
        assert palette.of_sets(names[:n]) == {name: whole[name] for name in names[:n]}
    assert whole["e"] == whole["near"]  # the eighth begins again
    assert palette.of_sets([]) == {}


def test_classes_and_verdicts_have_different_colours():
    assert len(set(palette.CLASSES)) == len(palette.CLASSES) == 10
    assert len({colour for colour, _ in palette.VERDICTS}) == 4
    assert [name for _, name in palette.VERDICTS] == [
        "ID kept",
        "ID flagged by mistake",
        "OOD missed",
        "OOD detected",
    ]
    assert (palette.VERDICTS[2][0], palette.VERDICTS[3][0]) == (palette.WRONG, palette.RIGHT)


def test_the_style_sheet_holds_every_colour_as_a_custom_property():
    sheet = palette.css()
    assert sheet.startswith(":root, :host { ")
    assert sheet.count("{") == sheet.count("}") == 1
    assert dict(re.findall(r"--heat-([a-z-]+): (#[0-9A-F]{6});", sheet)) == {
        "right": palette.RIGHT,
        "wrong": palette.WRONG,
        "right-mark": palette.RIGHT_MARK,
        "wrong-mark": palette.WRONG_MARK,
        "unknown": palette.UNKNOWN,
        "known": palette.KNOWN,
        "unknown-mark": palette.UNKNOWN_MARK,
    }
    assert sheet.count("--heat-") == 7


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mark", ["RIGHT_MARK", "WRONG_MARK", "UNKNOWN_MARK"])
def test_white_text_is_read_on_a_mark(mark):
    assert 1.05 / (luminance(getattr(palette, mark)) + 0.05) > 4.5


def test_the_ramp_rises_in_lightness():
    steps = [luminance(colour) for colour in palette.RAMP]
    assert steps == sorted(steps)
    assert steps[0] < 0.05
    assert steps[-1] > 0.7


def test_the_browser_gets_classes_verdicts_training_and_ramp():
    assert palette.for_browser() == {
        "classes": palette.CLASSES,
        "verdicts": palette.VERDICTS,
        "train": palette.TRAIN,
        "ramp": palette.RAMP,
    }
