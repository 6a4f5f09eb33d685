"""Decisions on samples of a run or on new images: from numbers of samples to lasting keys, and back."""

from collections.abc import Sequence

import numpy as np

from heat_core.analysis.new_images import NEW, NewImages
from heat_core.analysis.samples import Samples
from heat_core.decisions.store import Decision, add_decision, in_force, split_key
from heat_core.errors import HeatError


def decide(
    samples: Samples, numbers: np.ndarray, action: str, name: str = "", author: str | None = None
) -> list[Decision]:
    """Store a decision on samples; where new images and known ones are among them, one decision for each kind.

    Args:
        samples: the samples.
        numbers: (n,) numbers of the samples.
        action: one of `store.ACTIONS`.
        name: name of the class, for the actions that need one.
        author: who decides; default: the user of this process.

    Raises:
        HeatError: where the decision is invalid, the run is gone, or new images are not kept with it.
    """
    folder, batch = samples.run.folder, _batch_of(samples)
    is_new = np.zeros(len(numbers), bool)
    if isinstance(samples, NewImages):
        is_new = samples.dataset[numbers] == samples.datasets.index(NEW)
    if is_new.any() and not batch:
        raise HeatError("These new images are not kept with the run: score them as a batch first.")
    groups = [(numbers[~is_new], ""), (numbers[is_new], batch)] if is_new.any() else [(numbers, "")]
    return [
        add_decision(folder, action, [samples.key(int(n)) for n in chosen], name, of_batch, author)
        for chosen, of_batch in groups
        if len(chosen) or not is_new.any()
    ]


def _batch_of(samples: Samples) -> str:
    return samples.batch if isinstance(samples, NewImages) else ""


def decided_numbers(samples: Samples, decisions: Sequence[Decision]) -> dict[str, np.ndarray]:
    """Map the title of each decision that holds to the sorted numbers of its samples.

    Samples that the run no longer has, and those of other batches, are left out.
    """
    batch = _batch_of(samples)
    title_of: dict[tuple[str, str], str] = {}
    for (of_batch, key), decision in in_force(decisions).items():
        name, sample = split_key(key, samples.datasets)
        if name and of_batch == (batch if name == NEW else ""):
            title_of[name, sample] = decision.title
    numbers: dict[str, list[int]] = {}
    for i, name in enumerate(samples.datasets):
        wanted = [sample for of_set, sample in title_of if of_set == name]
        members = np.flatnonzero(samples.dataset == i) if wanted else np.empty(0, int)
        for number in members[np.isin(samples.ids[members], wanted)] if wanted else ():
            numbers.setdefault(title_of[name, str(samples.ids[number])], []).append(int(number))
    return {title: np.array(sorted(of_title)) for title, of_title in sorted(numbers.items())}
