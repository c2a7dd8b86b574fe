"""Models from elsewhere: a few dozen of the files of `hostile_campaign.py`, each refused in a sentence by the function that reads it.

The campaign tries all of them, and measures time and memory: python tests/support/hostile_campaign.py
"""

import json
import os
import random
import zipfile

import hostile_campaign
import hostile_graphs
import hostile_models
import hostile_parts
import numpy as np
import pytest
import torch

from engine.core import sandbox
from engine.core.errors import UserError
from engine.core.safetensors_header import HeaderError, read_header
from engine.export import session
from engine.export.importing import import_file
from engine.models import hub_names, model, network
from engine.models.registry import backbone_from_file, find_backbone
from engine.models.transfer import check_finite, read_state
from engine.runs import checkpoint
from engine.runs.config import configure

pytestmark = pytest.mark.usefixtures("one_thread")


TERABYTE = hostile_graphs.TensorProto(name="w", data_type=1, dims=[1 << 40])


def graph_file(folder, **changes):
    file = folder / "model.onnx"
    file.write_bytes(hostile_graphs.graph(**changes))
    return file


def meta(**changes):
    return {**hostile_parts.META, "temperature": 1.0, "views": "one", **changes}


@pytest.mark.parametrize("name", hostile_parts.ELSEWHERE)
def test_a_file_cannot_name_a_model_that_is_fetched_or_lies_elsewhere(name, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *arguments, **options: pytest.fail("it reached for the network"))
    with pytest.raises(UserError):
        network.build_trunk(backbone_from_file(name).name)


def test_what_a_person_types_may_still_be_a_model_of_the_hub():
    assert find_backbone("hf-hub:timm/resnet10t.c3_in1k").source == "timm/resnet10t.c3_in1k"
    assert (
        backbone_from_file("timm:resnet10t.c3_in1k").builder == backbone_from_file("timm:vit_tiny_patch16_224").builder == "timm"
    )


def test_a_run_fetches_only_what_was_named_here(home):
    name = "hf-hub:somebody/model"
    with pytest.raises(UserError, match="nobody has chosen 'hf-hub:somebody/model' on this machine"):
        hub_names.check(name)
    hub_names.remember(name)
    hub_names.check(name)
    hub_names.check("resnet18")
    assert configure("any", "fast", model=name).model == name


@pytest.mark.parametrize(
    ("field", "value"), [pair for pair in hostile_parts.WRONG_META if pair[0] not in ("backbone", "surprise")]
)
def test_a_meta_that_no_model_has_is_refused(field, value):
    if (field, type(value)) == ("classes", list) and len(value) == 50_000:
        return  # as many classes are possible; the weights would have to fit
    with pytest.raises(UserError, match="of the model cannot be used"):
        checkpoint.parse_meta(meta(**{field: value}))


@pytest.mark.parametrize("document", [None, [], "x", 5, {}, {"surprise": 1}])
def test_a_meta_that_is_none_is_refused(document):
    with pytest.raises(UserError, match="description of the model is incomplete"):
        checkpoint.parse_meta(document)


def test_a_header_must_agree_with_its_file(tmp_path):
    file = tmp_path / "a.safetensors"
    good = {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    file.write_bytes(hostile_parts.tensors(good, bytes(16)))
    assert read_header(file)["a"].shape == (4,)
    for number, (name, content) in enumerate(hostile_models._safetensors(random.Random(0))):
        if (
            name in ("nan", "one infinity", "overflow", "negative variance", "another model", "gigabytes of holes")
            or "c" in name[:3]
        ):
            continue
        if name in ("header is empty",):
            continue  # no tensors, and it says so
        other = tmp_path / f"{number}.safetensors"
        content(other) if callable(content) else other.write_bytes(content)
        with pytest.raises(HeaderError):
            read_header(other)
        other.unlink()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"description": meta(image_size=float("inf"))}, "does not describe how to use it"),
        ({"description": meta(classes="abc")}, "does not describe how to use it"),
        ({"description": "[" * 100_000}, "does not describe how to use it"),
        ({"output": hostile_graphs.helper.make_tensor_value_info("probabilities", 1, [])}, "."),
        ({"nodes": hostile_graphs.adding("w"), "initializers": (TERABYTE,)}, "not an ONNX model"),
    ],
    ids=["infinite size", "classes are a text", "deep", "scalar output", "a terabyte"],
)  # fmt: skip
def test_a_graph_that_is_none_is_refused(tmp_path, changes, reason):
    with pytest.raises(UserError, match=reason):
        session.load(graph_file(tmp_path, **changes))


