"""Output of the table of one run."""

from heat_core.cli.output import print_json, print_line, print_table
from heat_core.composition import Lens
from heat_core.metrics import METRICS
from heat_core.runs.experiment import AVERAGE
from heat_core.runs.row_names import corrected_row
from heat_core.runs.run import Run


def print_run(run: Run, lens: Lens, as_json: bool) -> None:
    """Print FPR95 and AUROC of every detector on every OOD set, and the notes of the run.

    Args:
        run: finished run.
        lens: composition of its priors.
        as_json: whether to end with one line of JSON.
    """
    metrics = run.metrics(lens)
    columns = [*run.ood_names, AVERAGE]
    print_line(run.folder)
    print_line(f"FPR95 / AUROC in percent, β = {lens.beta:g}")
    rows = [["", *columns]]
    for detector, row in metrics.items():
        rows.append([detector, *(f"{100 * row[c]['fpr95']:.1f} / {100 * row[c]['auroc']:.1f}" for c in columns)])
    print_table([*rows, *([name, *("–" for _ in columns)] for name in run.left_out)])
    for sentence in (*run.left_out.values(), *run.record.notes):
        print_line(sentence)
    if as_json:
        empty_row = {column: dict.fromkeys(METRICS) for column in columns}
        names = [*run.left_out, *(corrected_row(p) for p in run.experiment.priors if p in run.left_out)]
        left_out = {name: empty_row for name in names if name not in metrics}
        print_json({"run": str(run.folder), "metrics": metrics | left_out})
