"""What tests of figures share."""

FOREIGN = "<b>bold</b> %{y} $x^2$ **md** `é` 東京"


def lines_of(figure, axis: str) -> list:
    """Where lines were drawn across the figure: at which x, or at which y."""
    ends = [(shape[f"{axis}0"], shape[f"{axis}1"]) for shape in figure.layout.shapes]
    assert all(a == b for a, b in ends)
    return [a for a, _ in ends]