def test_an_honest_graph_is_read_and_answers(tmp_path):
    answer = session.load(graph_file(tmp_path)).probabilities(np.zeros((2, 64, 64, 3), np.uint8))
    assert answer == pytest.approx(np.full((2, 3), 1 / 3))


def test_a_graph_that_never_ends_or_asks_for_a_terabyte_is_ended_in_the_sandbox(tmp_path):
    costly = dict(hostile_graphs.costly_graphs())
    for name in ("for ever", "huge Expand"):
        file = tmp_path / "costly.onnx"
        file.write_bytes(costly[name])
        limits = sandbox.SandboxLimits(computing=1.0)
        with pytest.raises(UserError, match="cannot be read: |no ONNX model"):
            sandbox.call("engine.export.session:check_model", {"file": str(file)}, file, limits)


def test_archives_that_grow_and_files_of_holes_are_refused_before_they_are_read(tmp_path):
    for name, content in hostile_graphs.bundles():
        file = tmp_path / "bundle.zip"
        file.write_bytes(content)
        with pytest.raises(UserError):
            session.load(file)
        assert name
    holes = tmp_path / "holes.safetensors"
    holes.write_bytes(b"\2\0\0\0\0\0\0\0{}")
    os.truncate(holes, 2 << 40)
    for read in (lambda: read_state(holes), lambda: import_file(holes, "resnet18", ["a", "b"])):
        with pytest.raises(UserError, match="2,048.0 GB, and the limit is 8 GB"):
            read()
    packed = tmp_path / "packed.pth"
    packed.write_bytes(hostile_parts.zipped(("archive/data.pkl", bytes(9 << 20)), compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(UserError, match="no state dict"):
        read_state(packed)


@pytest.mark.parametrize("start", [b"", b"PK"])
@pytest.mark.parametrize("name", ["m.onnx", "m.zip", "m.pth", "m.safetensors"])
def test_a_file_of_holes_is_refused_before_it_is_read(tmp_path, monkeypatch, name, start):
    holes = tmp_path / name
    holes.write_bytes(start)
    os.truncate(holes, (1 << 31) - 1)
    monkeypatch.setattr("subprocess.Popen", lambda *arguments, **options: pytest.fail("a process was started for it"))
    is_graph = name in ("m.onnx", "m.zip")
    for read in (session.load, session.load_untrusted) if is_graph else (read_state,):
        with pytest.raises(UserError, match="most of it is empty"):
            read(holes)
    with pytest.raises(UserError, match="most of it is empty"):
        import_file(holes, "resnet18", ["a", "b"])


def test_a_large_file_without_holes_is_ordinary(tmp_path):
    file = tmp_path / "a.pth"
    file.write_bytes(os.urandom(20 << 20))
    sandbox.check_ordinary(file, 8 << 30)


def test_a_fault_of_the_program_is_not_taken_for_a_damaged_checkpoint(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, "best", 1, checkpoint.parse_meta(meta()), hostile_parts.honest_state())

    def fail(*arguments):
        raise NameError("of ours")

    monkeypatch.setattr(checkpoint, "_read", fail)
    with pytest.raises(NameError, match="of ours"):
        checkpoint.load(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    for read in (read_state, lambda file: import_file(file, "resnet18", ["a", "b"]), session.load):
        with pytest.raises(UserError, match="it is a folder, a pipe or a device"):
            read(tmp_path / "pipe.pth")


def test_pickles_that_are_broken_or_evil_or_lie_are_refused(tmp_path):
    made = dict(hostile_models._pickles(random.Random(0)))
    file = tmp_path / "a.pth"
    for name, content in made.items():
        if (
            name in ("holes", "overflow", "negative variance")
            or "scalar" in name
            or name.startswith(("heads", "changed", "pickle"))
        ):
            continue  # these are dictionaries of tensors: whether they fit a model is asked later
        file.write_bytes(content)
        with pytest.raises(UserError):
            read_state(file)
    assert not os.path.exists("/tmp/scenescope-evil-was-here")  # noqa: PTH110


def test_weights_that_are_not_numbers_are_refused():
    check_finite({"a": torch.zeros(3), "b": torch.zeros(2, dtype=torch.int64)}, "x")
    for value in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(UserError, match="The weights in x are not all numbers: 'b' holds NaN or infinity"):
            check_finite({"a": torch.zeros(3), "b": torch.tensor([0, value])}, "x")


def test_copied_runs_with_hostile_checkpoints_are_refused_in_a_sentence(tmp_path):
    tried = 0
    for number, (name, write) in enumerate(list(hostile_models._checkpoints(random.Random(0)))[::4]):
        folder = tmp_path / str(number) / "checkpoints" / "best-000001"
        folder.mkdir(parents=True)
        write(folder)
        if name in ("surprise", "views"):
            continue
        with pytest.raises(UserError):
            model.load_model(tmp_path / str(number))
        tried += 1
    assert tried > 15


def test_a_network_of_gigabytes_is_compared_before_it_is_built(tmp_path, monkeypatch):
    document = meta(backbone="timm:vit_giant_patch14_224", image_size=224)
    folder = checkpoint.save(tmp_path, "best", 1, checkpoint.parse_meta(document), hostile_parts.honest_state())
    assert json.loads((folder / "meta.json").read_text())["backbone"] == "timm:vit_giant_patch14_224"
    monkeypatch.setattr("engine.models.network.build_trunk", lambda *arguments, **options: pytest.fail("it was built"))
    with pytest.raises(UserError, match="do not fit timm:vit_giant_patch14_224"):
        model.load_model(tmp_path)


@pytest.mark.parametrize("name", hostile_parts.GIANTS)
@pytest.mark.parametrize("kind", ["run", "bundle"])
def test_a_network_of_gigabytes_that_cannot_take_its_size_is_not_built_to_learn_so(tmp_path, kind, name):
    """At 64 pixels some refuse to work; whether they do is not asked of a network that the file cannot hold."""
    if kind == "run":
        checkpoint.save(tmp_path, "best", 1, checkpoint.parse_meta(meta(backbone=name)), hostile_parts.honest_state())
    else:
        tmp_path = tmp_path / "a.zip"
        tmp_path.write_bytes(hostile_parts.bundle({**hostile_parts.META, "backbone": name}))
    outcome = hostile_campaign.attempt(lambda: hostile_campaign.try_model(hostile_models.HostileModel("", kind, tmp_path)))
    assert outcome.state == "refused"
    assert f"do not fit {name}" in outcome.sentence
    assert outcome.megabytes < hostile_campaign.MEGABYTES


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0", "vit_b_16", "timm:levit_128s"])
def test_the_outline_is_that_of_the_network(name):
    outline, trunk = network.outline_trunk(name, 224), network.build_trunk(name, image_size=224)
    assert outline.features == trunk.features
    assert dict(outline.shapes) == {key: tuple(value.shape) for key, value in trunk.module.state_dict().items()}


HONEST = hostile_parts.bundle(), hostile_parts.saved(hostile_parts.honest_state())


def test_what_is_honest_is_read(tmp_path):
    bundle, weights = tmp_path / "a.zip", tmp_path / "a.pth"
    bundle.write_bytes(HONEST[0])
    weights.write_bytes(HONEST[1])
    for file, kind in ((bundle, "bundle"), (weights, "weights")):
        outcome = hostile_campaign.attempt(
            lambda f=file, k=kind: hostile_campaign.try_model(hostile_models.HostileModel("", k, f))
        )
        assert (outcome.state, outcome.sentence) == ("read", "")


@pytest.mark.parametrize(
    "content",
    [hostile_parts.bundle({**hostile_parts.META, "backbone": name}) for name in (*hostile_parts.GIANTS[:1], "timm:hf_hub:evil/x")]
    + [hostile_parts.bundle(weights=bytes(40 << 20), compression=zipfile.ZIP_DEFLATED), b"PK\3\4 not a zip"]
    + [hostile_parts.bundle(weights=hostile_parts.pack(state)) for _, state in hostile_parts.bad_numbers()],
    ids=["giant", "hub", "bomb", "not a zip", "nan", "infinity", "overflow", "variance"],
)  # fmt: skip
def test_a_hostile_bundle_is_refused_within_its_limits(tmp_path, content):
    file = tmp_path / "a.zip"
    file.write_bytes(content)
    outcome = hostile_campaign.attempt(lambda: hostile_campaign.try_model(hostile_models.HostileModel("", "bundle", file)))
    assert outcome.state == "refused", outcome
    assert outcome.megabytes < hostile_campaign.MEGABYTES
