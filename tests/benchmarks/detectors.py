"""Detectors on features against pytorch-ood and faiss: fit on 50,000 × 512, score 20,000, 10 classes."""

import numpy as np

from tests.benchmarks.case import Case, Job

TRAIN, TEST, DIM, CLASSES = 50_000, 20_000, 512, 10
_SETTINGS = {"knn": {"k": 50}, "vim": {"dim": 256}, "openmax": {"tail": 20}, "mahalanobis": {"covariance": "empirical"}}
_PRODUCTS = {  # D × D and D × C products of fit and score
    "mahalanobis": (TRAIN + 2 * TEST) * DIM**2,  # the scatter is symmetric
    "vim": (2 * TRAIN + TEST) * DIM**2,  # to half of the dimensions, but for the scatter
    "knn": 2 * TRAIN * TEST * DIM,
    "ssd-plus": (TRAIN + 2 * TEST * CLASSES) * DIM**2,
}


def features(n: int, dim: int, classes: int, seed: int = 0):
    """(n, dim) as after a ReLU: correlated, around the centres of classes; labels."""
    shape, draw = np.random.default_rng(0), np.random.default_rng(seed)
    centres = np.abs(shape.normal(size=(classes, dim))).astype(np.float32)
    mixing = shape.normal(size=(dim, dim)).astype(np.float32) / dim**0.5
    y = np.arange(n) % classes
    return np.maximum(centres[y] + 0.5 * draw.standard_normal((n, dim), dtype=np.float32) @ mixing, 0), y, centres


def head_of(centres: np.ndarray):
    return centres - centres.mean(axis=0), np.zeros(len(centres), np.float32)


def as_features(z: np.ndarray, y: np.ndarray | None = None):
    from heat_core.features.features import Features

    return Features(z, z, y, [""] * len(z))


def _sizes(quick: bool) -> tuple[int, int]:
    return (TRAIN // 10, TEST // 10) if quick else (TRAIN, TEST)


def _ours(name: str):
    def prepare(quick: bool) -> Job:
        from heat_core.detectors import load

        n, m = _sizes(quick)
        z, y, centres = features(n, DIM, CLASSES)
        train, test = as_features(z, y), as_features(features(m, DIM, CLASSES, 1)[0])
        return lambda: load(name)(**_SETTINGS.get(name, {})).fit_with_head(train, head_of(centres)).score_features(test)

    return prepare


def _theirs(name: str):
    def prepare(quick: bool) -> Job:
        import torch
        from pytorch_ood import detector as d

        n, m = _sizes(quick)
        train, labels, centres = features(n, DIM, CLASSES)
        z, y, x = (torch.from_numpy(a) for a in (train, labels, features(m, DIM, CLASSES, 1)[0]))
        w, b = (torch.from_numpy(part) for part in head_of(centres))
        layer = torch.nn.Linear(DIM, CLASSES)
        layer.load_state_dict({"weight": w, "bias": b})

        def logits(t):
            with torch.no_grad():
                return layer(t)

        return {
            "msp": lambda: d.MaxSoftmax.score(logits(x)),
            "maxlogit": lambda: d.MaxLogit.score(logits(x)),
            "el": lambda: d.EnergyBased.score(logits(x)),
            "mahalanobis": lambda: d.Mahalanobis(None).fit_features(z, y).predict_features(x),
            "vim": lambda: d.ViM(None, 256, w, b).fit_features(z, y).predict_features(x),
            "dice": lambda: d.DICE(None, w, b, p=0.9).fit_features(z, y).predict_features(x),
            "react": lambda: d.ReAct(lambda t: t, layer).fit_feature_maps(z, y).predict_feature_maps(x),
            "gradnorm": lambda: d.GradNorm(layer, lambda name: name == "weight").to("cpu").predict(x),
            "kl-matching": lambda: d.KLMatching(None).fit_logits(logits(z), y).predict_logits(logits(x)),
            "openmax": lambda: d.OpenMax(None, tailsize=20).fit_logits(logits(z), y).predict_logits(logits(x)),
        }[name]

    return prepare


def _el(quick: bool) -> Job:
    from heat_core.energies.priors import EnergyLogits

    x, _, centres = features(_sizes(quick)[1], DIM, CLASSES, 1)
    prior = EnergyLogits(*head_of(centres)).fit(x[:1])
    return lambda: prior.energy(x)


def _faiss(quick: bool) -> Job:
    import faiss

    (z, _, _), (x, _, _) = (features(n, DIM, CLASSES, seed) for seed, n in enumerate(_sizes(quick)))

    def search():
        index = faiss.IndexFlatL2(DIM)
        index.add(z / np.linalg.norm(z, axis=1, keepdims=True))
        return index.search(x / np.linalg.norm(x, axis=1, keepdims=True), 50)[0][:, -1] ** 0.5

    return search


def _ssd(quick: bool) -> Job:
    """SSD+ as its source writes it: a covariance of its own and a product of D² a class."""
    n, m = _sizes(quick)
    (z, y, _), (x, _, _) = features(n, DIM, CLASSES), features(m, DIM, CLASSES, 1)

    def score():
        known, new = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (z, x))
        distances = []
        for c in range(CLASSES):
            own = known[y == c]
            gap = new - own.mean(axis=0, keepdims=True)
            distances.append((gap * (np.linalg.pinv(np.cov(own.T, bias=True)) @ gap.T).T).sum(axis=1))
        return np.min(distances, axis=0)

    return score


