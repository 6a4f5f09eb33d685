"""What Python has to say of the inspected sample: its score taken apart, its neighbours, what people noted on it."""

from pathlib import Path
from typing import Any

from app.common import file_urls
from heat_core import HeatError, Lens
from heat_core.analysis.explanation import explain
from heat_core.analysis.likeness import Alike, Likeness
from heat_core.analysis.newcomers import NEW
from heat_core.analysis.questions import unusual
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT
from heat_core.energies.names import PRIOR_TITLES
from heat_core.runs.experiment import ID, TRAIN
from heat_core.runs.metadata_columns import as_texts
from heat_core.storage import printable

_NEIGHBOURS = 6


def subject_of(samples: Samples, number: int, lens: Lens, likeness: Likeness, notes: dict[str, Any]) -> dict[str, Any]:
    """The message of one sample (`restOf` in panels/inspector.js draws it); texts of others are data there."""
    run, (name, row) = samples.run, samples.locate(number)
    prior, residual = (energies[number] for energies in samples.parts())
    told = explain(run, prior, residual, lens)
    of_prior = ((PRIOR_TITLES.get(p.prior, p.prior), p.from_prior, p.from_residual) for p in told.parts)
    parts = [
        step
        for title, alone, learned in of_prior
        for step in ({"title": f"{title} prior", "value": alone}, {"title": f"{title} residual", "value": learned})
    ]
    if abs(told.from_beta) > 1e-9:
        parts.append({"title": "β", "value": told.from_beta})
    known = notes.get(samples.key(number), {"note": "", "tags": []}) if samples.truth else {"note": "", "tags": []}
    shown = [d for d in ("el", "gmm", HEAT) if d in samples.detectors]
    return {
        "number": number,
        "key": samples.key(number),
        "set": name,
        "row": row,
        "picture": f"{address(samples, name)}&row={row}&side=768",
        "reason": unusual(samples, number, shown, lens),
        "parts": parts,
        "score": told.score,
        "threshold": samples.threshold(HEAT, lens),
        "p": _p_values(samples, number, lens),
        "shares": [
            {
                "title": run.title(d),
                "share": float(samples.percentile(d, lens)[number]),
                "flagged": bool(samples.flagged(d, lens)[number]),
            }
            for d in samples.detectors
        ],
        "training": _neighbours(samples, number, likeness, training=True),
        "others": _neighbours(samples, number, likeness, training=False) if samples.truth else None,
        "columns": [[name, str(as_texts(of[number : number + 1])[0])] for name, of in samples.columns.items()],
        "note": known["note"],
        "tags": known["tags"],
    }


def _p_values(samples: Samples, number: int, lens: Lens) -> list[dict[str, Any]]:
    """Conformal p among all known test images, and among those that are taken for the same class: {name, p, of}."""
    score, seen, calibration = samples.scores(HEAT, lens)[number], samples.predicted[number], samples.calibration(lens)
    among = {"": calibration}
    if (calibration.predicted == seen).any():
        among[samples.run.class_names[seen]] = calibration.of_class(int(seen))
    return [{"name": name, "p": float(of.p_values(score)), "of": len(of)} for name, of in among.items()]


def address(samples: Samples, dataset: str) -> str:
    """Where the pictures of a set are served, but for the row."""
    return file_urls.picture_address(samples.run, **samples.address_of(dataset))


def _neighbours(samples: Samples, number: int, likeness: Likeness, training: bool) -> dict[str, Any]:
    run, (name, _) = samples.run, samples.locate(number)
    try:
        features = samples.features(number)
        if training:
            found = likeness.nearest(TRAIN, features, _NEIGHBOURS)
        else:
            found = likeness.nearest_samples(samples, features, _NEIGHBOURS, number)
        if name != NEW:
            found = likeness.told_same(name, str(samples.ids[number]), found)
    except HeatError as error:
        return {"sentence": printable(str(error))}
    rows = {sample: i for i, sample in enumerate(run.training_ids.tolist())} if training else {}
    return {"images": [_told(samples, a, rows.get(a.sample, a.row)) for a in found]}


def _told(samples: Samples, alike: Alike, row: int) -> dict[str, Any]:
    where = {TRAIN: "the training set", ID: "the ID test set"}.get(alike.dataset, alike.dataset)
    return {
        "set": alike.dataset,
        "row": row,
        "sample": printable(alike.sample),
        "cosine": alike.cosine,
        "same": alike.same,
        "where": printable(where),
        "number": None if alike.dataset == TRAIN else samples.number(alike.dataset, row),
    }


def short(path: str) -> str:
    """The name of a file, as it can be shown."""
    return printable(Path(path).name)
