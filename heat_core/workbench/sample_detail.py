"""Details of the inspected sample: the contributions to its score, its neighbours, its tags and note."""

from typing import Any

from heat_core import HeatError, Lens
from heat_core.analysis.explanation import Explanation, describe_percentiles, explain
from heat_core.analysis.new_images import NEW
from heat_core.analysis.samples import Samples
from heat_core.analysis.similarity import SimilarImage, SimilarityIndex
from heat_core.composition import HEAT
from heat_core.names import printable
from heat_core.runs.experiment import ID, TRAIN
from heat_core.runs.metadata_columns import format_values
from heat_core.runs.run import Run
from heat_core.workbench.addresses import pictures_url

_NEIGHBOURS = 6


def describe_sample(
    samples: Samples, number: int, lens: Lens, similarity: SimilarityIndex, notes: dict[str, Any], prefix: str
) -> dict[str, Any]:
    """Return the details of a sample as a message to the browser, which panels/sample_details.js draws.

    Untrusted texts are not escaped; the browser inserts them as text.

    Args:
        samples: the samples.
        number: number of the sample.
        lens: lens of HEAT's score.
        similarity: index of similar images of the run.
        notes: the run's notes: key of a sample → its note and tags.
        prefix: path below which pictures are served.
    """
    run, (name, row) = samples.run, samples.locate(number)
    prior, residual = (energies[number] for energies in samples.energy_terms())
    explanation = explain(run, prior, residual, lens)
    annotation = (notes if samples.has_truth else {}).get(samples.key(number), {"note": "", "tags": []})
    has_others = samples.has_truth and (run.score_title is None or bool(run.record.features))
    shown = [d for d in ("el", "gmm", HEAT) if d in samples.detectors]
    return {
        "number": number,
        "key": samples.key(number),
        "set": name,
        "row": row,
        "picture": f"{pictures_url(prefix, samples, name)}&row={row}&side=768",
        "reason": describe_percentiles(samples, number, shown, lens),
        "parts": _parts(run, explanation),
        "score": explanation.score,
        "threshold": samples.threshold(HEAT, lens),
        "p": _p_values(samples, number, lens),
        "shares": _shares(samples, number, lens),
        "training": _find_neighbours(samples, number, similarity, training=True),
        "others": _find_neighbours(samples, number, similarity, training=False) if has_others else None,
        "columns": [
            [name, str(format_values(column[number : number + 1])[0])] for name, column in samples.columns.items()
        ],
        "note": annotation["note"],
        "tags": annotation["tags"],
    }


def _parts(run: Run, explanation: Explanation) -> list[dict[str, Any]]:
    """Return the score contributions of each prior, each residual and β; none of a score that was given."""
    if run.score_title is not None:
        return []
    parts = []
    for c in explanation.contributions:
        title = run.prior_title(c.prior)
        parts.append({"title": f"{title} prior", "value": c.from_prior})
        parts.append({"title": f"{title} residual", "value": c.from_residual})
    if abs(explanation.from_beta) > 1e-9:
        parts.append({"title": "β", "value": explanation.from_beta})
    return parts


def _shares(samples: Samples, number: int, lens: Lens) -> list[dict[str, Any]]:
    """Return for each detector its verdict and the share of known test images that score lower."""
    run = samples.run
    return [
        {
            "title": run.title(d),
            "share": float(samples.percentile(d, lens)[number]),
            "flagged": bool(samples.flagged(d, lens)[number]),
        }
        for d in samples.detectors
    ]


def _p_values(samples: Samples, number: int, lens: Lens) -> list[dict[str, Any]]:
    """Compute conformal p-values among all known test images and among those of the same predicted class.

    Returns:
        A list of {name: name of the class, or "" for all; p: the p-value; of: number of known test images}.
    """
    score, predicted = samples.scores(HEAT, lens)[number], samples.predicted[number]
    calibration = samples.calibration(lens)
    among = {"": calibration}
    if len(samples.run.class_names) > 1 and (calibration.predicted == predicted).any():
        among[samples.run.class_names[predicted]] = calibration.for_class(int(predicted))
    return [{"name": name, "p": float(images.p_values(score)), "of": len(images)} for name, images in among.items()]


def _find_neighbours(samples: Samples, number: int, similarity: SimilarityIndex, training: bool) -> dict[str, Any]:
    run, (name, _) = samples.run, samples.locate(number)
    try:
        features = samples.features(number)
        if training:
            own = str(samples.ids[number]) if name == TRAIN else None
            neighbours = similarity.nearest(TRAIN, features, _NEIGHBOURS, own)
        else:
            neighbours = similarity.nearest_samples(samples, features, _NEIGHBOURS, number)
        if name != NEW:
            neighbours = similarity.mark_duplicates(name, str(samples.ids[number]), neighbours)
    except HeatError as error:
        return {"sentence": printable(str(error))}
    rows = {sample: i for i, sample in enumerate(run.training_ids.tolist())} if training else {}
    return {"images": [_neighbour_message(samples, n, rows.get(n.sample, n.row)) for n in neighbours]}


def _neighbour_message(samples: Samples, neighbour: SimilarImage, row: int) -> dict[str, Any]:
    set_title = {TRAIN: "the training set", ID: "the ID test set"}.get(neighbour.dataset, neighbour.dataset)
    return {
        "set": neighbour.dataset,
        "row": row,
        "sample": printable(neighbour.sample),
        "cosine": neighbour.cosine,
        "same": neighbour.is_same,
        "where": printable(set_title),
        "number": None if neighbour.dataset == TRAIN else samples.number(neighbour.dataset, row),
    }
