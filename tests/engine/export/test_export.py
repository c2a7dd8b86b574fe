"""A model that is handed over answers as the model does, alone; and what was handed over can be taken back."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torchvision import models

from engine.core.errors import UserError
from engine.data.datasets import add_dataset, load_dataset
from engine.evaluation.scoring import score_split
from engine.export import export, session
from engine.export.description import KEY, Description, parse_description
from engine.export.importing import import_file
from engine.export.onnx import write_onnx
from engine.export.parity import compare
from engine.export.parity_images import generate_images
from engine.export.portable import PortableModel
from engine.export.torchscript import TorchScriptModel, write_torchscript
from engine.inference.predict import predict
from engine.models import model, network
from engine.models.device import select_compute
from engine.models.registry import find_backbone
from engine.runs.run import load_run

NO_TORCH = "import sys; sys.modules['torch'] = None; sys.modules['torchvision'] = None; sys.modules['timm'] = None; "


@pytest.fixture(scope="module")
def exported(finished_session, tmp_path_factory):
    """Every format of the session's run, exported once: files and results by format."""
    folder = tmp_path_factory.mktemp("handed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCENESCOPE_HOME", str(finished_session.home))
        run = load_run(finished_session.run_id)
        files = {
            name: folder / f"model-{name}{ending}"
            for name, ending in (("bundle", ".zip"), ("torchscript", ".pt"), ("int8", ".onnx"))
        }
        results = {name: export.export(run, name, file) for name, file in files.items()}
    with zipfile.ZipFile(files["bundle"]) as bundle:
        bundle.extractall(folder / "bundle")
    files["onnx"] = folder / "bundle" / "model.onnx"
    return files, results


@pytest.fixture
def run(finished):
    return load_run(finished.run_id)


def pictures(name="scenes", count=9):
    data = load_dataset(name)
    return data.catalog.files(data.catalog.frame("test").iloc[:count])


def describe(one):
    meta = one.meta
    return Description(meta.classes, meta.image_size, meta.mean, meta.std, meta.temperature, meta.views, meta.backbone)


@pytest.mark.parametrize("format", ["bundle", "torchscript"])
def test_a_file_is_handed_over_once_its_answers_are_those_of_the_model(exported, format):
    result = exported[1][format]
    assert result.checked_on == "validation and test images of scenes"
    assert result.parity.n == result.parity.same_top > 20
    assert result.parity.largest < 1e-4
    assert result.as_shown.n == result.parity.n
    assert result.bytes == exported[0][format].stat().st_size


def test_int8_says_what_it_costs_and_how_fast_it_is_and_is_a_third_of_the_size(exported):
    result = exported[1]["int8"]
    cost, lost = result.extra, result.extra["accuracy_lost"]
    assert lost["low"] <= lost["value"] <= lost["high"]
    assert lost["value"] == pytest.approx(cost["accuracy_float32"] - cost["accuracy_int8"])
    assert cost["images"] >= 24
    assert cost["times_faster"] == pytest.approx(cost["ms_float32"] / cost["ms_int8"])
    assert result.bytes < 0.4 * cost["bytes_float32"]
    assert session.load(exported[0]["int8"]).meta.precision == "int8"


def test_a_file_says_all_that_is_needed_to_use_it(exported, run):
    file = onnxruntime.InferenceSession(exported[0]["onnx"], providers=["CPUExecutionProvider"])
    description = parse_description(file.get_modelmeta().custom_metadata_map[KEY], "the file")
    assert (description.classes, description.image_size, description.views) == (run.classes, 64, "one")
    assert description.temperature == model.load_model(run.path).meta.temperature != 1
    assert description.provenance["run"] == run.id
    assert description.provenance["fingerprint"] == run.fingerprint
    assert "Apache" in description.provenance["licence"]


