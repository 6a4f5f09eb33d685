"""Values of a new run's form, and their conversion from and to an Experiment. `run_form` draws the form."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heat_core import Experiment, HeatError, detectors
from heat_core.data.table_formats import table_title
from heat_core.energies.names import all_priors, second_priors
from heat_core.energies.settings import PRESET_NAMES, settings_for
from heat_core.runs.experiment import COVARIANCES, GROUPS, MIXTURE_WEIGHTS, demo_experiment

NO_GROUP = "unspecified"
_TEXT_FIELDS = ("id", "id_test", "backbone", "weights", "second_backbone", "second_weights", "name", "parent")
_SIZE_FIELDS = ("image_size", "second_image_size", "batch_size")
# The value 0 stands for None, the default of the Experiment.
NUMBER_FIELDS = ("limit", "limit_test", "limit_ood", "clusters", *_SIZE_FIELDS)
LARGEST_SEED = 2**32 - 1
SMALLEST_SHARE = 0.001
_LARGEST_NUMBER = 2**53 - 1  # largest integer that JavaScript represents exactly


@dataclass
class OodSetRow:
    """Row of the form for one OOD set, or one shifted set.

    Attributes:
        name: name of the set; "" = the last name of its source.
        source: folder, list of images or name of a data set.
        group: distance of an OOD set from the known classes, among GROUPS, or NO_GROUP.
        is_shifted: whether it is a shifted set.
    """

    name: str = ""
    source: str = ""
    group: str = NO_GROUP
    is_shifted: bool = False

    @property
    def set_name(self) -> str:
        """Name of the set, also where it comes from the source."""
        return self.name.strip() or table_title(Path(self.source.strip()))

    @property
    def is_empty(self) -> bool:
        """Whether the row has neither a name nor a source."""
        return not self.name.strip() and not self.source.strip()


def same_name_sentence(name: str) -> str:
    """Return the error of two sets of one name."""
    return f"Two sets are called {name!r}: give each a name of its own."


@dataclass
class FormValues:
    """Values of the form.

    Attributes:
        values: field of the Experiment → value of its widget.
        rows: number of a row, which does not change when other rows are added or removed → its OOD or shifted set.
        settings: training setting → value, where it differs from that of the preset.
        note: sentence that says where the values come from.
        commands: commands that the note tells of.
        is_demo: whether it was filled with the embedded demo.
        confirmed_warnings: warnings about the sets that a person has confirmed.
        filling: number of times that the form was filled in, so that the widgets of each filling have their own keys.
        resets: number of times that the training settings were reset, for the same reason.
    """

    values: dict[str, Any]
    rows: dict[int, OodSetRow]
    settings: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    commands: tuple[str, ...] = ()
    is_demo: bool = False
    confirmed_warnings: set[str] = field(default_factory=set)
    filling: int = 0
    resets: int = 0

    @classmethod
    def blank(cls) -> "FormValues":
        """Return the values of a form in which nothing is filled in but the defaults of the command line."""
        return cls.from_experiment(Experiment(id="", ood={}))

    @classmethod
    def demo(cls) -> "FormValues":
        """Return the values of a form that is filled with the embedded demo."""
        form = cls.from_experiment(demo_experiment(), "The embedded demo: digits, and sets that it does not know.")
        form.is_demo = True
        return form

    @classmethod
    def from_experiment(cls, experiment: Experiment, note: str = "") -> "FormValues":
        """Fill the form with an Experiment.

        Args:
            experiment: settings to take over. Values that the form does not know are left out, and named in the note.
            note: sentence that says where the values come from.
        """
        e = experiment
        dropped: list[str] = []

        def keep_known(values: list[str], options: tuple[str, ...] | list[str]) -> list[str]:
            dropped.extend(value for value in values if value not in options)
            return [value for value in values if value in options]

        values: dict[str, Any] = {name: _browser_text(getattr(e, name) or "") for name in _TEXT_FIELDS}
        values |= {name: min(max(getattr(e, name) or 0, 0), _LARGEST_NUMBER) for name in NUMBER_FIELDS}
        values |= {
            "seed": min(max(e.seed, 0), LARGEST_SEED),
            "map": e.map,
            "share": float(min(max(e.share, SMALLEST_SHARE), 1.0)),
        }
        values["priors"] = keep_known(list(dict.fromkeys(e.priors)), [*all_priors(), *second_priors()])
        values["detectors"] = keep_known(list(dict.fromkeys(e.detectors)), ["all", *detectors.names()])
        values["preset"] = next(iter(keep_known([e.preset], PRESET_NAMES)), PRESET_NAMES[0])
        values["covariance"] = next(iter(keep_known([e.covariance], COVARIANCES)), COVARIANCES[0])
        weights = keep_known([e.mixture_weights], MIXTURE_WEIGHTS)
        values["mixture_weights"] = next(iter(weights), MIXTURE_WEIGHTS[0])
        rows = {
            i: OodSetRow(
                _browser_text(name),
                _browser_text(source),
                keep_known([e.groups[name]], GROUPS)[0] if name in e.groups else NO_GROUP,
            )
            for i, (name, source) in enumerate(e.ood.items())
        }
        shifted = [
            OodSetRow(_browser_text(name), _browser_text(e.shifted[name]), is_shifted=True) for name in e.shifted
        ]
        rows = (rows or {0: OodSetRow()}) | dict(enumerate(shifted, start=len(rows) or 1))
        settings = {}
        for name, value in e.settings.items():
            try:
                settings[name] = settings_for("gmm", values["preset"], {name: value}).as_options()[name]
            except HeatError:
                dropped.append(name)
        if dropped:
            note = f"{note} Not known here, and left out: {', '.join(dropped)}.".strip()
        return cls(values, rows, settings, note)

    def text(self, name: str) -> str:
        """Return the value of a text field, without spaces around it."""
        return str(self.values[name]).strip()

    def row_field(self, number: int) -> str:
        """Return the name of the field that holds the source of the set in a row."""
        return f"ood-{number}-source"

    @property
    def missing(self) -> list[str]:
        """What the form does not name yet, of that without which no run can start."""
        lacking = {
            "the known images": not self.text("id"),
            "at least one set of unknown images": all(row.is_empty for row in self.rows_of(shifted=False).values()),
            "the backbone": not self.text("backbone"),
        }
        return [name for name, is_lacking in lacking.items() if is_lacking]

    @property
    def key_prefix(self) -> str:
        """Prefix of the keys of the form's widgets."""
        return f"new-{self.filling}" if self.filling else "new"

    @property
    def settings_key_prefix(self) -> str:
        """Prefix of the keys of the training widgets, whose defaults depend on the preset and the first prior."""
        return f"{self.key_prefix}-set-{self.values['preset']}-{next(iter(self.values['priors']), '')}-{self.resets}"

    def rows_of(self, shifted: bool) -> dict[int, OodSetRow]:
        """Return the rows of the shifted sets, or those of the OOD sets."""
        return {number: row for number, row in self.rows.items() if row.is_shifted == shifted}

    def add_row(self, shifted: bool = False) -> None:
        """Add an empty row for an OOD set, or for a shifted set."""
        self.rows[max(self.rows, default=-1) + 1] = OodSetRow(is_shifted=shifted)

    def remove_row(self, number: int) -> None:
        """Remove the row of a number."""
        self.rows.pop(number, None)

    def to_experiment(self) -> Experiment:
        """Convert the values to an Experiment.

        Raises:
            HeatError: if two sets have the same name.
        """
        values = {name: value.strip() if name in _TEXT_FIELDS else value for name, value in self.values.items()}
        values |= {
            name: values[name] or None
            for name in (*NUMBER_FIELDS, "id_test", "weights", "second_backbone", "second_weights", "parent")
        }
        ood: dict[str, str] = {}
        shifted: dict[str, str] = {}
        groups: dict[str, str] = {}
        for row in self.rows.values():
            if row.is_empty:
                continue
            if (name := row.set_name) in ood | shifted:
                raise HeatError(same_name_sentence(name))
            (shifted if row.is_shifted else ood)[name] = row.source.strip()
            if row.group in GROUPS and not row.is_shifted:
                groups[name] = row.group
        chosen = ["all"] if "all" in values["detectors"] else values["detectors"]
        sets = {"ood": ood, "shifted": shifted, "groups": groups}
        return Experiment(**values | sets | {"detectors": chosen}, settings=dict(self.settings))

    def current_settings(self) -> dict[str, Any]:
        """Return the training settings of the first prior, with the changes applied."""
        prior = next(iter(self.values["priors"]), "gmm")
        try:
            options = settings_for(prior, self.values["preset"]).as_options()
        except HeatError:  # its plugin cannot be imported, which the form shows
            options = settings_for("gmm", self.values["preset"]).as_options()
        return {name: self.settings.get(name, value) for name, value in options.items()}

    def reset_settings(self) -> None:
        """Reset every training setting to the value of the preset."""
        self.settings.clear()
        self.resets += 1

    def change_setting(self, name: str, value: Any) -> None:
        """Store the value of a training setting, unless it is that of the preset."""
        self.settings.pop(name, None)
        if value != self.current_settings()[name]:
            self.settings[name] = value


def _browser_text(text: str) -> str:
    """Replace surrogates, which stand for bytes of a path that are not UTF-8, by backslash escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
