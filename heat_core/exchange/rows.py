"""Samples as rows of an export: the picture of each as a file, and what the run knows of it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.data.image_io import read_upright_size
from heat_core.digests import digest_of_bytes
from heat_core.errors import HeatError
from heat_core.names import escape_formula, printable
from heat_core.reporting.export import heat_scores
from heat_core.reporting.picture_files import base_names, is_whole_file, picture_file


@dataclass(frozen=True)
class Record:
    """What a run knows of a sample; every format writes these fields under these names.

    Attributes:
        key: lasting name of the sample (see `Samples.key`), by which labels find back to it.
        set: name of its set.
        is_known: whether it is an image of the ID test set or of a shifted set.
        predicted_class: name of the predicted class.
        confidence: softmax probability of the predicted class.
        true_class: name of the true class; "" where none is known.
        score: HEAT's score under the lens of the export.
        p: share of known test images that score at least as high.
        threshold: score above which HEAT calls an image unknown.
        unknown: whether HEAT calls it unknown.
        tags: its tags.
        digest: digest of the bytes of its picture.
        file_size: number of the bytes of its picture.
    """

    key: str
    set: str
    is_known: bool
    predicted_class: str
    confidence: float
    true_class: str
    score: float
    p: float
    threshold: float
    unknown: bool
    tags: tuple[str, ...]
    digest: str
    file_size: int

    def fields(self) -> dict[str, Any]:
        """Return the fields for JSON; tags are a list."""
        return asdict(self) | {"tags": list(self.tags)}

    def cells(self) -> dict[str, Any]:
        """Return the fields for CSV: no text is a formula, tags are joined by semicolons, truth values are 0 and 1."""
        fields = asdict(self) | {"tags": ";".join(self.tags)}
        return {name: _cell(value) for name, value in fields.items()}


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return escape_formula(value)
    return int(value) if isinstance(value, bool) else f"{value:.6g}" if isinstance(value, float) else value


@dataclass(frozen=True)
class Row:
    """A sample with its picture.

    Attributes:
        name: name of the picture's file, whose stem no other row has.
        content: bytes of the file.
        width: width of the upright picture in pixels; 0 where its header cannot be read.
        height: height of the upright picture in pixels; 0 where its header cannot be read.
        record: what the run knows of the sample.
    """

    name: str
    content: bytes
    width: int
    height: int
    record: Record


@dataclass
class Counts:
    """Counts of an export; complete once all its rows were read.

    Attributes:
        chosen: number of the samples that were chosen.
        written: number of the samples that are written.
        gone: number of the samples whose pictures can no longer be read.
        made: number of the pictures that are no files and were written as PNG.
    """

    chosen: int = 0
    written: int = 0
    gone: int = 0
    made: int = 0

    def sentences(self) -> list[str]:
        """Return sentences about what is left out, and about what is not a file as it was."""
        over = self.chosen - self.written - self.gone
        found = []
        if over:
            found.append(f"Left out: {over:,} of {self.chosen:,} images, which are beyond the limit of this export.")
        if self.gone:
            found.append(f"Left out: {self.gone:,} of {self.chosen:,} images, whose files can no longer be read.")
        if self.made:
            found.append(f"Written as PNG: {self.made:,} images that are crops or no files; all others are unchanged.")
        return found


@dataclass
class Rows:
    """Rows of an export, read one by one.

    Attributes:
        samples: samples of the run.
        numbers: numbers of the samples, in the order of the export.
        lens: lens of HEAT's scores.
        most: number of samples, from the first on, that are exported; None = all.
        counts: counts, complete once all rows were read.
    """

    samples: Samples
    numbers: Sequence[int]
    lens: Lens = PLAIN
    most: int | None = None
    counts: Counts = field(default_factory=Counts)

    def __iter__(self) -> Iterator[Row]:
        samples, chosen = self.samples, list(map(int, self.numbers))[: self.most]
        self.counts.chosen = len(self.numbers)
        heat, notes = heat_scores(samples, self.lens), read_notes(samples.run.folder)
        for number, name in zip(chosen, base_names(samples, chosen), strict=True):
            try:
                content = picture_file(samples, number)
            except HeatError:
                self.counts.gone += 1
                continue
            self.counts.written += 1
            self.counts.made += not is_whole_file(samples, number)
            width, height = read_upright_size(content) or (0, 0)
            tags = notes.get(samples.key(number), {"tags": []})["tags"]
            record = Record(
                key=samples.key(number),
                set=samples.locate(number)[0],
                is_known=not samples.is_ood[number],
                predicted_class=printable(samples.run.class_names[samples.predicted[number]]),
                confidence=float(samples.confidence[number]),
                true_class=printable(str(samples.true_class[number])),
                score=float(heat.scores[number]),
                p=float(heat.p[number]),
                threshold=heat.threshold,
                unknown=bool(heat.scores[number] > heat.threshold),
                tags=tuple(map(printable, tags)),
                digest=digest_of_bytes(content),
                file_size=len(content),
            )
            yield Row(name, content, width, height, record)
