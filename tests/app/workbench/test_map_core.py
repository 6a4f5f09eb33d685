"""What the map draws, computed in Chromium: densities against NumPy, and the places of the clusters' names."""

import numpy as np
import pytest

from tests.app.modules import module_page
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM

WIDTH, HEIGHT, SQUARE = 300, 200, 3  # pixels


@pytest.fixture(scope="module")
def page():
    with module_page() as page:
        yield page


DRAW = """async ([xy, colours, set, isOod, mask, viewport, width, height]) => {
  const { drawPoints } = await import('/map/draw_points.js');
  const n = set.length, pixels = new Uint32Array(width * height);
  const surface = { canvas: { width, height }, ratio: 1, paint: fill => fill(pixels) };
  const style = { plain: Uint32Array.of(0xff000011, 0xff000022), faded: Uint32Array.of(0xff000033, 0xff000044),
    index: Uint8Array.from(colours), shape: new Uint8Array(n) };
  const points = { n, xy: Uint16Array.from(xy), set: Uint8Array.from(set), isOod: Uint8Array.from(isOod) };
  const isDensity = drawPoints(surface, points, style, [true, true], viewport,
    Uint8Array.from(mask), { scores: new Float32Array(n), cutoff: 1 }, { xy: [], colour: 0 });
  return [isDensity, Array.from(pixels)];
}"""


def test_many_points_are_a_density_and_few_are_points(page):
    """A square has the colour of most of its points; missed images (set 1) stay points, and so does what is zoomed.
    Shifted images that are kept are right, so that they are no such points."""
    rng = np.random.default_rng(0)
    count, missed = 25_000, 40
    xy = np.clip(rng.normal(32_768, 9_000, (count + missed, 2)), 0, 65_535).astype(int)
    colours = (xy[:, 0] + rng.normal(0, 9_000, len(xy)) > 32_768).astype(int)
    sets, mask = np.repeat([0, 1], [count, missed]), np.ones(count + missed, int)
    xy[count:] = (1_000, 1_000)  # apart from the others
    whole = {"zoom": 1, "x": 0.5, "y": 0.5}
    given = [xy.ravel().tolist(), colours.tolist(), sets.tolist(), sets.tolist(), mask.tolist()]
    is_density, pixels = page.evaluate(DRAW, [*given, whole, WIDTH, HEIGHT])
    assert is_density
    pixels = np.array(pixels, np.uint32).reshape(HEIGHT, WIDTH)
    scale = (min(WIDTH, HEIGHT) - 28) / 65_535
    column = ((xy[:count, 0] * scale + WIDTH / 2 - 32_767.5 * scale) / SQUARE).astype(int)
    row = ((-xy[:count, 1] * scale + HEIGHT / 2 + 32_767.5 * scale) / SQUARE).astype(int)
    counts = np.zeros((HEIGHT // SQUARE + 1, WIDTH // SQUARE, 2), int)
    np.add.at(counts, (row, column, colours[:count]), 1)
    total, largest = counts.sum(axis=2), counts.sum(axis=2).max()
    for r, c in np.argwhere(total > 0):
        colour, opacity = pixels[r * SQUARE, c * SQUARE] & 0xFFFFFF, int(pixels[r * SQUARE, c * SQUARE] >> 24)
        assert colour == (0x22 if counts[r, c, 1] > counts[r, c, 0] else 0x11)
        assert abs(opacity - (60 + 195 * np.log(total[r, c]) / np.log(largest))) <= 1
    x, y = (int(1_000 * s * scale + side / 2 - 32_767.5 * s * scale) for s, side in ((1, WIDTH), (-1, HEIGHT)))
    assert pixels[y, x] >> 24 == 255  # a point
    _, shifted = page.evaluate(DRAW, [*given[:3], [0] * len(sets), given[4], whole, WIDTH, HEIGHT])
    assert 60 <= shifted[y * WIDTH + x] >> 24 < 255
    is_density, outside = page.evaluate(DRAW, [*given[:4], [0] * len(sets), whole, WIDTH, HEIGHT])
    assert is_density
    assert {v & 0xFFFFFF for v in outside} == {0, 0x33, 0x44}  # faded where no point is in the subset
    is_density, pixels = page.evaluate(DRAW, [*given, {"zoom": 9, "x": 0.5, "y": 0.5}, WIDTH, HEIGHT])
    assert not is_density
    assert {v >> 24 for v in pixels} == {0, 255}


def test_names_lie_on_medians_and_not_on_one_another(page):
    rng = np.random.default_rng(1)
    cluster, xy = rng.choice([0, 1, 3, 255], 400, p=[0.2, 0.5, 0.2, 0.1]), rng.integers(0, 65_536, (400, 2))
    names = ["nearest class sea, cluster 1", "nearest class <b>a, cluster 9, cluster 2", "gone", "other"]
    centres = page.evaluate(
        "async ([clusters, cluster, xy]) => (await import('/map/cluster_names.js'))"
        ".clusterCentres({ run: { clusters, cluster: Uint8Array.from(cluster), xy: Uint16Array.from(xy) } })",
        [names, cluster.tolist(), xy.ravel().tolist()],
    )
    assert [c["size"] for c in centres] == sorted((int((cluster == k).sum()) for k in (0, 1, 3)), reverse=True)
    assert {c["text"] for c in centres} == {"sea, cluster 1", "<b>a, cluster 9, cluster 2", "other"}
    members = np.sort(xy[cluster == 1], axis=0)
    assert [centres[0]["x"], centres[0]["y"]] == members[len(members) // 2].tolist()
    names = [{"text": str(k), "x": x, "y": y} for k, (x, y) in enumerate([(100, 50), (110, 52), (104, 48), (100, 49)])]
    names += [{"text": "edge", "x": 1, "y": 90}, {"text": "outside", "x": 100, "y": 101}]
    placed = page.evaluate(
        "async names => (await import('/map/cluster_names.js')).placeNames(names, () => 60, {width: 200, height: 100})",
        names,
    )
    assert [p["text"] for p in placed[:3]] == ["0", "1", "2"]  # the largest lies on its median
    assert (placed[0]["x"], placed[0]["y"]) == (100, 50)
    assert placed[-1]["text"] == "edge"
    assert placed[-1]["x"] == 32  # drawn whole
    for k, one in enumerate(placed):
        assert all(abs(one["y"] - o["y"]) >= 15 or abs(one["x"] - o["x"]) >= 64 for o in placed[:k])
