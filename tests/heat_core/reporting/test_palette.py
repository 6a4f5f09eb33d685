"""The colours: distinct, the same everywhere, and known to style sheets and to the browser under fixed names."""

import re

import numpy as np
import pytest

from heat_core.reporting import palette

HEX = re.compile(r"#[0-9A-F]{6}")


@pytest.mark.parametrize("count", range(1, 11))
def test_up_to_ten_sets_have_colours_of_their_own(count):
    """Up to ten sets differ in colour from each other and from the ID set."""
    names = [f"set {i}" for i in range(count)]
    colours = palette.of_sets(names)
    assert list(colours.items()) == list(zip(names, palette.OOD, strict=False))
    assert len({*colours.values(), palette.ID, palette.TRAIN}) == count + 2
    assert all(HEX.fullmatch(c) for c in colours.values())


def test_a_sets_colour_stays_when_others_follow():
    names = ["near", "<b>far</b>", "7", "a", "b", "c", "d", "e", "f", "g", "h"]
    whole = palette.of_sets(names)
    for n in range(len(names) + 1):
        assert palette.of_sets(names[:n]) == {name: whole[name] for name in names[:n]}
    assert whole["h"] == whole["near"]  # the eleventh begins again
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


def linear_rgb(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    return float(linear_rgb(colour) @ [0.2126, 0.7152, 0.0722])


def lab(linear: np.ndarray) -> np.ndarray:
    """CIE L*a*b* under D65 of (N, 3) linear sRGB."""
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


#: What people of a vision see of linear sRGB (Machado, Oliveira & Fernandes 2009, severity 1).
VISIONS = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}


@pytest.mark.parametrize("vision", VISIONS)
def test_sets_differ_in_any_vision(vision):
    """ID, training and ten OOD sets are at least 20 ΔE apart; 2.3 can just be seen."""
    colours = [palette.ID, palette.TRAIN, *palette.OOD]
    seen = np.clip(np.stack([linear_rgb(colour) for colour in colours]) @ np.transpose(VISIONS[vision]), 0, 1)
    distance = np.linalg.norm(lab(seen)[:, None] - lab(seen), axis=2)[np.triu_indices(12, 1)]
    assert distance.min() > 20


@pytest.mark.parametrize("ground", ["#FFFFFF", "#15181C"])
def test_sets_are_seen_on_light_and_dark_pages(ground):
    for colour in (palette.ID, *palette.OOD):
        low, high = sorted([luminance(colour), luminance(ground)])
        assert (high + 0.05) / (low + 0.05) > 1.7, colour


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
