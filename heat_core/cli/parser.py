"""Parser of the whole command line, with its help page."""

import argparse
import sys
from pathlib import Path

from heat_core.cli.parsers.result_parsers import RESULT_PARSERS
from heat_core.cli.parsers.run_parsers import RUN_PARSERS
from heat_core.cli.parsers.scoring_parsers import SCORING_PARSERS
from heat_core.version import __version__

_DESCRIPTION = """\
Which of my images does this model not know, and why? HEAT (Lafon et al., ICML 2023) on the features of a frozen
classifier: prior energies, each corrected by a small trained network, composed by one parameter, β.

make runs
  demo            run the embedded demo: no download, about half a minute
  run             run an experiment on your own images, or on features made elsewhere
  job             start or resume the job of a run folder
  map             fit the UMAP map of a run that was made without one
  study           many runs that differ in one setting: the paper's tables and figures, on your own images
  train-backbone  train a ResNet for small images on your own classes, for `run --weights`

show results
  app             HEAT Explorer in the browser (with the extra `app`)
  list            all runs
  show            the table of one run, at any β
  findings        which groups of images are missed beyond chance, and which images to look at twice
  compare         detectors × OOD sets of one or several runs, with intervals; Markdown, LaTeX, CSV
  report          a run as one HTML page that opens without internet
  export          images of a run for other tools: imagefolder, COCO, YOLO, Label Studio, CVAT, FiftyOne; tables
  labels          labels from other tools as decisions on a run's images
  detectors       every method to compare with

score images
  pack            a run as one file that scores images without it; also as ONNX
  score           score new images with a run or a packed guard: p-values, drift, also millions of them
  extract         the features of a long list of images, as a folder that `run --backbone features` takes
  positions       how much each position of an image adds to its energy and to the logit of its class
"""
_EXAMPLES = """\
examples
  {prog} demo
  {prog} run --id photos/train --id-test photos/test --ood unknown=photos/unknown \\
      --backbone resnet50.a1_in1k
  {prog} show RUN --beta -1 --priors gmm el
  {prog} score RUN new-photos/

Runs, features and downloads are stored in $HEAT_HOME (default: the user's cache).
`{prog} VERB --help` lists the options of a verb.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all verbs; its option `do` is the function that performs the parsed verb."""
    prog = "heat" if Path(sys.argv[0]).stem == "heat" else "python -m heat_core"
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [--version] [--nice] VERB …",
        description=_DESCRIPTION,
        epilog=_EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"heat_core {__version__}")
    parser.add_argument("--nice", action="store_true", help="run at a lower CPU priority, as the app's jobs do")
    # argparse would list the verbs a second time; the description already does, in groups.
    verbs = parser.add_subparsers(required=True, metavar="VERB", help=argparse.SUPPRESS, prog=prog)
    for add_parser in (*RUN_PARSERS, *RESULT_PARSERS, *SCORING_PARSERS):
        add_parser(verbs)
    return parser
