"""The priors by name. Importing this does not import torch."""

PRIORS = ("gmm", "gmm-std", "el")  # the paper's
#: Name → title. DICE as in Tab. 10; soft-KNN and ViM as the paper's outlook asks for; SCALE came after it.
PRIOR_TITLES = {
    "gmm": "GMM",
    "gmm-std": "GMM-std",
    "el": "EL",
    "dice": "DICE",
    "knn": "KNN",
    "vim": "ViM",
    "scale": "SCALE",
}
FEATURE_PRIORS = ("gmm", "gmm-std", "knn")  # that read no logits
ALL_PRIORS = tuple(PRIOR_TITLES)
FIRST_ENCODER, SECOND_ENCODER = (
    "@a",
    "@b",
)  # after a prior's name: whose features it reads, where there are two encoders
#: Of a second encoder's features; what reads logits is left to the classifier.
SECOND_PRIORS = tuple(f"{name}{SECOND_ENCODER}" for name in FEATURE_PRIORS)
PRIOR_TITLES |= {name: f"{PRIOR_TITLES[name.removesuffix(SECOND_ENCODER)]}{SECOND_ENCODER}" for name in SECOND_PRIORS}


def prior_kind(prior: str) -> str:
    """The name without the encoder: what is fitted, whosever features it reads."""
    return prior.removesuffix(SECOND_ENCODER)