def test_the_bundle_answers_with_onnxruntime_numpy_and_pillow_alone(exported, run):
    files = pictures()
    example = exported[0]["onnx"].parent / "example.py"
    assert len(example.read_text().splitlines()) < 45
    run_it = "import runpy; runpy.run_path('example.py', run_name='__main__'); print([m for m in sys.modules if 'engine' in m])"
    script = NO_TORCH + f"sys.argv = ['example.py', *{list(map(str, files))!r}]; " + run_it
    done = subprocess.run([sys.executable, "-c", script], cwd=example.parent, capture_output=True, text=True)
    *lines, engine_modules = done.stdout.splitlines()
    assert engine_modules == "[]", done.stderr
    expected = predict(model.load_model(run.path, where=select_compute("cpu", "float32")), files)
    expected_lines = [
        f"{file}: " + ", ".join(f"{name} {value:.1%}" for name, value in answer.top())
        for file, answer in zip(files, expected, strict=True)
    ]
    assert [line.split(", ")[0].rpartition(" ")[0] for line in lines] == [
        line.split(", ")[0].rpartition(" ")[0] for line in expected_lines
    ]


def test_the_command_line_answers_from_a_file_as_from_the_run_and_without_torch(exported, run, engine):
    files = pictures()
    expected = {
        str(f): dict(a.top())
        for f, a in zip(files, predict(model.load_model(run.path, where=select_compute("cpu", "float32")), files), strict=True)
    }
    for file in (exported[0]["onnx"], exported[0]["bundle"]):
        arguments = ["predict", str(file), *map(str, files), "--top", "4", "--json"]
        script = NO_TORCH + f"from engine.cli import main; sys.exit(main({arguments!r}))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for item in json.loads(done.stdout)["predictions"]:
            assert {top["class"]: top["probability"] for top in item["top"]} == pytest.approx(expected[item["path"]], abs=1e-3)


