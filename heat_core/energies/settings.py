"""Settings of the residual's training: the paper's, those of the authors' released code, and quick ones for a CPU."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from heat_core.energies.names import spec_of
from heat_core.errors import HeatError

#: The possible values of the settings that are strings.
CHOICES = {"decay": ("linear", "quadratic"), "start": ("prior", "normal", "data")}
_OPTION_NAMES = {"rescale": "balanced"}  # field → option name, if it differs (see `as_options`)


@dataclass(frozen=True)
class ResidualSettings:
    """Hyper-parameters of Algorithm 1 and App. B. The defaults are the paper's values (App. B)."""

    width: int = 1024
    hidden_layers: int = 4  # without the first and the last layer: six linear layers in all
    learning_rate: float = 5e-6
    adam_beta1: float = 0.9
    drop_after: int = 0  # epochs after which the learning rate is divided by ten; 0 = never
    epochs: int = 20
    batch_size: int = 256
    updates: int = 0  # total number of updates, spread over the epochs; 0 = whole passes over the data
    langevin_steps: int = 20
    step_start: float = 1e-4
    step_end: float = 1e-5
    noise_start: float = 5e-3
    noise_end: float = 5e-4
    decay: str = "linear"  # schedule of step and noise; or "quadratic"
    starts_are_negatives: bool = False  # whether the chains' starts are negatives, too
    start: str = "prior"  # where chains start; or "normal": a standard normal; or "data": data plus noise
    lambda_: float = 10.0
    temperature: float = 1e3  # T; 0 = chosen by heat.automatic_temperature
    input_noise: float = 1e-4  # standard deviation of the noise on the network's input
    saturation: float = 0.0  # share of the loss's bound -1/(2λ) at which training ends; 0 = never
    stop_below: float = 0.0  # share of its largest spread on training features to which E_θ must have fallen, too
    averaging: float = 0.0  # share of the earlier weights in a running average that is the result; 0 = the last weights
    rescale: bool = False  # whether the residual is rescaled to `residual_scale.target_scale`

    def changed(self, changes: dict[str, Any]) -> "ResidualSettings":
        """Copy the settings with some options changed.

        Args:
            changes: option → value, by the names of `as_options`; values may be strings, as on a command line.

        Raises:
            HeatError: when an option is unknown or its value is impossible.
        """
        names = {_OPTION_NAMES.get(f.name, f.name): f.name for f in fields(self)}
        types: dict[str, type] = {f.name: type(f.default) for f in fields(self)}
        if unknown := set(changes) - set(names):
            raise HeatError(f"Unknown setting {sorted(unknown)[0]!r}: choose among {', '.join(names)}.")
        try:
            values = {names[option]: _convert(value, types[names[option]]) for option, value in changes.items()}
            result = replace(self, **values)
        except (TypeError, ValueError) as error:
            raise HeatError(f"A setting has a value of the wrong kind: {error}.") from error
        result.validate()
        return result

    def as_options(self) -> dict[str, Any]:
        """Map every setting's name in `--set` and in an experiment's `settings` to its value."""
        return {_OPTION_NAMES.get(f.name, f.name): getattr(self, f.name) for f in fields(self)}

    def validate(self) -> None:
        """Raise a HeatError if a setting has an impossible value."""
        for name in ("width", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise HeatError(f"{name} must be at least 1, not {getattr(self, name)}.")
        numbers = {f.name: getattr(self, f.name) for f in fields(self) if type(f.default) in (int, float)}
        if infinite := [name for name, value in numbers.items() if not math.isfinite(value)]:
            raise HeatError(f"{infinite[0]} must be finite.")
        if negative := [name for name, value in numbers.items() if value < 0]:
            raise HeatError(f"{negative[0]} must not be negative, but is {numbers[negative[0]]}.")
        for name in ("adam_beta1", "stop_below", "averaging"):
            if getattr(self, name) >= 1:
                raise HeatError(f"{name} must be less than 1, not {getattr(self, name)}.")
        if self.saturation and not self.lambda_:
            raise HeatError("saturation needs λ above 0: without it the loss has no bound.")
        if self.stop_below and not self.saturation:
            raise HeatError("stop_below needs saturation above 0: the spread of the first weights means nothing.")
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise HeatError(f"{name} is {value!r}: choose {', '.join(choices[:-1])} or {choices[-1]}.")


def _convert(value: Any, kind: type) -> Any:
    """Convert a setting's value, which may be a string, to its type; ValueError if that is impossible."""
    return _parse_bool(value) if kind is bool else kind(value)


def _parse_bool(value: Any) -> bool:
    """Convert true, false, yes, no, 1 or 0 in any case to a bool; ValueError for anything else."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if str(value).lower() not in words:
        raise ValueError(f"{value!r} is neither true nor false")
    return words[str(value).lower()]


_PAPER = ResidualSettings()
_RELEASED = ResidualSettings(
    learning_rate=1e-5,
    adam_beta1=0.0,
    drop_after=10,
    batch_size=1024,
    langevin_steps=40,
    decay="quadratic",
    starts_are_negatives=True,
)
_QUICK = ResidualSettings(
    width=256,
    learning_rate=3e-4,
    epochs=15,
    batch_size=256,
    updates=165,
    langevin_steps=10,
    starts_are_negatives=True,
    temperature=0.0,
    saturation=0.85,
    averaging=0.9,
    rescale=True,
    start="data",
)


def _adapt_to_logits(settings: ResidualSettings) -> ResidualSettings:
    """Adapt steps, noise, T and λ to the raw features that EL reads: their scale is about 1 instead of 1/√D."""
    steps = {"step_start": 0.1, "step_end": 0.01, "noise_start": 0.1, "noise_end": 0.01}
    return settings.changed({"temperature": 1.0, "lambda_": 0.1, **steps})


PRESETS: dict[str, dict[str, ResidualSettings]] = {
    "quick": {
        "gmm": _QUICK,
        "gmm-std": _QUICK,
        "el": _adapt_to_logits(
            replace(
                _QUICK,
                learning_rate=3e-3,
                updates=330,
                starts_are_negatives=False,
                saturation=0.7,
                stop_below=0.9,
                start="prior",
            )
        ),
    },
    "paper": {"gmm": _PAPER, "gmm-std": _PAPER, "el": _adapt_to_logits(_PAPER)},
    "released": {
        "gmm": _RELEASED,
        "gmm-std": replace(_RELEASED, langevin_steps=1),
        "el": _adapt_to_logits(replace(_RELEASED, langevin_steps=50, batch_size=256, start="normal")),
    },
}
PRESET_NAMES = tuple(PRESETS)
DEFAULT_PRESET = "quick"
#: What each preset is for, in a sentence that the form and the command line show.
PRESET_PURPOSES = {
    "quick": "for your own images, few or many: about a minute a residual, with rules of ours that are not in the "
    "paper (residuals are rescaled and averaged, and training ends early)",
    "paper": "the paper's settings, to reproduce it: with tens of thousands of images hours without a GPU, and not for "
    "few images, for which EL's residual can make EL worse",
    "released": "the settings of the authors' released code, to reproduce its numbers: hours without a GPU, too",
}


def settings_for(prior: str, preset: str, changes: dict[str, Any] | None = None) -> ResidualSettings:
    """Return the settings of one prior in one preset, with changes.

    Args:
        prior: name of the prior, for example gmm or gmm@b.
        preset: quick, paper or released.
        changes: option → value, see `ResidualSettings.changed`.

    Raises:
        HeatError: when there is no such preset or prior, or a change is impossible.
    """
    if preset not in PRESETS:
        raise HeatError(f"There is no preset {preset!r}: choose one of {', '.join(PRESETS)}.")
    return PRESETS[preset][spec_of(prior).settings_of].changed(changes or {})