def _imagenet_scores(quick: bool):
    classes, dim = (100, 512) if quick else (1000, 2048)
    z, y, _ = features(3 * dim, dim, classes)
    return z, y, features(1000, dim, classes, 1)[0]


def _our_imagenet(quick: bool) -> Job:
    from heat_core.energies.priors import GaussianMixture

    z, y, x = _imagenet_scores(quick)
    mixture = GaussianMixture().fit(z, y)
    return lambda: mixture.squared_distances(x).min(axis=1)


def _their_imagenet(quick: bool) -> Job:
    import torch
    from pytorch_ood.detector import Mahalanobis

    z, y, x = (torch.from_numpy(a) for a in _imagenet_scores(quick))
    fitted = Mahalanobis(None).fit_features(z, y)
    return lambda: fitted.predict_features(x)


def _vim_fit(quick: bool):
    return features(10_000 if quick else 100_000, 2048, CLASSES)


def _our_vim_fit(quick: bool) -> Job:
    from heat_core.energies.priors import VirtualLogit

    z, _, centres = _vim_fit(quick)
    return lambda: VirtualLogit(*head_of(centres), dim=1000).fit(z)


def _their_vim_fit(quick: bool) -> Job:
    import torch
    from pytorch_ood.detector import ViM

    z, y, centres = _vim_fit(quick)
    z, y = torch.from_numpy(z), torch.from_numpy(y)
    w, b = (torch.from_numpy(part) for part in head_of(centres))
    return lambda: ViM(None, 1000, w, b).fit_features(z, y)


def _cifar(name: str, title: str, goal: float) -> Case:
    work = f"{title}: fit {TRAIN:,} × {DIM}, score {TEST:,}, {CLASSES} classes"
    case_name = f"{name}_cifar" if name in ("mahalanobis", "vim") else name
    return Case(case_name, work, _ours(name), _theirs(name), "pytorch-ood", goal, _PRODUCTS.get(name))


CASES = [
    _cifar("mahalanobis", "Mahalanobis", 6),
    Case(
        "mahalanobis_imagenet",
        "Mahalanobis: score 1,000 × 2048, 1000 classes",
        _our_imagenet,
        _their_imagenet,
        "pytorch-ood",
        300,
        2 * 1000 * 2048 * (2048 + 1000),
    ),
    Case(
        "knn_cifar",
        f"KNN, k = 50: {TEST:,} against {TRAIN:,} × {DIM}",
        _ours("knn"),
        _faiss,
        "faiss, exact",
        1.2,
        _PRODUCTS["knn"],
    ),
    _cifar("vim", "ViM", 1.5),
    Case(
        "vim_imagenet_fit",
        "ViM: fit 100,000 × 2048",
        _our_vim_fit,
        _their_vim_fit,
        "pytorch-ood",
        1.5,
        100_000 * 2048**2 + 2 * 100_000 * 2048 * 1058,
    ),
    *(
        _cifar(name, title, 1)
        for name, title in {
            "msp": "MSP",
            "maxlogit": "MaxLogit",
            "kl-matching": "KL Matching",
            "react": "ReAct",
            "dice": "DICE",
            "gradnorm": "GradNorm",
            "openmax": "OpenMax",
        }.items()
    ),
    Case("el", f"EL: score {TEST:,} × {DIM}", _el, _theirs("el"), "pytorch-ood", 1),
    Case(
        "ssd-plus",
        f"SSD+: fit {TRAIN:,} × {DIM}, score {TEST:,}, {CLASSES} classes",
        _ours("ssd-plus"),
        _ssd,
        "its source's formula",
        1,
        _PRODUCTS["ssd-plus"],
    ),
]
