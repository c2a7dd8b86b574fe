"""Starting from weights of one's own: what fits is taken, the rest is told, and no code of the file is run."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from engine.core.errors import UserError
from engine.core.paths import runs_dir
from engine.models import network
from engine.models.registry import check_weights
from engine.models.transfer import load_state
from engine.runs import checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(3)
    return models.resnet18().state_dict()


@pytest.mark.parametrize("kind", ["plain.pth", "prefixed.pth", "wrapped.pth", "doubly.pth", "plain.safetensors"])
def test_weights_from_a_file_are_the_files(tmp_path, state, kind):
    file, notes = tmp_path / kind, []
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    contents = {
        "plain.pth": state,
        "prefixed.pth": prefixed,
        "wrapped.pth": {"state_dict": prefixed, "epoch": 3},
        "doubly.pth": {"model": {f"module.backbone.{name}": tensor for name, tensor in state.items()}},
    }
    save_file(state, file) if kind.endswith("safetensors") else torch.save(contents[kind], file)
    trunk = network.build_trunk("resnet18", str(file), 64, notify=notes.append)
    own = trunk.module.state_dict()
    assert [name for name in own if not torch.equal(own[name], state[name])] == []
    assert len(own) == len(state) - 2
    assert notes == [f"Loaded 120 of 120 tensors of the backbone from {file}."]
    assert trunk.fit.head["weight"].shape == (1000, 512)


def test_what_did_not_fit_is_told_by_name(state):
    module = models.resnet18(num_classes=3)
    changed = {name: tensor for name, tensor in state.items() if not name.startswith("layer1.0")}
    changed |= {"conv1.weight": torch.zeros(64, 4, 7, 7), "extra.weight": torch.zeros(1), "fc.weight": torch.zeros(6, 512)}
    before = module.conv1.weight.clone()
    fit = load_state(module, changed, "a file")
    assert torch.equal(module.conv1.weight, before)
    assert set(fit.other_shape) == {"conv1.weight", "fc.weight", "fc.bias"}
    assert (len(fit.missing), fit.unexpected) == (12, ("extra.weight",))
    assert str(fit) == (
        "Loaded 107 of 122 tensors of the backbone from a file. "
        "12 missing there, left unchanged: layer1.0.conv1.weight, layer1.0.bn1.weight, layer1.0.bn1.bias and 9 more. "
        "3 of another shape, left unchanged: conv1.weight, fc.weight, fc.bias. "
        "1 not part of this model, ignored: extra.weight."
    )


def test_a_head_is_taken_for_its_own_classes_in_their_order(tmp_path, state):
    six = {**state, "fc.weight": torch.arange(6.0).repeat(512, 1).T.contiguous(), "fc.bias": torch.arange(6.0)}
    torch.save(six, tmp_path / "six.pth")
    trunk = network.build_trunk("resnet18", str(tmp_path / "six.pth"), 64)
    assert torch.equal(trunk.module.state_dict()["conv1.weight"], state["conv1.weight"])
    assert trunk.fit.head_for("abcdef")["bias"].tolist() == [0, 1, 2, 3, 4, 5]
    assert trunk.fit.head_for("abcde") is None
    named = load_state(trunk.module, six, "a run", ["fc.weight", "fc.bias"], tuple("abcdef"))
    assert named.head_for("fedcba")["bias"].tolist() == [5, 4, 3, 2, 1, 0]
    assert named.head_for("fedcba")["weight"][:, 7].tolist() == [5, 4, 3, 2, 1, 0]
    assert named.head_for("abcdeg") is None


def test_a_training_starts_from_a_run(finished):
    weights = f"run:{finished.run_id}"
    best, notes = checkpoint.load(runs_dir() / finished.run_id), []
    trunk = network.build_trunk("efficientnet_lite0", weights, 64, notify=notes.append)
    own = trunk.module.state_dict()
    assert [name for name in own if not torch.equal(own[name], best.model[f"trunk.{name}"])] == []
    assert notes == [f"Loaded {len(own)} of {len(own)} tensors of the backbone from {weights}."]
    assert torch.equal(trunk.fit.head_for(best.meta.classes)["weight"], best.model["head.weight"])
    with pytest.raises(UserError, match=f"The run {finished.run_id} trained efficientnet_lite0, and model is resnet18"):
        check_weights(weights, "resnet18")
    with pytest.raises(UserError, match="There is no run 'nothing'"):
        check_weights("run:nothing", "resnet18")


def test_the_file_of_a_checkpoint_is_a_start_too(finished):
    folder = checkpoint.generations(runs_dir() / finished.run_id, "best")[0]
    trunk = network.build_trunk("efficientnet_lite0", str(folder / "model.safetensors"), 64)
    assert not (trunk.fit.missing or trunk.fit.unexpected or trunk.fit.other_shape)
    assert trunk.fit.head["weight"].shape == (4, 1280)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    torch.save({"conv1.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(UserError, match="holds no state dict that can be read safely"):
        network.build_trunk("resnet18", str(tmp_path / "bomb.pth"), 64)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["noise.pth", "noise.safetensors", "empty.pth", "empty.safetensors", "list.pth", "numbers.pth"])
def test_a_file_that_is_no_state_dict_is_refused(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(b"" if name.startswith("empty") else b"no tensors here, only a few words")
    if name == "list.pth":
        torch.save([torch.zeros(3)], file)
    if name == "numbers.pth":
        torch.save({"epoch": 3}, file)
    with pytest.raises(UserError, match="holds no state dict that can be read safely"):
        network.build_trunk("resnet18", str(file), 64)


def test_weights_of_another_model_and_a_missing_file_are_told(tmp_path, state):
    torch.save(state, tmp_path / "resnet18.pth")
    with pytest.raises(UserError, match=r"Only \d+ of \d+ tensors in .*resnet18\.pth fit this model"):
        network.build_trunk("mobilenet_v3_large", str(tmp_path / "resnet18.pth"), 64)
    with pytest.raises(UserError, match="There is no weights file"):
        network.build_trunk("resnet18", str(tmp_path / "gone.pth"), 64)
