"""The subset of samples that a look names, and what can be taken along of it."""

from collections.abc import Callable

import numpy as np

from app.state.look import Look, is_column
from heat_core import HeatError, Lens
from heat_core.analysis import facets
from heat_core.analysis.columns import column_facets
from heat_core.analysis.facets import Facet, Tags
from heat_core.analysis.likeness import Likeness, most_alike
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import answers, arrange, narrowed
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import recall
from heat_core.reporting.export import to_csv, to_zip

MOST_IN_ZIP = 2000


def facets_of(samples: Samples, look: Look) -> dict[str, Facet | Tags]:
    """The facets that a look narrows by; only those, since some take their time."""
    makers: dict[str, Callable[[], Facet | Tags]] = {
        "set": lambda: facets.sets(samples),
        "folder": lambda: facets.folders(samples),
        "seen": lambda: facets.classes_seen(samples),
        "part": lambda: facets.parts(samples, look.lens()),
        "cluster": lambda: facets.clusters(samples),
        "tag": lambda: Tags.of(samples, read_notes(samples.run.folder)),
    }
    columns = column_facets(samples) if any(is_column(name) for name, _ in look.ask.values) else {}
    gone = Facet((), np.full(len(samples), -1))
    return {name: columns.get(name, gone) if is_column(name) else makers[name]() for name, _ in look.ask.values}


def numbers(samples: Samples, look: Look) -> np.ndarray:
    """The numbers of the samples that a look names, in its order; HeatError where something of it is gone."""
    ask, lens = look.ask, look.lens()
    selection = recall(samples.run.folder, look.selection) if look.selection else None
    alike = most_alike(samples, Likeness(samples.run), samples.find(ask.like)) if ask.like else None
    tagged = Tags.of(samples, read_notes(samples.run.folder)).any() if ask.question == "tagged" else None
    keep = answers(samples, ask, lens, tagged)
    keep &= narrowed(samples, ask, facets_of(samples, look), lens, selection, alike)
    if alike is not None:  # the most alike first
        return alike[keep[alike]]
    return arrange(samples, np.flatnonzero(keep), ask, lens)


def taken_along(samples: Samples, chosen: np.ndarray, lens: Lens, kind: str) -> tuple[bytes, str]:
    """The samples as a file, and its media type: a table (csv), or their pictures with it (zip)."""
    if kind == "csv":
        return to_csv(samples, chosen, lens).encode(errors="backslashreplace"), "text/csv"
    if kind == "zip":
        return to_zip(samples, chosen[:MOST_IN_ZIP], lens)[0], "application/zip"
    raise HeatError(f"There is no file of kind {kind!r}: choose csv or zip.")
