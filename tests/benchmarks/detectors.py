"""Fit + score of every features-only detector against pytorch-ood: 50,000 and 20,000 × 512, 10 classes.

    python tests/benchmarks/detectors.py [name …]

Each side runs in a process of its own, one after the other, so that the peak memory is its own. Prints seconds, the
ratio theirs / ours (above 1: ours is faster) and the peak memory above that of the loaded data and libraries.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np

TRAIN, TEST, DIM, CLASSES = 50_000, 20_000, 512, 10
SIDES = ("heat_core", "pytorch-ood")


def data():
    rng = np.random.default_rng(0)
    centres = np.abs(rng.normal(size=(CLASSES, DIM))).astype(np.float32)
    mixing = rng.normal(size=(DIM, DIM)).astype(np.float32) / DIM**0.5

    def draw(n: int):
        y = np.arange(n) % CLASSES
        return np.maximum(centres[y] + 0.5 * rng.standard_normal((n, DIM), dtype=np.float32) @ mixing, 0), y

    head = centres - centres.mean(axis=0), np.zeros(CLASSES)
    return draw(TRAIN), draw(TEST)[0], head


def ours(name: str, train, test, head):
    from heat_core.detectors import load
    from heat_core.features.features import Features

    z, y = train
    fit_on = Features(z, z, y, [""] * len(z))
    score_on = Features(test, test, None, [""] * len(test))
    settings = {"knn": {"k": 50}, "vim": {"dim": 256}, "residual": {"dim": 256}, "openmax": {"tail": 20}}.get(name, {})
    return lambda: load(name)(head, **settings).fit(fit_on).score(score_on)


def theirs(name: str, train, test, head):
    import torch
    from pytorch_ood import detector as d

    z, y, x = torch.from_numpy(train[0]), torch.from_numpy(train[1]), torch.from_numpy(test)
    w, b = (torch.from_numpy(np.asarray(part)).float() for part in head)
    layer = torch.nn.Linear(DIM, CLASSES)
    layer.load_state_dict({"weight": w, "bias": b})

    def logits(t):
        with torch.no_grad():
            return layer(t)

    jobs = {
        "msp": lambda: d.MaxSoftmax.score(logits(x)),
        "maxlogit": lambda: d.MaxLogit.score(logits(x)),
        "knn": lambda: d.KNN(None, k=50).fit_features(z, y).predict_features(x),
        "mahalanobis": lambda: d.Mahalanobis(None).fit_features(z, y).predict_features(x),
        "vim": lambda: d.ViM(None, 256, w, b).fit_features(z, y).predict_features(x),
        "dice": lambda: d.DICE(None, w, b, p=0.9).fit_features(z, y).predict_features(x),
        "react": lambda: d.ReAct(lambda t: t, layer).fit_feature_maps(z, y).predict_feature_maps(x),
        "gradnorm": lambda: d.GradNorm(layer, lambda n: n == "weight").to("cpu").predict(x),
        "kl-matching": lambda: d.KLMatching(None).fit_logits(logits(z), y).predict_logits(logits(x)),
        "openmax": lambda: d.OpenMax(None, tailsize=20).fit_logits(logits(z), y).predict_logits(logits(x)),
    }
    return jobs.get(name)


def measure(side: str, name: str) -> dict:
    """In the child: seconds of the second call (the first one loads libraries), and the memory that it needed."""
    job = (ours if side == SIDES[0] else theirs)(name, *data())
    if job is None:
        return {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    job()
    seconds = [time.perf_counter() - began]
    if seconds[0] < 20:
        began = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - began)
    return {"seconds": min(seconds), "peak_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def in_child(side: str, name: str) -> dict:
    output = subprocess.run(
        [sys.executable, __file__, "--child", side, name], capture_output=True, text=True, check=True
    )
    return json.loads(output.stdout.splitlines()[-1])


def main(names: list[str]) -> None:
    from heat_core.detectors import names as all_names

    slow_or_images = {"odin", "mds", "gram", "ebm", "ensemble"}  # images, or training with no rival
    print(f"{'':<14}{'ours':>9}{'theirs':>9}{'ratio':>8}{'peak MB':>10}{'theirs':>9}")
    for name in names or [n for n in all_names() if n not in slow_or_images]:
        mine, other = (in_child(side, name) for side in SIDES)
        seconds = f"{other['seconds']:8.3f}s{other['seconds'] / mine['seconds']:8.1f}" if other else f"{'–':>9}{'–':>8}"
        memory = f"{other['peak_mb']:9.0f}" if other else f"{'–':>9}"
        print(f"{name:<14}{mine['seconds']:8.3f}s{seconds}{mine['peak_mb']:10.0f}{memory}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(*sys.argv[2:4])))
    else:
        main(sys.argv[1:])
