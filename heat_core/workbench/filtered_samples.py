"""Subset of the samples that a view state names, and its export to files."""

from collections.abc import Callable

import numpy as np

from heat_core import HeatError, Lens
from heat_core.analysis import facets
from heat_core.analysis.facets import Facet, Tags
from heat_core.analysis.metadata_facets import column_facets
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import filter_mask, question_mask, sort_samples
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import load_selection
from heat_core.analysis.similarity import SimilarityIndex, most_similar
from heat_core.reporting.export import to_csv, to_zip
from heat_core.workbench.view_state import ViewState, is_column

MOST_IN_ZIP = 2000


def facets_in_query(samples: Samples, view: ViewState) -> dict[str, Facet | Tags]:
    """Compute the facets by which a view state filters; the others are left out, since some take long."""
    makers: dict[str, Callable[[], Facet | Tags]] = {
        "set": lambda: facets.by_set(samples),
        "folder": lambda: facets.by_folder(samples),
        "seen": lambda: facets.by_predicted_class(samples),
        "part": lambda: facets.by_decisive_part(samples, view.lens()),
        "cluster": lambda: facets.by_cluster(samples),
        "tag": lambda: Tags.from_notes(samples, read_notes(samples.run.folder)),
    }
    columns = column_facets(samples) if any(is_column(name) for name, _ in view.query.values) else {}
    missing_column = Facet((), np.full(len(samples), -1))
    return {
        name: columns.get(name, missing_column) if is_column(name) else makers[name]() for name, _ in view.query.values
    }


def filtered_numbers(samples: Samples, view: ViewState) -> np.ndarray:
    """Return the numbers of the samples that a view state names, in its order.

    Where the query names a sample whose similar ones are shown, the most similar comes first instead.

    Raises:
        HeatError: if the selection, the notes or a sample that it names cannot be read.
    """
    query, lens = view.query, view.lens()
    selection = load_selection(samples.run.folder, view.selection) if view.selection else None
    similar = most_similar(samples, SimilarityIndex(samples.run), samples.find(query.like)) if query.like else None
    tagged = Tags.from_notes(samples, read_notes(samples.run.folder)).any_mask() if query.question == "tagged" else None
    keep = question_mask(samples, query, lens, tagged)
    keep &= filter_mask(samples, query, facets_in_query(samples, view), lens, selection, similar)
    if similar is not None:  # The most similar samples come first.
        return similar[keep[similar]]
    return sort_samples(samples, np.flatnonzero(keep), query, lens)


def export_file(samples: Samples, chosen: np.ndarray, lens: Lens, kind: str) -> tuple[bytes, str]:
    """Export samples as a file.

    Args:
        samples: the samples.
        chosen: (n,) numbers of the samples to export.
        lens: lens of HEAT's scores.
        kind: "csv" for a table; "zip" for a table and the pictures of the first MOST_IN_ZIP samples.

    Returns:
        Content and media type of the file.

    Raises:
        HeatError: if the kind is unknown.
    """
    if kind == "csv":
        return to_csv(samples, chosen, lens).encode(errors="backslashreplace"), "text/csv"
    if kind == "zip":
        return to_zip(samples, chosen, lens, MOST_IN_ZIP)[0], "application/zip"
    raise HeatError(f"There is no file of kind {kind!r}: choose csv or zip.")
