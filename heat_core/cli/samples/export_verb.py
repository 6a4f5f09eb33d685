"""Verb `export`: samples of a run in a format of other tools."""

import argparse
import sys

from heat_core.analysis.facets import Facet
from heat_core.analysis.metadata_facets import COLUMN_PREFIX
from heat_core.analysis.questions import Query, questions_of
from heat_core.analysis.samples import Samples
from heat_core.cli.output import lens_from_options, print_line
from heat_core.errors import HeatError
from heat_core.exchange.export import file_name_of, write_export
from heat_core.names import printable, shortlist
from heat_core.runs.run import Run
from heat_core.storage import expand_home, replacing
from heat_core.workbench.filtered_samples import facets_in_query, filtered_numbers
from heat_core.workbench.view_state import FACETS, ViewState

Filters = tuple[tuple[str, tuple[str, ...]], ...]


def export(options: argparse.Namespace) -> None:
    """Write the samples that answer a question and pass the filters."""
    run = Run.open(options.run)
    samples, lens = Samples(run), lens_from_options(options, run)
    if options.most < 1:
        raise HeatError(f"--most is {options.most}: write a number from 1 on.")
    _require(options.question, list(questions_of(samples)), "question")
    if options.baseline is not None:
        _require(options.baseline, samples.detectors, "detector")
    filters = parse_filters(samples, options.filter or [])
    query = Query(options.question, options.baseline, values=filters, order=options.order)
    view = ViewState(beta=lens.beta, priors=lens.priors, query=query)
    _check_values(samples, view)
    numbers = filtered_numbers(samples, view)
    if not len(numbers):
        raise HeatError("No image answers this question and passes the filters: nothing is written.")
    path = expand_home(options.out or file_name_of(options.format, run.id))
    if path.is_dir():
        raise HeatError(f"--out is the folder {printable(path)}: name a file in it.")
    with replacing(path) as unfinished, open(unfinished, "w+b") as file:
        sentences = write_export(samples, numbers, options.format, file, lens, options.most)
    for sentence in sentences:
        print_line(sentence, sys.stderr)
    print_line(path)


def parse_filters(samples: Samples, texts: list[str]) -> Filters:
    """Parse filters such as `seen=cat`; values of the same facet are alternatives.

    Raises:
        HeatError: for a text that names no facet.
    """
    known = [*FACETS, *(f"{COLUMN_PREFIX}{name}" for name in samples.columns)]
    values: dict[str, list[str]] = {}
    for text in texts:
        facet = max((name for name in known if text.startswith(f"{name}=")), key=len, default=None)
        if facet is None:
            raise HeatError(f"The filter {text!r} names no facet: write FACET=VALUE with one of {', '.join(known)}.")
        values.setdefault(facet, []).append(text[len(facet) + 1 :])
    return tuple((facet, tuple(wanted)) for facet, wanted in values.items())


def _check_values(samples: Samples, view: ViewState) -> None:
    """Raise HeatError for a value that no sample can have."""
    for name, facet in facets_in_query(samples, view).items():
        has = facet.names if isinstance(facet, Facet) else tuple(facet.members)
        for value in view.query.values_of(name):
            _require(value, list(has), f"value of {name}")


def _require(value: str, known: list[str], what: str) -> None:
    if value not in known:
        listed = shortlist(known, 12, counted=True) or "none"
        raise HeatError(f"There is no {what} {value!r}: choose one of {listed}.")
