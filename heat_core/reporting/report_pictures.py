"""Sections of the report about samples: facets of the missed images, and pictures for each question."""

from dataclasses import replace
from typing import Any

import numpy as np

from heat_core.analysis import facets
from heat_core.analysis.explanation import describe_sample
from heat_core.analysis.facets import Facet
from heat_core.analysis.metadata_facets import COLUMN_PREFIX, column_facets
from heat_core.analysis.questions import (
    Query,
    baseline_of,
    count_gains,
    question_mask,
    question_title,
    sort_samples,
)
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, Lens
from heat_core.errors import HeatError
from heat_core.findings.slices import find_slices
from heat_core.names import printable
from heat_core.reporting.diverse_subset import choose_diverse
from heat_core.reporting.html_templates import render
from heat_core.reporting.thumbnails import data_url

_PICTURES = 12
_BARS = 8
_SLICES = 10
_SIDE = 160
_PART = "Prior or residual that lowers the score most"
_QUESTIONS = ("missed", "gained", "lost", "missed-by-all", "flagged")


def gallery_sections(samples: Samples, lens: Lens) -> str:
    """Make the HTML of gains, facets and galleries; empty before the first residual is trained."""
    if not samples.run.priors:
        return ""
    query = Query(baseline=baseline_of(samples, Query()))  # the default baseline takes time, so it is computed once
    gained, lost = count_gains(samples, query, lens)
    missed = question_mask(samples, query, lens)
    return render(
        "galleries.html",
        findings=_findings(samples, lens),
        gained=gained,
        lost=lost,
        baseline=_baseline_title(samples, query),
        missed=int(missed.sum()),
        bar_charts=_bar_charts(samples, missed, lens) if missed.any() else [],
        galleries=[_gallery(samples, replace(query, question=question), lens) for question in _QUESTIONS],
    )


def _findings(samples: Samples, lens: Lens) -> dict[str, Any]:
    """Return the headline of the missed images, and the first slices in which more are missed than by chance."""
    found = find_slices(samples, Query("missed"), lens)
    if found is None:
        return {}
    slices = [
        {
            "name": found.slice_title(part),
            "count": f"{part.bad:,} of {part.n:,}",
            "share": f"{100 * part.rate:.1f} % ({100 * part.low:.1f}–{100 * part.high:.1f})",
            "lift": f"{part.lift:.1f}",
            "q": f"{part.q:.1g}",
        }
        for part in found.slices[:_SLICES]
    ]
    return {"headline": found.sentence(), "tested": found.tested, "slices": slices}


def _baseline_title(samples: Samples, query: Query) -> str:
    return samples.run.title(baseline_of(samples, query))


def _bar_charts(samples: Samples, missed: np.ndarray, lens: Lens) -> list[dict[str, Any]]:
    """Count the OOD samples that HEAT misses by set, folder, predicted class, manifest column, and decisive part."""
    by_title = {
        "OOD set": facets.by_set(samples),
        "Folder": facets.by_folder(samples),
        "Predicted class": facets.by_predicted_class(samples),
    }
    by_title |= {key.removeprefix(COLUMN_PREFIX): facet for key, facet in column_facets(samples).items()}
    charts = [_bar_chart(title, facet, missed, samples.is_ood) for title, facet in by_title.items() if facet.names]
    # The decisive part of a detected sample is the one that raises its score, so totals over all OOD samples would mix
    # two meanings and are not shown.
    charts.append(_bar_chart(_PART, facets.by_decisive_part(samples, lens), missed))
    return [chart for chart in charts if chart["bars"]]


def _bar_chart(title: str, facet: Facet, missed: np.ndarray, total: np.ndarray | None = None) -> dict[str, Any]:
    """Make a bar chart of the commonest values of a facet.

    Args:
        title: title of the chart.
        facet: facet whose values are counted.
        missed: (N,) mask of the samples that are counted.
        total: (N,) mask of the samples of which they are a part; None: no totals are printed.
    """
    counts = facet.counts(missed)
    totals = [""] * len(counts) if total is None else [f" of {count:,}" for count in facet.counts(total)]
    order = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
    bars = [
        {
            "name": printable(facet.names[i]),
            "width": f"{50 * counts[i] / counts.max():.1f}%",
            "text": f"{counts[i]:,}{totals[i]}",
        }
        for i in order[:_BARS]
    ]
    hidden_count = sum(int(counts[i]) for i in order[_BARS:])
    return {"title": title, "bars": bars, "hidden_values": len(order) - _BARS, "hidden_count": hidden_count}


def _gallery(samples: Samples, query: Query, lens: Lens) -> dict[str, Any]:
    """Choose pictures of the samples that answer a question, most confident first."""
    run, title = samples.run, question_title(query.question, _baseline_title(samples, query))
    if query.question == "missed-by-all":
        query, title = replace(query, methods=tuple(run.detectors)), f"Missed by all {len(run.detectors)} detectors"
    numbers = sort_samples(samples, np.flatnonzero(question_mask(samples, query, lens)), query, lens)
    chosen, method = choose_diverse(samples, numbers, _PICTURES)
    count = "one image" if len(numbers) == 1 else f"{len(numbers):,} images, most confident first"
    return {
        "title": title,
        "caption": f"{count}. {method}" if len(numbers) else "None.",
        "pictures": [_picture(samples, int(i), query, lens) for i in chosen],
    }


def _picture(samples: Samples, number: int, query: Query, lens: Lens) -> dict[str, Any]:
    run, (name, _) = samples.run, samples.locate(number)
    try:
        src = data_url(run.image(name, str(samples.ids[number])), _SIDE)
    except HeatError:
        src = None
    return {
        "src": src,
        "is_correct": bool(samples.is_correct(HEAT, lens)[number]),
        "key": samples.key(number),
        "reason": describe_sample(samples, number, [baseline_of(samples, query), HEAT], lens),
    }
