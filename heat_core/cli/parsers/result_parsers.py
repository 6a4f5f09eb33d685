"""Parsers of the verbs that show results: app, list, show, findings, compare, report, export, labels, detectors."""

from heat_core.analysis.questions import ORDERS, QUESTIONS
from heat_core.cli.app_verb import app
from heat_core.cli.options import Verbs, add_json_option, add_lens_options, add_list_option
from heat_core.cli.result_verbs import (
    FORMATS,
    compare,
    findings,
    print_decisions,
    print_detectors,
    print_runs,
    report,
    show,
)
from heat_core.cli.samples.export_verb import export
from heat_core.cli.samples.labels_verb import labels
from heat_core.exchange.export import FORMATS as EXPORTS
from heat_core.exchange.export import MOST_PICTURES
from heat_core.metrics import METRICS


def _add_app(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "app",
        description="HEAT Explorer in the browser, on this machine alone. It needs the extra `app`: "
        'pip install "heat-explorer[app]".',
    )
    parser.add_argument("--port", type=int, metavar="N", help="port (default: the first free one from 8501)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--home", metavar="DIR", help="HEAT_HOME: the folder of runs, features and downloads")
    streamlit_help = "after `--`: options of `streamlit run`, such as --server.baseUrlPath heat"
    parser.add_argument("streamlit", nargs="*", metavar="OPTION", help=streamlit_help)
    parser.set_defaults(do=app)


def _add_list(verbs: Verbs) -> None:
    verbs.add_parser("list", description="All runs, the newest first.").set_defaults(do=print_runs)


def _add_show(verbs: Verbs) -> None:
    parser = verbs.add_parser("show", description="The table of one run.")
    parser.add_argument("run", metavar="RUN", help="a run's name or folder")
    add_lens_options(parser)
    add_json_option(parser)
    parser.set_defaults(do=show)


def _add_findings(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "findings",
        description="Which groups of images are missed beyond chance, and which images to look at twice. What a run "
        "lacks is measured first: image quality, near-duplicates, neighbours, likely wrong labels.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's name or folder")
    question_help = "question of which the groups are listed: missed, flagged, misclassified, … (default: missed)"
    parser.add_argument("--question", default="missed", metavar="NAME", help=question_help)
    again_help = "measure the images again, as after an extra was installed"
    parser.add_argument("--again", action="store_true", help=again_help)
    add_lens_options(parser)
    add_json_option(parser)
    parser.set_defaults(do=findings)


def _add_compare(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "compare", description="Detectors × OOD sets of one or several runs, near, mid and far (Tab. 4)."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--metric", default="auroc", help=f"one of {', '.join(METRICS)} (default: auroc)")
    add_list_option(
        parser,
        "--detectors",
        "NAME",
        "rows (default: all of each run); fisher, harmonic: p-values of its priors combined",
    )
    parser.add_argument("--subsets", action="store_true", help="add every subset of the corrected priors (Tab. 3)")
    add_lens_options(parser, priors=False)
    parser.add_argument("--format", default="markdown", choices=list(FORMATS))
    parser.set_defaults(do=compare)


def _add_report(verbs: Verbs) -> None:
    parser = verbs.add_parser("report", description="A run as one HTML page that opens without internet.")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--out", metavar="FILE", help="default: RUN.html in the working directory")
    add_lens_options(parser, priors=False)
    parser.set_defaults(do=report)


def _add_export(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "export",
        description="Samples of a run for other tools: those that answer a question and pass all filters, with class, "
        "score, p and threshold. Image files are copied as they are.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's name or folder")
    parser.add_argument("--format", required=True, choices=list(EXPORTS), help="the tool, or a table")
    questions = ", ".join(QUESTIONS)
    parser.add_argument("--question", default="missed", metavar="Q", help=f"one of {questions} (default: missed)")
    parser.add_argument("--baseline", metavar="NAME", help="detector that HEAT is compared with in a question")
    filter_help = "only images with this value, e.g. seen=cat (predicted class), set=NAME, tag=NAME, column:NAME=VALUE"
    parser.add_argument("--filter", action="append", metavar="FACET=VALUE", help=filter_help)
    parser.add_argument("--order", default="confident", choices=list(ORDERS), help="(default: confident)")
    most_help = f"pictures at most (default: {MOST_PICTURES})"
    parser.add_argument("--most", type=int, default=MOST_PICTURES, metavar="N", help=most_help)
    parser.add_argument("--out", metavar="FILE", help="default: a name with that of the run, in the working directory")
    add_lens_options(parser)
    parser.set_defaults(do=export)


def _add_labels(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "labels",
        description="Labels from other tools as decisions on the images of a run: the name of a class of the run adds "
        "the images to it, another name is a new class, `remove` and `ignore` are these.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's name or folder")
    file_help = "JSON or JSON-MIN of Label Studio; CSV or Parquet with a column `label`; a folder or zip of classes"
    parser.add_argument("file", metavar="FILE|DIR", help=file_help)
    parser.add_argument("--dry-run", action="store_true", help="print the decisions, and store none")
    parser.set_defaults(do=labels)


def _add_decisions(verbs: Verbs) -> None:
    parser = verbs.add_parser("decisions", description="Decisions that people made on a run's images in the app.")
    parser.add_argument("run", metavar="RUN", help="a run's name or folder")
    export_help = "write a row for each image and the decision that holds for it, as .csv or .json"
    parser.add_argument("--export", metavar="FILE", help=export_help)
    next_help = "list the images of the run that follows from the decisions, and print its command"
    parser.add_argument("--next", action="store_true", help=next_help)
    parser.set_defaults(do=print_decisions)


def _add_detectors(verbs: Verbs) -> None:
    parser = verbs.add_parser("detectors", description="Every method to compare with.")
    parser.set_defaults(do=print_detectors)


RESULT_PARSERS = (
    _add_app,
    _add_list,
    _add_show,
    _add_findings,
    _add_compare,
    _add_report,
    _add_export,
    _add_labels,
    _add_decisions,
    _add_detectors,
)
