"""What the report shows of samples: what the missed have in common, and pictures that answer each question."""

import html
from dataclasses import replace

import numpy as np

from heat_core.analysis import facets
from heat_core.analysis.columns import COLUMN, column_facets
from heat_core.analysis.facets import Facet
from heat_core.analysis.questions import Query, answers, arrange, baseline_of, gains, why, worded
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, Lens
from heat_core.errors import HeatError
from heat_core.reporting.choosing import differing
from heat_core.reporting.thumbnails import data_url
from heat_core.storage import printable

_PICTURES = 12
_BARS = 8
_SIDE = 160
_PART = "Part that pulls the score down most"
_QUESTIONS = ("missed", "gained", "lost", "missed-by-all", "flagged")
STYLE = """<style>
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); gap: 14px; }
.gallery figure { margin: 0; font-size: 12px; overflow-wrap: anywhere; }
.gallery img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 6px; }
.gallery img { background: #8883; box-sizing: border-box; }
.right img { border: 4px solid var(--heat-right); } .wrong img { border: 4px dashed var(--heat-wrong); }
.bars { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 8px 32px;
  align-items: start; }
.bars table { border-collapse: collapse; width: 100%; font-size: 13px; table-layout: fixed; }
.bars caption { text-align: left; font-weight: 600; padding: 6px 0; }
.bars th { text-align: left; font-weight: 400; overflow-wrap: anywhere; padding: 2px 10px 2px 0; width: 42%; }
.bars td { padding: 2px 0; white-space: nowrap; font-variant-numeric: tabular-nums; }
.bars i { display: inline-block; height: 10px; margin-right: 6px; border-radius: 2px; background: var(--heat-wrong); }
</style>"""


def gallery_sections(samples: Samples, lens: Lens) -> str:
    """Gains, breakdown and galleries; nothing before the first residual is trained."""
    if not samples.run.priors:
        return ""
    query = Query(baseline=baseline_of(samples, Query()))  # looked for once
    galleries = "".join(_gallery(samples, replace(query, question=question), lens) for question in _QUESTIONS)
    return STYLE + _gains(samples, query, lens) + _breakdown(samples, query, lens) + galleries


def _gains(samples: Samples, query: Query, lens: Lens) -> str:
    caught, lost = gains(samples, query, lens)
    against = html.escape(_title(samples, query))
    return (
        f"<h2>What the residuals gain</h2><p><b>+{caught:,} −{lost:,} against {against}</b>, the uncorrected prior "
        f"with the lowest FPR95: HEAT catches {caught:,} OOD images that {against} misses, and misses {lost:,} that it "
        "catches.</p>"
    )


def _title(samples: Samples, query: Query) -> str:
    """Of the baseline."""
    return samples.run.title(baseline_of(samples, query))


def _breakdown(samples: Samples, query: Query, lens: Lens) -> str:
    """Bars of the OOD samples that HEAT misses: by set, folder, class seen, columns of manifests, part responsible."""
    missed = answers(samples, query, lens)
    if not missed.any():
        return ""
    found = {
        "OOD set": facets.sets(samples),
        "Folder": facets.folders(samples),
        "Taken for": facets.classes_seen(samples),
    }
    found |= {key.removeprefix(COLUMN): facet for key, facet in column_facets(samples).items()}
    tables = "".join(_bars(title, facet, missed, samples.is_ood) for title, facet in found.items() if facet.names)
    tables += _bars(_PART, facets.parts(samples, lens), missed)  # of a caught one it is what pushes the score up
    return (
        f'<h2>What the missed have in common</h2><p class="faint">{missed.sum():,} OOD images that HEAT misses, and of '
        f'how many OOD images each value has.</p><div class="bars">{tables}</div>'
    )


def _bars(title: str, facet: Facet, missed: np.ndarray, among: np.ndarray | None = None) -> str:
    """A small table: the commonest values, a bar, and how many samples each has; of how many, where `among` says so."""
    counts = facet.counts(missed)
    of = [""] * len(counts) if among is None else [f" of {total:,}" for total in facet.counts(among)]
    order = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
    rows = "".join(
        f"<tr><th>{html.escape(printable(facet.names[i]))}</th>"
        f'<td><i style="width:{50 * counts[i] / counts.max():.1f}%"></i>{counts[i]:,}{of[i]}</td></tr>'
        for i in order[:_BARS]
    )
    rest = sum(int(counts[i]) for i in order[_BARS:])
    if rest:
        rows += f'<tr class="faint"><th>{len(order) - _BARS:,} others</th><td>{rest:,}</td></tr>'
    return f"<table><caption>{html.escape(title)}</caption>{rows}</table>" if order else ""


def _gallery(samples: Samples, query: Query, lens: Lens) -> str:
    """The pictures that answer a question, most confident first."""
    run, title = samples.run, worded(query.question, _title(samples, query))
    if query.question == "missed-by-all":
        query, title = replace(query, methods=tuple(run.detectors)), f"Missed by all {len(run.detectors)} detectors"
    numbers = arrange(samples, np.flatnonzero(answers(samples, query, lens)), query, lens)
    chosen, how = differing(samples, numbers, _PICTURES)
    body = "".join(_picture(samples, int(i), query, lens) for i in chosen)
    count = "one image" if len(numbers) == 1 else f"{len(numbers):,} images, most confident first"
    told = f"{count}. {how}" if len(numbers) else "None."
    return f'<h2>{html.escape(title)}</h2><p class="faint">{told}</p><div class="gallery">{body}</div>'


def _picture(samples: Samples, number: int, query: Query, lens: Lens) -> str:
    run, (name, _) = samples.run, samples.locate(number)
    try:
        picture = f'<img alt="" src="{data_url(run.image(name, str(samples.ids[number])), _SIDE)}">'
    except HeatError:
        picture = '<img alt="no longer there">'
    verdict, mark = ("right", "✓") if samples.right(HEAT, lens)[number] else ("wrong", "✗")
    told = why(samples, number, [baseline_of(samples, query), HEAT], lens)
    caption = f"<figcaption><b>{mark} {html.escape(samples.key(number))}</b><br>{html.escape(told)}</figcaption>"
    return f'<figure class="{verdict}">{picture}{caption}</figure>'
