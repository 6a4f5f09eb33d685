"""Files of programs that want more than to be read: nothing of them is run; and damaged ones, which say so."""

import json
import pickle
import random
import re
import subprocess
import sys
import zipfile

import pytest
import torch

from heat_core import HeatError
from heat_core.backbones.registry import Backbone, load_backbone
from tests.heat_core.backbones.networks import SIDE, TRANSFORM, Plain

pytestmark = pytest.mark.usefixtures("one_thread")
GRAPH, WEIGHTS = "models/model.json", "data/weights/model_weights_config.json"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A file that is as it should be."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sound") / "net.pt2"
    Backbone.wrap(Plain(), TRANSFORM).save(path)
    return path


@pytest.fixture
def changed(sound, tmp_path):
    """Copies the file with other records: name → what makes the new content of the old; None takes one out."""

    def copied(records, compression=zipfile.ZIP_STORED):
        records = dict(records)
        target = tmp_path / "changed.pt2"
        with zipfile.ZipFile(sound) as old, zipfile.ZipFile(target, "w", compression) as new:
            for info in old.infolist():
                root, name = info.filename.split("/", 1)
                change = records.pop(name, lambda content: content)
                if (content := change(old.read(info))) is not None:
                    new.writestr(f"{root}/{name}", content)
            for name, change in records.items():
                new.writestr(f"{root}/{name}", change(b""))
        return target

    return copied


def load(path) -> Backbone:
    return load_backbone(f"torch:{path}")


def in_json(change):
    """A change of a JSON object as one of its bytes."""

    def of_bytes(content: bytes) -> bytes:
        tree = json.loads(content)
        change(tree)
        return json.dumps(tree).encode()

    return of_bytes


class Touch:
    """What makes a file where it is unpickled."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def nodes(tree):
    return tree["graph_module"]["graph"]["nodes"]


def test_example_inputs_are_not_unpickled_as_torch_does(changed, tmp_path):
    marker = tmp_path / "marker"
    path = changed({"data/sample_inputs/model.pt": lambda _: pickle.dumps(Touch(marker))})
    assert load(path).head is not None
    assert not marker.exists()
    code = f"import torch; torch.export.load({str(path)!r})"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert marker.exists()  # the payload is a live one


def test_pickled_weights_are_refused(changed, tmp_path):
    def pickled(tree):
        next(iter(tree["config"].values()))["use_pickle"] = True

    payload = {"data/weights/weight_0": lambda _: pickle.dumps(Touch(tmp_path / "marker"))}
    with pytest.raises(HeatError, match=r"data/weights/weight_0 is pickled"):
        load(changed({WEIGHTS: in_json(pickled), **payload}))
    assert not (tmp_path / "marker").exists()


def test_constants_that_are_objects_are_refused(changed, tmp_path):
    entry = {"path_name": "custom_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    records = {
        "data/constants/model_constants_config.json": lambda _: json.dumps({"config": {"o": entry}}).encode(),
        "data/constants/custom_obj_0": lambda _: pickle.dumps(Touch(tmp_path / "marker")),
    }
    with pytest.raises(HeatError, match=r"custom_obj_0 is pickled"):
        load(changed(records))
    assert not (tmp_path / "marker").exists()


def test_expressions_are_not_evaluated(changed, tmp_path):
    marker = tmp_path / "marker"

    def evil(tree):
        for value in tree["graph_module"]["graph"]["tensor_values"].values():
            if "as_expr" in value["sizes"][0]:
                value["sizes"][0]["as_expr"]["expr_str"] = f"open({str(marker)!r}, 'w')"
        tree["guards_code"] = [f"open({str(marker)!r}, 'w')"]

    with pytest.raises(HeatError, match="number of its images is fixed"):
        load(changed({GRAPH: in_json(evil)}))
    assert not marker.exists()


@pytest.mark.parametrize(
    "target",
    [
        "torch.os.system",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.ops.higher_order.wrap_with_set_grad_enabled",
        "torch.ops.aten._nested_view_from_buffer.default",
        "_operator.attrgetter",
        "math.__loader__",
        "builtins.eval",
    ],
)
def test_operations_that_are_none_on_tensors_are_refused(changed, target):
    def evil(tree):
        nodes(tree)[0] |= {"target": target}

    with pytest.raises(HeatError, match=f"it uses {re.escape(target)}, which is not among the accepted operations"):
        load(changed({GRAPH: in_json(evil)}))


def test_compiled_code_beside_it_is_not_looked_at(changed):
    assert load(changed({"data/aotinductor/model/net.so": lambda _: b"\x7fELF"})).head is not None


def test_compressed_records_are_refused(changed):
    with pytest.raises(HeatError, match="is compressed"):
        load(changed({}, zipfile.ZIP_DEFLATED))


def test_a_tensor_does_not_reach_beyond_its_record(changed):
    def longer(tree):
        next(iter(tree["config"].values()))["tensor_meta"]["storage_offset"] = {"as_int": 10_000}

    with pytest.raises(HeatError, match="not a program"):
        load(changed({WEIGHTS: in_json(longer)}))


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, "data/weights/weight_0", "extra/heat.json"])
def test_a_record_that_is_missing_is_named(changed, name):
    why = {GRAPH: "it holds no graph", "extra/heat.json": "no extra file heat.json"}.get(name, f"it has no {name}")
    with pytest.raises(HeatError, match=why):
        load(changed({name: lambda _: None}))


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, "extra/heat.json"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 10_000, b"{}"])
def test_a_record_that_is_no_such_json_is_refused(changed, name, content):
    with pytest.raises(HeatError, match=r"not a program of torch\.export that can be used"):
        load(changed({name: lambda _: content}))


def test_another_version_of_torch(changed):
    with pytest.raises(HeatError, match="another version of torch wrote it"):
        load(changed({GRAPH: in_json(lambda tree: tree["schema_version"].update(major=9))}))


def broken_somewhere(seed: int):
    """Takes out, or replaces, one part of a JSON tree."""

    def change(tree):
        rng, here = random.Random(seed), tree
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            key = rng.choice(keys)
            if isinstance(here[key], dict | list) and here[key] and rng.random() < 0.85:
                here = here[key]
                continue
            here[key] = rng.choice([None, -1, "x", [], {}, 10**30])
            return

    return change


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS])
def test_a_broken_file_is_taken_or_refused_with_a_sentence(changed, name):
    """Whatever is broken in a file, it is taken or refused with a sentence."""
    refused = []
    for seed in range(150):
        try:
            found = load(changed({name: in_json(broken_somewhere(seed))}))
            assert found(torch.zeros(1, 3, SIDE, SIDE))[0].shape[0] == 1
        except HeatError as error:
            refused.append(str(error))
    assert 30 < len(refused) < 150
    assert not [sentence for sentence in refused if "\n" in sentence]