def small(name, size):
    """A transformer of torchvision, which the registry has in one large size alone, with a few layers."""
    torch.manual_seed(0)
    if name == "vit_b_16":
        module = models.VisionTransformer(size, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=9)
        torch.nn.init.normal_(module.heads.head.weight)
    else:
        module = models.SwinTransformer([4, 4], 12, [1, 1], [2, 2], window_size=[4, 4], num_classes=9)
        torch.nn.init.normal_(module.head.weight)
    return network.Trunk(find_backbone(name), module.eval(), 9, (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(
    ("name", "size", "views"),
    [
        ("timm:test_efficientnet", 64, "flip"),
        ("resnet18", 64, "one"),
        ("timm:test_vit", 160, "flip"),
        ("swin_t", 64, "one"),
        ("vit_b_16", 32, "flip"),
    ],
)
def test_convolutions_and_transformers_answer_alike_for_any_number_of_pictures(tmp_path, name, size, views):
    trunk = small(name, size) if name in ("vit_b_16", "swin_t") else network.build_trunk(name, "none", size)
    one = model.create_model(trunk, ("a", "b", "c"), size, select_compute("cpu", "float32"), 0, views).with_temperature(0.3)
    exact = PortableModel(one)
    write_onnx(exact, describe(one), tmp_path / "m.onnx")
    write_torchscript(exact, describe(one), tmp_path / "m.pt")
    result, scripted = session.load(tmp_path / "m.onnx"), TorchScriptModel(tmp_path / "m.pt")
    for count in (1, 5):
        squares = generate_images(size, count).squares
        expected = one.probabilities(squares)
        for file in (result, scripted):
            parity = compare(file.probabilities(squares), expected)
            assert parity.same, parity
    assert np.ptp(expected) > 1e-3


def test_a_file_that_answers_otherwise_is_not_kept(run, tmp_path, monkeypatch):
    def other(run, exact, description, folder, report):
        exact.temperature *= 3
        return export._write_onnx(run, exact, description, folder, report)

    class Cold(PortableModel):
        """What the file is compared with stays as it was."""

    monkeypatch.setitem(export._WRITERS, "onnx", lambda run, exact, *rest: other(run, Cold(model.load_model(run.path)), *rest))
    with pytest.raises(UserError, match="does not give the same predictions as the model"):
        export.export(run, "onnx", tmp_path / "out" / "m.onnx")
    assert list((tmp_path / "out").iterdir()) == []


def test_answers_are_the_same_or_apart():
    a = np.array([[0.7, 0.3], [0.5, 0.5]], np.float32)
    assert compare(a, a).same
    assert compare(a + [[0, 0], [1e-8, 0]], a).same
    assert not compare(a + 0.002, a).same
    swapped = compare(a[:, ::-1], a)
    assert (swapped.same_top, swapped.largest) == (1, pytest.approx(0.4))
    assert not compare(np.full_like(a, np.nan), a).same
    assert not compare(a[:1], a).same


class Evil:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("/tmp/evil-was-here",)


@pytest.fixture
def scenes(finished_session, home):
    """A home of the test's own with the dataset `scenes`."""
    add_dataset(str(finished_session.images))
    return load_dataset("scenes")


def test_a_bundle_becomes_a_run_that_answers_the_same_and_can_be_scored(exported, finished_session, scenes):
    before = model.load_model(finished_session.home / "runs" / finished_session.run_id)
    result = import_file(exported[0]["bundle"])
    assert result.report == (f"All {len(before.classifier.state_dict())} tensors of the bundle fit efficientnet_lite0.",)
    assert result.run.status.state == "finished"
    after = model.load_model(result.run.path)
    assert after.meta == before.meta
    squares = generate_images(64, 8).squares
    assert np.array_equal(after.probabilities(squares), before.probabilities(squares))
    assert score_split(result.run, "test")["n"] == 24


def test_a_state_dict_and_its_architecture_become_a_run(scenes, tmp_path):
    whole = models.resnet18(num_classes=4).eval()
    torch.save(
        {"model_state_dict": {f"module.{name}": value for name, value in whole.state_dict().items()}}, tmp_path / "old.pth"
    )
    order = ["sea", "forest", "mountain", "glacier"]
    result = import_file(tmp_path / "old.pth", "resnet18", order, 64)
    assert result.report[0] == "Loaded 120 of 120 tensors of the backbone from old.pth."
    assert "not calibrated" in result.report[1]
    loaded = model.load_model(result.run.path, where=select_compute("cpu", "float32"))
    squares = generate_images(64, 4).squares
    with torch.inference_mode():
        expected = whole(loaded.inputs(squares)).softmax(1).numpy()
    assert loaded.meta.classes == tuple(order)
    assert loaded.probabilities(squares) == pytest.approx(expected, abs=1e-4)


def test_what_cannot_be_taken_back_is_refused_in_a_sentence_and_leaves_nothing(scenes, tmp_path, home, exported):
    good, evil, mixed = (tmp_path / name for name in ("good.pth", "evil.pth", "mixed.zip"))
    torch.save(models.resnet18(num_classes=4).state_dict(), good)
    torch.save({"weight": Evil()}, evil)
    with zipfile.ZipFile(exported[0]["bundle"]) as source, zipfile.ZipFile(mixed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content.replace(b"efficientnet_lite0", b"resnet18") if name == "meta.json" else content)
    classes = ["sea", "forest", "mountain", "glacier"]
    for arguments, reason in (
        ((good,), "does not say what it is"),
        ((good, "resnet18", classes[:3]), "has 4 classes, and 3 were named"),
        ((good, "resnet34", classes), "120 of 216"),
        ((good, "no-such-model", classes), "There is no model"),
        ((good, "resnet18", ["a", "b", "c", "d"]), "No registered dataset"),
        ((good, "resnet18", ["a", "a", "c", "d"]), "classes"),
        ((evil, "resnet18", classes), "do not fit resnet18"),
        ((mixed,), "do not fit resnet18"),
        ((tmp_path / "none.zip",), "There is no file"),
    ):
        with pytest.raises(UserError, match=reason):
            import_file(*arguments)
    assert not list(home.glob("runs/imported-*"))
    assert not os.path.exists("/tmp/evil-was-here")  # noqa: PTH110


def test_what_is_no_handed_over_model_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    (tmp_path / "text.zip").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value("x", 1, [1])], [value("y", 1, [1])])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9), tmp_path / "other.onnx"
    )
    for name, reason in (
        ("text.onnx", "not an ONNX model"), ("text.zip", "cannot be read"), ("empty.zip", "not a bundle"), ("none.onnx", "no file"),
        ("other.onnx", "does not describe how"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=reason):
            session.load(tmp_path / name)
