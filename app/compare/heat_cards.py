"""Cards with the metrics of HEAT on each OOD set."""

import html
from typing import Any

import numpy as np
import streamlit as st

from app.common.text import escape_markdown
from app.compare.sample_links import links_to_missed
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.analysis.facets import set_title
from heat_core.analysis.measured.shifted_sets import shifted_sets
from heat_core.analysis.questions import baseline_of, count_gains
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT
from heat_core.names import printable
from heat_core.runs.experiment import AVERAGE
from heat_core.workbench.view_state import ViewState

_STYLE = """<style>
.heat-cards { display:grid; grid-template-columns:repeat(auto-fit, minmax(132px, 1fr)); gap:8px; }
.heat-cards a { display:flex; flex-direction:column; gap:4px; padding:8px 12px;
  border:1px solid #8885; border-radius:8px; color:inherit; text-decoration:none; min-width:0; }
.heat-cards a:hover, .heat-cards a:focus-visible { border-color:currentColor; background:#8882; }
.heat-cards .name { flex:1; font-size:13px; line-height:1.25; overflow-wrap:anywhere; }
.heat-cards .numbers { display:flex; gap:14px; font-variant-numeric:tabular-nums; }
.heat-cards b { display:block; font-size:19px; line-height:1.25; font-weight:600; }
.heat-cards small { font-size:12px; opacity:.75; } .heat-cards .average { border-width:2px; }
</style>"""


def draw_heat_cards(samples: Samples, view: ViewState) -> None:
    """Draw a card for each OOD set and for their average: FPR95, AUROC, and a link to the images that HEAT misses."""
    run, lens = samples.run, view.lens()
    link, source = links_to_missed([run], view), ScoreSource(run.id, HEAT, lens)
    metrics = samples.set_metrics(lens)
    of_ood = slice(1, 1 + len(run.ood_names))
    sizes = samples.sizes[of_ood]
    missed = [total - gained for total, gained in zip(sizes, metrics.flagged[of_ood], strict=True)]
    rows = list(zip(run.ood_names, metrics.fpr95, metrics.auroc, missed, sizes, strict=True))
    cards = [_card_html(name, row, link(source, (name,))) for name, *row in rows]
    if len(rows) > 1:
        together = [float(np.mean(metrics.fpr95)), float(np.mean(metrics.auroc)), sum(missed), sum(sizes)]
        cards.insert(0, _card_html(AVERAGE, together, link(source, tuple(run.ood_names)), "average"))
    st.html(_STYLE + f'<div class="heat-cards">{"".join(cards)}</div>')
    for of_set in shifted_sets(run, lens):
        st.caption(escape_markdown(f"{set_title(of_set.name, run.shifted_names)}: {of_set.sentence()}."))
    gained, lost = count_gains(samples, view.query, lens)
    against = escape_markdown(run.title(baseline_of(samples, view.query)))
    which = "" if view.query.baseline else " (the best uncorrected prior)"
    st.caption(
        f"HEAT, in percent; a card opens the images that HEAT misses. **+{gained:d} / −{lost:d}** vs. the baseline "
        f"{against}{which}: OOD images that only HEAT detects, and that only HEAT misses."
    )


def _card_html(name: str, numbers: list[Any], href: str | None, kind: str = "") -> str:
    """Return the HTML of a card.

    Args:
        name: name of the OOD set.
        numbers: FPR95 and AUROC as shares, the number of missed images, and the number of images.
        href: address of the missed images.
        kind: CSS class of the card.
    """
    fpr95, auroc, missed, count = numbers
    return (
        f'<a class="{kind}" href="{html.escape(href or "")}" target="_self">'
        f'<span class="name">{html.escape(printable(name))}</span><span class="numbers">'
        f"<span><b>{100 * fpr95:.1f}</b><small>FPR95 ↓</small></span>"
        f"<span><b>{100 * auroc:.1f}</b><small>AUROC ↑</small></span></span>"
        f"<small>{missed:,} of {count:,} missed</small></a>"
    )
