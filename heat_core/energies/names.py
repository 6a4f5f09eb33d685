"""Names and titles of the priors. Importing this module does not import torch."""

PRIORS = ("gmm", "gmm-std", "el")  # the priors of the paper (Sec. 3.2)
#: Name → title. DICE is the prior of Tab. 10; Sec. 3.2 proposes soft-KNN and ViM as extensions; SCALE is later work.
PRIOR_TITLES = {
    "gmm": "GMM",
    "gmm-std": "GMM-std",
    "el": "EL",
    "dice": "DICE",
    "knn": "KNN",
    "vim": "ViM",
    "scale": "SCALE",
}
FEATURE_PRIORS = ("gmm", "gmm-std", "knn")  # the priors that do not read logits
ALL_PRIORS = tuple(PRIOR_TITLES)
#: Suffixes of a prior's name that say which encoder's features it reads, for runs with two encoders.
FIRST_ENCODER, SECOND_ENCODER = "@a", "@b"
#: Priors of a second encoder's features; logits come only from the first, the classifier.
SECOND_PRIORS = tuple(f"{name}{SECOND_ENCODER}" for name in FEATURE_PRIORS)
PRIOR_TITLES |= {name: f"{PRIOR_TITLES[name.removesuffix(SECOND_ENCODER)]}{SECOND_ENCODER}" for name in SECOND_PRIORS}


def prior_kind(prior: str) -> str:
    """Strip the suffix of the second encoder from a prior's name: "gmm@b" → "gmm"."""
    return prior.removesuffix(SECOND_ENCODER)
