"""Output of the table of one run."""

from collections.abc import Iterator

import numpy as np

from heat_core.analysis.facets import set_title
from heat_core.analysis.measured.shifted_sets import shifted_sets
from heat_core.cli.output import print_json, print_line, print_table
from heat_core.composition import Lens
from heat_core.metrics import METRICS
from heat_core.runs.experiment import AVERAGE, GROUPS
from heat_core.runs.row_names import corrected_row
from heat_core.runs.run import Run

_Table = dict[str, dict[str, dict[str, float]]]  # detector → OOD set → metric


def print_run(run: Run, lens: Lens, as_json: bool) -> None:
    """Print FPR95 and AUROC of every detector on every OOD set, its shifted sets, and the notes of the run.

    Args:
        run: finished run.
        lens: composition of its priors.
        as_json: whether to end with one line of JSON.
    """
    metrics = run.metrics(lens)
    full = run.metrics(lens, full_spectrum=True) if run.shifted_names else {}
    columns = [*run.ood_names, AVERAGE]
    print_line(run.folder)
    print_line(f"FPR95 / AUROC in percent, β = {lens.beta:g}")
    texts = [*((c, {d: _pair_text(row[c]) for d, row in metrics.items()}) for c in columns), *_full_texts(run, full)]
    rows = [["", *(title for title, _ in texts)], *([d, *(cells[d] for _, cells in texts)] for d in metrics)]
    print_table([*rows, *([name, *("–" for _ in texts)] for name in run.left_out)])
    shifted = shifted_sets(run, lens)
    for of_set in shifted:
        print_line(f"{set_title(of_set.name, run.shifted_names)}: {of_set.sentence()}.")
    for sentence in (*run.left_out.values(), *run.record.notes):
        print_line(sentence)
    if as_json:
        empty_row = {column: dict.fromkeys(METRICS) for column in columns}
        names = [*run.left_out, *(corrected_row(p) for p in run.experiment.priors if p in run.left_out)]
        left_out = {name: empty_row for name in names if name not in metrics}
        more = {"full_spectrum": full | left_out, "shifted": {s.name: s.to_json() for s in shifted}} if shifted else {}
        print_json({"run": str(run.folder), "metrics": metrics | left_out} | more)


def _pair_text(cell: dict[str, float]) -> str:
    return f"{100 * cell['fpr95']:.1f} / {100 * cell['auroc']:.1f}"


def _full_texts(run: Run, full: _Table) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the title of each full-spectrum column, an average of a group or of all sets, and its cells by detector."""
    groups = {group: [n for n in run.ood_names if run.experiment.group(n) == group] for group in GROUPS}
    for title, names in (groups | {AVERAGE: run.ood_names}).items():
        if full and names:
            means = {d: {m: float(np.mean([row[n][m] for n in names])) for m in METRICS} for d, row in full.items()}
            yield f"full-spectrum {title}", {d: _pair_text(cell) for d, cell in means.items()}
