"""Subset of the samples that a view state names, and its export to files."""

from collections.abc import Callable
from contextlib import suppress

import numpy as np

from heat_core import HeatError, Lens
from heat_core.analysis import facets
from heat_core.analysis.facets import Facet, Tags
from heat_core.analysis.measured.quality_facets import QUALITY_TITLES, quality_facets
from heat_core.analysis.metadata_facets import column_facets
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import filter_mask, question_mask, sort_samples
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import load_selection
from heat_core.analysis.similarity import SimilarityIndex, most_similar
from heat_core.decisions.store import in_force, read_decisions
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
        "decision": lambda: decision_tags(samples),
    }
    wanted = view.query.facets()
    further = column_facets(samples) if any(map(is_column, wanted)) else {}
    further |= quality_facets(samples) if set(wanted) & set(QUALITY_TITLES) else {}
    missing = Facet((), np.full(len(samples), -1))
    return {name: makers[name]() if name in makers else further.get(name, missing) for name in wanted}


def decision_tags(samples: Samples) -> Tags:
    """Collect the samples of each decision that holds, under the decision's title.

    Raises:
        HeatError: where the run's decisions cannot be read.
    """
    batch = samples.batch if isinstance(samples, NewImages) else ""
    numbers: dict[str, list[int]] = {}
    for (of_batch, key), decision in in_force(read_decisions(samples.run.folder)).items():
        if of_batch == batch:
            with suppress(HeatError):  # the run has been made anew without this sample
                numbers.setdefault(decision.title, []).append(samples.find(key))
    return Tags({title: np.sort(np.array(of)) for title, of in sorted(numbers.items())}, len(samples))


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
