"""Subset of the samples that a view state names."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from heat_core.analysis import facets
from heat_core.analysis.facets import Facet, Tags
from heat_core.analysis.measured.quality_facets import QUALITY_TITLES, quality_facets
from heat_core.analysis.metadata_facets import column_facets
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import Query, filter_mask, question_mask, questions_of, sort_samples
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import load_selection
from heat_core.analysis.similarity import SimilarityIndex, most_similar
from heat_core.decisions.on_samples import decided_numbers
from heat_core.decisions.store import read_decisions
from heat_core.workbench.view_state import ViewState, is_column


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
    return Tags(decided_numbers(samples, read_decisions(samples.run.folder)), len(samples))


def answerable_query(samples: Samples, query: Query) -> Query:
    """Return a query with a question that can be answered: its own, or else the first one (as in compute/query.js)."""
    offered = questions_of(samples)
    return query if query.question in offered else replace(query, question=next(iter(offered)))


def filtered_numbers(samples: Samples, view: ViewState) -> np.ndarray:
    """Return the numbers of the samples that a view state names, in its order.

    Where the query names a sample whose similar ones are shown, the most similar comes first instead.

    Raises:
        HeatError: if the selection, the notes or a sample that it names cannot be read.
    """
    query, lens = answerable_query(samples, view.query), view.lens()
    selection = load_selection(samples.run.folder, view.selection) if view.selection else None
    similar = most_similar(samples, SimilarityIndex(samples.run), samples.find(query.like)) if query.like else None
    tagged = Tags.from_notes(samples, read_notes(samples.run.folder)).any_mask() if query.question == "tagged" else None
    keep = question_mask(samples, query, lens, tagged)
    keep &= filter_mask(samples, query, facets_in_query(samples, view), lens, selection, similar)
    if similar is not None:  # The most similar samples come first.
        return similar[keep[similar]]
    return sort_samples(samples, np.flatnonzero(keep), query, lens)
