"""Class activation maps: those of the grad-cam package, on one scale, in the picture's own frame."""

import copy
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, LayerCAM, ScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from engine.core.errors import UserError
from engine.inference.explain.average_map import average_maps
from engine.inference.explain.cam import evidence, heatmaps, overlay
from engine.models import model, network
from engine.models.device import select_compute
from engine.models.registry import BACKBONES

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = ("forest", "glacier", "sea")
# The layer that the package is given in its own examples for this kind of network, how its tokens lie, and a size.
VIT = (lambda t: t[:, 1:].reshape(len(t), 14, 14, -1).permute(0, 3, 1, 2), 224)
DIRECT = {
    "resnet18": (lambda m: m.layer4, None, 128),
    "efficientnet_lite0": (lambda m: m.bn2, None, 128),
    "timm:vit_tiny_patch16_224": (lambda m: m.blocks[-1].norm1, *VIT),
    "swin_t": (lambda m: m.norm, lambda t: t.permute(0, 3, 1, 2), 128),
    "vit_b_16": (lambda m: m.encoder.layers.encoder_layer_11.ln_1, *VIT),
}


def with_random_weights(name):
    torch.manual_seed(0)
    trunk = network.build_trunk(name, image_size=DIRECT[name][2])
    return model.create_model(trunk, CLASSES, DIRECT[name][2], select_compute("cpu", "float32"), seed=1)


@pytest.fixture(scope="module", params=["resnet18", "efficientnet_lite0", "timm:vit_tiny_patch16_224", "swin_t"])
def built(request):
    return with_random_weights(request.param)


