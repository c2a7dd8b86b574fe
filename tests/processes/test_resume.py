"""A training that is interrupted anywhere goes on as if nothing had happened: to the bit, for every method."""

import io

import pytest
import torch
from tiny import differing, restored, saved, story, trainer, weights

from engine.runs.events import Epoch

pytestmark = pytest.mark.usefixtures("one_thread")

EVERYTHING = {
    "epochs": 3, "optimiser": "sgd", "schedule": "plateau", "lr_epochs": 1, "lr_factor": 0.5, "peak_lr": 0.05, "layer_decay": 0.7,
    "ema": 0.9, "accumulate": 3, "clip_norm": 0.5, "mixing": "both", "mixing_alpha": 1.0, "augmentation": "strong", "unfreeze_epochs": 2,
    "image_size": 64, "initial_size": 32, "balance": "sampling", "views": "flip",
}  # fmt: skip
CASES = {
    "as it comes": {},
    "half frozen": {"trainable": 0.5},
    "bf16": {"precision": "bf16"},
    "fp16 with its scaler": {"precision": "fp16"},
    "the seed's augmentation": {"augmentation": "seed"},
    "sgd, one cycle": {"optimiser": "sgd", "schedule": "onecycle", "warmup": 0.3, "peak_lr": 0.05},
    "adam, steps": {"optimiser": "adam", "schedule": "step", "lr_epochs": 1},
    "plateau": {"schedule": "plateau", "lr_epochs": 1, "peak_lr": 0.05, "epochs": 4},
    "moving average": {"ema": 0.9, "epochs": 3},
    "parts and clipping": {"accumulate": 3, "clip_norm": 0.1},
    "mixtures": {"mixing": "both", "mixing_alpha": 1.0},
    "rare classes": {"balance": "sampling"},
    "weighted classes": {"balance": "weights"},
    "gradual unfreezing": {"unfreeze_epochs": 2, "epochs": 3, "trainable": 0.8},
    "growing pictures": {"image_size": 64, "initial_size": 32, "epochs": 3},
    "mirrored views": {"views": "flip"},
    "everything": EVERYTHING,
}


def optimiser_state(one):
    buffer = io.BytesIO()
    torch.save(one.state(), buffer)
    state = torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
    for measured in ("seconds", "waited"):
        state.pop(measured)
    return state


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return all(map(same, a, b)) and len(a) == len(b) if isinstance(a, list | tuple) else a == b


def played(changes):
    """The events of a whole training and what was saved after each of them."""
    one, events, saves = trainer(**changes), [], []
    for event in one.fit():
        events.append(event)
        saves.append(saved(one))
    return one, story(events), saves


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_an_interrupted_training_goes_on_bit_for_bit(changes):
    """Saved after each of its events (steps, and the epochs between them), it goes on from every second of them."""
    whole, expected, saves = played(changes)
    assert sum(name == "Epoch" for name, _ in expected) == changes.get("epochs", 2)
    for after in range(len(saves) % 2, len(saves) - 1, 2):
        second = restored(saves[after], **changes)
        assert story(second.fit()) == expected[after + 1 :], f"after event {after + 1}"
        assert differing(weights(second), weights(whole)) == []
        assert same(optimiser_state(second), optimiser_state(whole))


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["as it comes", "everything"])
def test_processes_that_prepare_batches_change_nothing_however_many_and_interrupted_or_not(changes):
    whole, expected, _ = played(changes)
    one, events = trainer(**changes, workers=2), []
    for event in one.fit():
        events.append(event)
        if len(events) == 5:
            break
    second = restored(saved(one), **changes, workers=2)
    assert story([*events, *second.fit()]) == expected
    assert differing(weights(second), weights(whole)) == []
    assert same(optimiser_state(second), optimiser_state(whole))


def test_the_cases_reach_what_they_are_about():
    """A plateau that acts, a size that grows, a share that grows: otherwise the test above would hold for nothing."""
    one = trainer(**CASES["plateau"])
    list(one.fit())
    assert one.plateau.factor < 1
    growing = trainer(**CASES["growing pictures"])
    assert [growing.batches[step][0].shape[-1] for step in (0, 3, 6)] == [32, 32, 64]
    unfreezing, learning = trainer(**CASES["gradual unfreezing"]), []
    for event in unfreezing.fit():
        if not isinstance(event, Epoch):
            learning.append(sum(p.grad is not None for p in unfreezing.network.parameters()))
    assert learning[0] == 2 < learning[3] < learning[6]
