"""The settings of residual training: the paper's, the authors' released ones, and quick ones for a CPU."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from heat_core.energies.names import prior_kind
from heat_core.errors import HeatError

CHOICES = {"decay": ("linear", "quadratic"), "start": ("prior", "normal", "data")}  # of the settings that are texts
_OPTION_NAMES = {"rescale": "balanced"}  # field → its name in `--set`, in experiments and in the app, where it differs


@dataclass(frozen=True)
class ResidualSettings:
    """Everything that Algorithm 1 and App. B leave to choose. The defaults are the paper's (App. B)."""

    width: int = 1024
    hidden_layers: int = 4  # beside the input and the output layer: six linear layers
    learning_rate: float = 5e-6
    adam_beta1: float = 0.9
    drop_after: int = 0  # epochs after which the rate is divided by ten; 0 = never
    epochs: int = 20
    batch_size: int = 256
    updates: int = 0  # updates in all, spread evenly over the epochs; 0 = whole passes over the data
    langevin_steps: int = 20
    step_start: float = 1e-4
    step_end: float = 1e-5
    noise_start: float = 5e-3
    noise_end: float = 5e-4
    decay: str = "linear"  # or "quadratic"
    starts_are_negatives: bool = False  # the chains' starts join their ends in the loss
    start: str = "prior"  # of the chains; or "normal": a standard normal; or "data": data moved by noise
    lambda_: float = 10.0
    temperature: float = 1e3  # 0 = chosen from the prior's spread, see heat.automatic_temperature
    input_noise: float = 1e-4
    saturation: float = 0.0  # share of the loss's bound -1/(2λ) at which training ends; 0 = never
    rescale: bool = True  # bring the residual to `residual_scale.target_scale`; False = as trained

    def changed(self, changes: dict[str, Any]) -> "ResidualSettings":
        """A copy with some options (see `as_options`) changed; HeatError names an unknown or impossible one."""
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
        """Every setting under the name by which `--set` and the experiment's `settings` know it."""
        return {_OPTION_NAMES.get(f.name, f.name): getattr(self, f.name) for f in fields(self)}

    def validate(self) -> None:
        """Raise a HeatError where a setting has an impossible value."""
        for name in ("width", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise HeatError(f"{name} must be at least 1, not {getattr(self, name)}.")
        numbers = {f.name: getattr(self, f.name) for f in fields(self) if type(f.default) in (int, float)}
        if infinite := [name for name, value in numbers.items() if not math.isfinite(value)]:
            raise HeatError(f"{infinite[0]} must be finite.")
        if negative := [name for name, value in numbers.items() if value < 0]:
            raise HeatError(f"{negative[0]} must not be negative, but is {numbers[negative[0]]}.")
        if self.adam_beta1 >= 1:
            raise HeatError(f"adam_beta1 must be less than 1, not {self.adam_beta1}.")
        if self.saturation and not self.lambda_:
            raise HeatError("saturation needs λ above 0: without it the loss has no bound.")
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise HeatError(f"{name} is {value!r}: choose {', '.join(choices[:-1])} or {choices[-1]}.")


def _convert(value: Any, kind: type) -> Any:
    """A setting's value, also as typed on a command line; ValueError where it is not of that kind."""
    return _parse_bool(value) if kind is bool else kind(value)


def _parse_bool(value: Any) -> bool:
    """True or False, also as typed on a command line; ValueError for anything else."""
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
    start="data",
)


def _adapt_to_logits(settings: ResidualSettings) -> ResidualSettings:
    """EL lives in the raw features, whose scale is about 1, not 1/√D: steps, noise and λ follow."""
    steps = {"step_start": 0.1, "step_end": 0.01, "noise_start": 0.1, "noise_end": 0.01}
    return settings.changed({"temperature": 1.0, "lambda_": 0.1, **steps})


PRESETS: dict[str, dict[str, ResidualSettings]] = {
    "paper": {"gmm": _PAPER, "gmm-std": _PAPER, "el": _adapt_to_logits(_PAPER)},
    "released": {
        "gmm": _RELEASED,
        "gmm-std": replace(_RELEASED, langevin_steps=1),
        "el": _adapt_to_logits(replace(_RELEASED, langevin_steps=50, batch_size=256, start="normal")),
    },
    "quick": {
        "gmm": _QUICK,
        "gmm-std": _QUICK,
        "el": _adapt_to_logits(
            replace(_QUICK, learning_rate=3e-3, updates=330, starts_are_negatives=False, saturation=0.7, start="prior")
        ),
    },
}
PRESET_NAMES = tuple(PRESETS)
# Priors beyond the paper's train as the one with their view.
_TRAINED_AS = {"dice": "el", "vim": "el", "scale": "el", "knn": "gmm"}


def settings_for(prior: str, preset: str, changes: dict[str, Any] | None = None) -> ResidualSettings:
    """The settings of one prior in one preset, with a person's own changes."""
    if preset not in PRESETS:
        raise HeatError(f"There is no preset {preset!r}: choose one of {', '.join(PRESETS)}.")
    kind = prior_kind(prior)
    return PRESETS[preset][_TRAINED_AS.get(kind, kind)].changed(changes or {})
