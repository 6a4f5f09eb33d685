"""Findings on a question about a run: how many images answer it, and in which slices their share is high."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heat_core.analysis.facets import (
    Facet,
    Tags,
    by_cluster,
    by_decisive_part,
    by_folder,
    by_predicted_class,
    by_set,
    set_title,
)
from heat_core.analysis.measured.quality_facets import quality_facets
from heat_core.analysis.metadata_facets import COLUMN_PREFIX, column_facets
from heat_core.analysis.questions import Query, baseline_of, question_mask
from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.findings.slice_search import Slice, search_slices
from heat_core.metrics import wilson_interval
from heat_core.names import printable

#: Question → how the images that answer it are counted, after "73 of 2,200"; `{}` stands for the baseline's title.
PHRASES = {
    "missed": "missed",
    "flagged": "known images flagged",
    "gained": "caught by HEAT, missed by {}",
    "lost": "missed by HEAT, caught by {}",
    "missed-by-all": "missed by all",
    "missed-by-baseline": "missed by {}",
    "misclassified": "misclassified",
    "mislabelled": "likely mislabelled",
    "looks-known": "unknown that look known",
    "duplicates": "near-duplicates",
    "tagged": "tagged",
    "unknown": "called unknown",
    "known": "called known",
}
_VERDICTS = ("missed", "flagged", "gained", "lost", "missed-by-all", "missed-by-baseline", "looks-known")
_VERDICTS_ON_NEW = ("unknown", "known")
# Facets that a question is defined by. The main score contribution follows from HEAT's verdict: of an image that is
# called known it is the smallest, else the largest. Its values differ in their shares of missed images for that alone.
_DEFINED_BY = {"tagged": "tag"} | dict.fromkeys((*_VERDICTS, *_VERDICTS_ON_NEW), "part")


@dataclass(frozen=True)
class QuestionFindings:
    """Findings on one question.

    Attributes:
        question: key of the question.
        title: how the images are counted, such as "missed".
        population: number of images among which the share is counted.
        bad: number of images that answer the question.
        tested: number of slices that were tested.
        slices: the slices with a high share, by lift.
        shifted: names of the shifted sets.
    """

    question: str
    title: str
    population: int
    bad: int
    tested: int
    slices: list[Slice]
    shifted: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Share of the images that answer the question; 0 where there are none."""
        return self.bad / self.population if self.population else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval (Wilson) of the share."""
        return wilson_interval(self.bad, self.population)

    def sentence(self) -> str:
        """Return the headline, such as "73 of 2,200 missed, 3.3 % (2.6–4.2)"."""
        low, high = self.interval
        share = f"{100 * self.rate:.1f} % ({100 * low:.1f}–{100 * high:.1f})"
        return f"{self.bad:,} of {self.population:,} {self.title}, {share}"

    def slice_title(self, part: Slice) -> str:
        """Return the values of a slice as they are read, such as "predicted roses and low contrast"."""
        return " and ".join(value_title(facet, value, self.shifted) for facet, value in part.values)

    def to_json(self) -> dict[str, Any]:
        """Return the findings for JSON: the numbers, the headline, and the slices with titles of their values."""
        low, high = self.interval
        own = {name: getattr(self, name) for name in ("question", "population", "bad", "rate", "tested")}
        numbers = ("n", "bad", "rate", "low", "high", "lift", "q")
        listed = [
            {"values": [[facet, value, value_title(facet, value, self.shifted)] for facet, value in part.values]}
            | {name: getattr(part, name) for name in numbers}
            for part in self.slices
        ]
        return own | {"low": low, "high": high, "sentence": self.sentence(), "list": listed}


def find_slices(
    samples: Samples,
    query: Query,
    lens: Lens = PLAIN,
    tags: Mapping[str, Tags] | None = None,
    without: Sequence[str] = (),
) -> QuestionFindings | None:
    """Find the slices in which a question has more answers than chance explains (see `slice_search`).

    The facet that defines a question is not searched: tags for `tagged`, the main score contribution for questions
    about verdicts.

    Args:
        samples: samples of the run.
        query: query of which the question, the baseline and the methods are used.
        lens: composition of HEAT.
        tags: facet's key → what people gave to samples, such as `tag` → tags.
        without: further keys of facets that are not searched.

    Returns:
        The findings; None for the question `all`, which every image answers.

    Raises:
        HeatError: for an unknown question.
    """
    if query.question not in PHRASES:
        return None
    given = tags or {}
    inside = np.flatnonzero(population_mask(samples, query.question))
    tagged = given["tag"].any_mask() if "tag" in given else None
    bad = question_mask(samples, query, lens, tagged)[inside]
    left_out = {_DEFINED_BY.get(query.question), *without}
    facets = [*_fixed_facets(samples).items()]
    if "part" not in left_out and samples.run.priors:
        facets.append(("part", by_decisive_part(samples, lens)))
    facets += [(key, facet) for key, tags_of in given.items() for facet in _one_facet_per_tag(tags_of)]
    searched = [(key, Facet(facet.names, facet.codes[inside])) for key, facet in facets if key not in left_out]
    tested, slices = search_slices(bad, searched)
    title = PHRASES[query.question].format(samples.run.title(baseline_of(samples, query)))
    shifted = tuple(samples.shifted_datasets)
    return QuestionFindings(query.question, title, len(inside), int(bad.sum()), tested, slices, shifted)


def population_mask(samples: Samples, question: str) -> np.ndarray:
    """Return the (N,) mask of the images among which the share of a question is counted.

    They are the known images, of the ID test set and the shifted sets, for `flagged`, and for `misclassified` and
    `mislabelled`, since those alone have classes of the run; all images for `duplicates` and `tagged`; else the OOD
    images, or what takes their place.
    """
    if samples.has_truth and question in ("flagged", "misclassified", "mislabelled"):
        return ~samples.is_ood
    if samples.has_truth and question in ("duplicates", "tagged", "all"):
        return np.ones(len(samples), bool)
    return samples.is_ood


def _fixed_facets(samples: Samples) -> dict[str, Facet]:
    """Return the facets that depend on no setting."""
    facets = {"set": by_set(samples), "folder": by_folder(samples), "seen": by_predicted_class(samples)}
    if samples.has_map:
        facets["cluster"] = by_cluster(samples)
    return facets | column_facets(samples) | quality_facets(samples)


def _one_facet_per_tag(tags: Tags) -> list[Facet]:
    """Return a facet of one value for each tag, since a sample may have several."""
    return [Facet((tag,), np.where(tags.mask_of([tag]), 0, -1)) for tag in tags.members if tag]


def value_title(facet: str, value: str, shifted: Collection[str] = ()) -> str:
    """Return a value of a facet as it is read on its own, such as "predicted roses" or "low contrast".

    Args:
        facet: key of the facet.
        value: one of its values.
        shifted: names of the shifted sets.
    """
    text = printable(value)
    if facet == "set":
        return set_title(value, shifted)
    prefixes = {"seen": "predicted ", "tag": "tagged ", "decision": "decided ", "part": "mainly "}
    if facet in prefixes:
        return prefixes[facet] + text
    if facet.startswith(COLUMN_PREFIX):
        return f"{printable(facet.removeprefix(COLUMN_PREFIX))} {text}"
    if facet in ("brightness", "contrast", "sharpness") and value in ("low", "medium", "high"):
        return f"{text} {facet}"
    return {"colour": "in colour", "square": "nearly square"}.get(text, text) if facet in ("colour", "aspect") else text
