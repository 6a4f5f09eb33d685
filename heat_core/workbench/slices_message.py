"""Message to the workbench about the findings on the question that it shows."""

from functools import lru_cache
from typing import Any

import numpy as np

from heat_core import Lens
from heat_core.analysis.facets import Tags
from heat_core.analysis.questions import Query, baseline_of
from heat_core.analysis.samples import Samples
from heat_core.findings.slices import find_slices
from heat_core.workbench.filtered_samples import answerable_query
from heat_core.workbench.view_state import ViewState

_TagKey = tuple[tuple[str, tuple[tuple[str, bytes], ...]], ...]  # facet → tag → bytes of its sample numbers


def slices_message(samples: Samples, view: ViewState, tags: dict[str, Tags]) -> dict[str, Any] | None:
    """Return the headline and the slices of a view's question; None for the question that every image answers.

    They are computed anew only where the question, the composition or a tag differs from before.

    Args:
        samples: samples that the workbench shows.
        view: settings of the view.
        tags: facet's key → what people gave to samples, such as `tag` → tags.
    """
    asked = answerable_query(samples, view.query)
    query = Query(question=asked.question, baseline=asked.baseline, methods=asked.methods)
    key = tuple((facet, tuple((tag, n.tobytes()) for tag, n in of.members.items())) for facet, of in tags.items())
    return _cached_message(samples, query, view.lens(), key)


@lru_cache(maxsize=8)
def _cached_message(samples: Samples, query: Query, lens: Lens, key: _TagKey) -> dict[str, Any] | None:
    tags = {
        facet: Tags({tag: np.frombuffer(numbers, np.int64) for tag, numbers in members}, len(samples))
        for facet, members in key
    }
    found = find_slices(samples, query, lens, tags)
    if found is None:
        return None
    return found.to_json() | {"baseline": baseline_of(samples, query), "methods": list(query.methods)}