def disc(size):
    """A bright disc on a noisy ground."""
    y, x = np.mgrid[:size, :size]
    bright = ((x - 0.3 * size) ** 2 + (y - 0.7 * size) ** 2 < (0.2 * size) ** 2)[..., None] * np.array([180, 120, 20])
    return (bright + np.random.default_rng(0).integers(0, 60, (size, size, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def square(built):
    return disc(built.meta.image_size)


def hooks(module):
    return sum(len(m._forward_hooks) + len(m._backward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


def test_a_map_for_each_class_in_the_frame_of_the_picture(built, square):
    maps = heatmaps(built, square, [0, 2])
    assert (maps.shape, maps.dtype) == ((2, *square.shape[:2]), np.float32)
    assert maps.min() >= 0
    assert maps.max() == 1
    assert not np.allclose(maps[0], maps[1])


def test_two_classes_are_on_one_scale(built, square):
    raw, maps = evidence(built, square[None], [0, 1, 2])[0], heatmaps(built, square, [0, 1, 2])
    assert np.allclose(maps * raw.max(), raw, atol=1e-6)
    assert len({float(each.max()) for each in maps}) > 1, "each at its own scale"


def by_the_package(loaded, square, classes, method=GradCAM):
    """The maps as the package's own documentation gets them, on a copy of the network."""
    layer, reshape, _ = DIRECT[loaded.meta.backbone]
    classifier = copy.deepcopy(loaded.classifier).eval()
    with method(classifier, [layer(classifier.trunk)], reshape_transform=reshape) as package:
        image = loaded.inputs(square[None])
        return [package(image, [ClassifierOutputTarget(c)])[0] for c in classes]


def agree(ours, direct):
    pairs = [(a, b) for a, b in zip(ours, direct, strict=True) if b.std() > 0]
    assert pairs
    assert all(np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.999 for a, b in pairs)


@pytest.mark.parametrize(("by", "package"), [("grad-cam", GradCAM), ("grad-cam++", GradCAMPlusPlus), ("layer-cam", LayerCAM)])
def test_the_maps_are_those_of_the_package(built, square, by, package):
    agree(heatmaps(built, square, [0, 1, 2], by), by_the_package(built, square, [0, 1, 2], package))


def test_eigen_cam_is_the_packages_up_to_the_sign_that_it_leaves_to_chance(built, square):
    first, second = heatmaps(built, square, [0, 1], "eigen-cam")
    assert np.array_equal(first, second), "it knows no classes"
    raw = by_the_package(built, square, [0], EigenCAM)[0]
    negative = by_the_package(
        built, square, [0], type("Other", (EigenCAM,), {"get_cam_image": lambda *a: -EigenCAM.get_cam_image(*a)})
    )[0]
    assert max(np.corrcoef(first.ravel(), each.ravel())[0, 1] for each in (raw, negative)) > 0.999


def test_score_cam_is_the_packages_and_tells_how_far_it_is():
    loaded, steps = with_random_weights("resnet18"), []
    small = disc(48)
    ours = heatmaps(loaded, small, [1], "score-cam", lambda progress: steps.append((progress.done, progress.total)))
    agree(ours, by_the_package(loaded, small, [1], ScoreCAM))
    assert steps[-1] == (512, 512)
    assert sorted(steps) == steps


def test_an_unknown_method_is_named_with_those_there_are(built, square):
    with pytest.raises(UserError, match="no method 'grad-kam'.*grad-cam"):
        heatmaps(built, square, [0], "grad-kam")


# One of each family that the registry has, two that timm adds, and three that cache or place their tokens in another way.
FAMILIES = {
    "efficientnet_lite0": 64, "resnet18": 64, "mobilenet_v3_large": 64, "efficientnet_v2_s": 64, "convnext_tiny": 64, "swin_t": 64,
    "vit_b_16": 224, "timm:vit_tiny_patch16_224": 224, "timm:mobilenetv3_small_050": 64, "timm:levit_128s": 224,
    "timm:cait_xxs24_224": 224, "timm:mixer_s32_224": 224,
}  # fmt: skip


@pytest.mark.parametrize(("name", "size"), FAMILIES.items())
def test_a_map_can_be_made_after_a_prediction_whatever_mode_it_was_made_in(name, size):
    """A network may prepare weights in its first pass; made in `inference_mode`, no gradient could pass them."""
    torch.manual_seed(0)
    trunk = network.build_trunk(name, image_size=size)
    loaded = model.create_model(trunk, CLASSES, size, select_compute("cpu", "float32"), seed=1)
    with torch.inference_mode():
        assert isinstance(loaded.answering.module, torch.nn.Module)
    loaded.probabilities(disc(size)[None])
    maps = heatmaps(loaded, disc(size), [0, 2])
    assert maps.shape == (2, size, size)
    assert np.isfinite(maps).all()
    assert maps.max() > 0


def test_the_registry_has_no_family_that_the_maps_are_not_tried_on():
    assert {name.rstrip("0123456789") for name in BACKBONES} <= {name.rstrip("0123456789") for name in FAMILIES}


@pytest.mark.parametrize("name", ["timm:hrnet_w18_small", "timm:crossvit_tiny_240"])
def test_a_network_without_one_map_says_so(name):
    size = 240 if "240" in name else 64
    loaded = model.create_model(
        network.build_trunk(name, image_size=size), CLASSES, size, select_compute("cpu", "float32"), seed=1
    )
    with pytest.raises(UserError, match="Grad-CAM cannot show where"):
        heatmaps(loaded, disc(size), [0])


def test_the_class_token_of_a_large_vit_is_left_out_of_the_map():
    loaded = with_random_weights("vit_b_16")
    agree(heatmaps(loaded, disc(224), [1]), by_the_package(loaded, disc(224), [1]))


def test_the_average_of_pictures_is_the_mean_of_their_maps(built, square):
    squares = np.stack([square, square[:, ::-1], 255 - square])
    each = np.concatenate([evidence(built, one[None], [1]) for one in squares])[:, 0]
    assert np.allclose(average_maps(built, squares, (1,))[0], each.mean(axis=0), atol=1e-4 * each.max())


def test_sessions_that_ask_at_once_get_their_own_maps(built, square):
    pictures = [square, 255 - square, square[::-1].copy(), square.transpose(1, 0, 2).copy()]
    alone, together = [evidence(built, one[None], [0, 1]) for one in pictures], [None] * len(pictures)
    start = threading.Barrier(len(pictures))

    def ask(place):
        start.wait()
        for _ in range(3):
            together[place] = evidence(built, pictures[place][None], [0, 1])
            built.probabilities(pictures[place][None])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(a, b, atol=1e-4 * a.max()) for a, b in zip(alone, together, strict=True))
    assert hooks(built.answering.module) == 0


def test_the_network_is_left_as_it_was(built, square):
    before = {name: tensor.clone() for name, tensor in built.classifier.state_dict().items()}
    answer = built.probabilities(square[None])
    heatmaps(built, square, [0])
    assert hooks(built.classifier) == 0
    assert not built.classifier.trunk.training
    assert all(torch.equal(before[name], tensor) for name, tensor in built.classifier.state_dict().items())
    assert all(parameter.grad is None for parameter in built.classifier.parameters())
    assert np.array_equal(built.probabilities(square[None]), answer)


def test_at_opacity_zero_the_picture_is_the_picture():
    picture = disc(64)
    assert np.array_equal(overlay(picture, np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64), 0.0), picture)


def test_the_overlay_is_the_picture_mixed_with_the_colour_of_its_heat():
    picture, heatmap = disc(64), np.zeros((64, 64), np.float32)
    heatmap[:32] = 1.0
    mixed = overlay(picture, heatmap, 0.8)
    assert (mixed.shape, mixed.dtype) == (picture.shape, np.uint8)
    hot = (0.2 * picture[:32] + 0.8 * np.array([252, 255, 164])).round()
    cold = (0.8 * picture[32:] + 0.2 * np.array([0, 0, 4])).round()
    assert np.abs(mixed[:32] - hot).max() <= 1
    assert np.abs(mixed[32:] - cold).max() <= 1


def test_more_heat_is_brighter_in_grey_too():
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None]
    row = overlay(np.zeros((1, 101, 3), np.uint8), ramp, 1.0)[0].astype(float)
    assert np.all(np.diff(row @ [0.2126, 0.7152, 0.0722]) >= 0)


def test_a_model_that_averages_mirrored_views_has_maps_that_mirror_with_the_picture():
    """And one that does not has not: its convolutions are not symmetric."""
    plain = with_random_weights("resnet18")
    mirrored = replace(plain, meta=replace(plain.meta, views="flip"))
    picture = disc(128)
    for one, symmetric in ((mirrored, True), (plain, False)):
        straight, turned = (heatmaps(one, square, [0, 2]) for square in (picture, picture[:, ::-1]))
        assert straight.shape == (2, 128, 128)
        assert np.allclose(straight, turned[:, :, ::-1], atol=1e-3) == symmetric
    assert heatmaps(mirrored, picture, [0]).max() == pytest.approx(1, abs=1e-4)
