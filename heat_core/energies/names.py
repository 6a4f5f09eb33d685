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
OF_FEATURES = ("gmm", "gmm-std", "knn")  # that read no logits
ALL_PRIORS = tuple(PRIOR_TITLES)
FIRST, SECOND = "@a", "@b"  # after a prior's name: whose features it reads, where there are two encoders
#: Of a second encoder's features; what reads logits is left to the classifier.
SECOND_PRIORS = tuple(f"{name}{SECOND}" for name in OF_FEATURES)
PRIOR_TITLES |= {name: f"{PRIOR_TITLES[name.removesuffix(SECOND)]}{SECOND}" for name in SECOND_PRIORS}


def kind_of(prior: str) -> str:
    """The name without the encoder: what is fitted, whosever features it reads."""
    return prior.removesuffix(SECOND)
