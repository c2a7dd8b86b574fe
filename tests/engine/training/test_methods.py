"""What the choices of the configuration do to a training, each by itself."""

import itertools

import numpy as np
import pytest
import torch
from tiny import CLASSES, differing, pictures, settings, story, trainer, weights
from torch import nn

from engine.core.errors import UserError
from engine.models import network
from engine.models.device import enforce_determinism, select_compute
from engine.models.network import Preprocessing
from engine.runs.config import configure
from engine.runs.events import Epoch, Step
from engine.training.ema import moving_average
from engine.training.finetune import FineTuning
from engine.training.mixing import mixer
from engine.training.progressive import image_size, trained_share
from engine.training.sampling import class_weights, epoch_order

pytestmark = pytest.mark.usefixtures("one_thread")


def ends(one):
    return [event for event in one.fit() if isinstance(event, Epoch)]


def test_a_moving_average_follows_with_a_memory_that_grows_to_its_decay():
    layer = nn.Linear(1, 1, bias=False)
    average = moving_average(layer, 0.9)
    expected = None
    for step, value in enumerate([1.0, 2.0, 5.0, 3.0]):
        nn.init.constant_(layer.weight, value)
        average.update_parameters(layer)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = value if step == 0 else expected * decay + value * (1 - decay)
    assert average.module.weight.item() == pytest.approx(expected)
    assert moving_average(layer, 0.0) is None


def test_the_average_is_what_is_validated_and_the_last_weights_what_is_trained():
    plain, averaged = trainer(), trainer(ema=0.9)
    list(plain.fit()), list(averaged.fit())
    assert differing(weights(plain), weights(averaged)) == []
    assert averaged.evaluated_network is averaged.average.module
    assert differing(averaged.evaluated_network.state_dict(), weights(averaged))
    assert not np.allclose(plain.validation_predictions["loss"], averaged.validation_predictions["loss"])


def test_batchnorms_statistics_are_averaged_with_the_weights():
    averaged = trainer(ema=0.9, epochs=1)
    list(averaged.fit())
    differ = differing(averaged.evaluated_network.state_dict(), weights(averaged))
    assert any("running_mean" in name for name in differ)
    assert not any("num_batches" in name for name in differ)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_batch_in_parts_is_the_batch(precision):
    """Without BatchNorm's statistics of the batch, and without rounding, the parts add up to the very gradient."""
    whole, parts = (trainer(accumulate=n, trainable=0.5, precision=precision, epochs=1, balance="weights") for n in (1, 3))
    first, second = list(whole.fit()), list(parts.fit())
    tolerance = 1e-5 if precision == "float32" else 0.02
    assert [f.loss for f in first[:-1]] == pytest.approx([f.loss for f in second[:-1]], rel=tolerance)
    if precision == "float32":
        close = [torch.allclose(a, b, atol=1e-4) for a, b in zip(weights(whole).values(), weights(parts).values(), strict=True)]
        assert all(close)


def test_a_long_gradient_is_cut_to_its_norm():
    one = trainer(clip_norm=0.01, optimiser="sgd", momentum=0.0, peak_lr=1.0, schedule="constant", warmup=0.0, weight_decay=0.0)
    before = weights(one)
    next(one.fit())
    moved = [(before[name] - tensor).norm() ** 2 for name, tensor in one.network.named_parameters()]
    assert sum(moved).detach().item() ** 0.5 == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
def test_mixed_labels_are_the_shares_of_the_mixed_pictures(mixing):
    """Pictures of one value: the share of a class in the target is the share of its value in the picture."""
    labels = torch.arange(3).repeat(4)
    pixels = labels.view(-1, 1, 1, 1).eq(torch.arange(3).view(1, 3, 1, 1)).float().expand(12, 3, 64, 64)
    torch.manual_seed(1)
    mix = mixer(settings(mixing=mixing, mixing_alpha=1.0), 3)
    for _ in range(8):
        mixed, targets = mix(pixels.clone(), labels)
        assert targets.sum(dim=1).tolist() == pytest.approx([1] * 12)
        assert torch.allclose(mixed.mean(dim=(2, 3)), targets, atol=1e-5)
    assert mixer(settings(), 3)(pixels, labels) == (pixels, labels)


def test_every_class_comes_as_often_with_sampling_and_no_image_twice_before_the_others():
    labels = np.array([0] * 30 + [1] * 6 + [2] * 3)
    config = settings(balance="sampling")
    drawn = epoch_order(labels, config, epoch=1)
    assert np.bincount(labels[drawn]).tolist() == [13, 13, 13]
    assert len(set(drawn[labels[drawn] == 0])) == 13
    assert sorted(np.bincount(drawn, minlength=39)[36:]) == [4, 4, 5]
    assert drawn.tolist() == epoch_order(labels, config, epoch=1).tolist() != epoch_order(labels, config, epoch=2).tolist()


def test_class_weights_are_inverse_to_the_counts_and_one_on_average():
    labels = np.array([0] * 30 + [1] * 6 + [3] * 3)
    result = class_weights(labels, 4)
    assert result[0] * 30 == pytest.approx(result[1] * 6) == pytest.approx(result[3] * 3)
    assert result[labels].mean() == pytest.approx(1)


def test_pictures_grow_over_the_first_half_of_the_epochs():
    config = settings(image_size=224, initial_size=96, epochs=10)
    assert [image_size(config, epoch) for epoch in range(10)] == [96, 96, 128, 160, 192] + [224] * 5
    assert [image_size(settings(image_size=160), epoch) for epoch in range(2)] == [160, 160]
    config = settings(image_size=288, train_size=224, initial_size=96, epochs=10)
    assert [image_size(config, epoch) for epoch in range(10)] == [96, 96, 128, 160, 192] + [224] * 5


def test_pictures_are_smaller_in_training_than_in_evaluation_where_that_is_asked_for():
    seen = []
    trained = trainer(image_size=64, train_size=48)
    trained.network.trunk.register_forward_pre_hook(lambda module, inputs: seen.append((module.training, inputs[0].shape[-1])))
    for _ in trained.fit():
        pass
    assert set(seen) == {(True, 48), (False, 64)}


def test_layers_thaw_from_the_head_on():
    config = settings(trainable=0.8, unfreeze_epochs=4, epochs=6)
    assert [trained_share(config, epoch) for epoch in range(6)] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 0.8])


def test_a_size_that_the_network_cannot_begin_at_is_told_before_the_first_step():
    name = "timm:vit_tiny_patch16_224"
    vit = network.build_trunk(name, image_size=224)
    classifier = network.Classifier(vit.module, vit.features, 3)
    config = configure("tiny", method="finetune", model=name, image_size=224, initial_size=96)
    images = pictures(4, 1, 224)
    with pytest.raises(UserError, match="vit_tiny_patch16_224 cannot work at 96 pixels"):
        FineTuning(classifier, images, images, config, Preprocessing(224, vit.mean, vit.std), select_compute("cpu"))


def test_mirrored_views_are_the_mean_of_both_and_symmetric():
    one = trainer().network.eval()
    inputs = torch.rand(4, 3, 32, 32)
    both = Preprocessing(32, (0.5,) * 3, (0.5,) * 3, "flip")
    with torch.inference_mode():
        result = both.pooled(one.trunk, inputs)
        mean = (one.logits(one.trunk(inputs)) + one.logits(one.trunk(inputs.flip(-1)))) / 2
        assert torch.allclose(one.logits(result), mean, atol=1e-5)
        assert torch.allclose(result, both.pooled(one.trunk, inputs.flip(-1)), atol=1e-6)
        assert not torch.allclose(result, one.trunk(inputs), atol=1e-4)


def test_an_epoch_says_the_recall_of_each_class_its_rate_its_memory_and_its_waiting():
    validation = pictures(8, 2, labels=np.array([0, 0, 0, 0, 2, 2, 2, 2]))
    one = trainer(validation=validation, schedule="step", lr_epochs=1, warmup=0.0, peak_lr=0.01)
    for event in ends(one):
        right = (
            (one.validation_predictions["true"] == one.validation_predictions["predicted"]).to_numpy()
            if event.epoch == 2
            else None
        )
        assert len(event.validation_recall) == len(CLASSES)
        assert event.validation_recall[1] is None
        assert 0 <= event.waiting <= 1
        assert event.memory > 1e6
    assert event.validation_recall[0] == pytest.approx(right[:4].mean())
    assert event.learning_rate == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("changes", "message"), [({"peak_lr": 10.0, "optimiser": "sgd"}, "The loss is|The gradient is not finite")]
)
def test_a_training_that_diverges_names_the_step_and_keeps_its_weights_finite(changes, message):
    one = trainer(**changes, epochs=40, schedule="constant", warmup=0.0, momentum=0.99)
    with torch.no_grad():
        one.network.head.weight.mul_(1e30)
    with pytest.raises(UserError, match=rf"({message}).* at step \d+, with a learning rate of 10\. .*peak_lr"):
        list(one.fit())
    assert all(torch.isfinite(tensor).all() for tensor in one.network.state_dict().values())


def test_float16_gradients_that_overflow_cost_a_step_and_not_the_run():
    one = trainer(precision="fp16")
    one.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    before = weights(one)
    steps = [event for event in itertools.islice(one.fit(), 3) if isinstance(event, Step)]
    assert len(steps) == 3
    assert one.scaler.get_scale() < 2.0**40
    assert not [name for name, p in one.network.named_parameters() if not torch.equal(p, before[name])]


def test_the_same_seed_with_another_batch_size_shows_the_same_pictures():
    """The draw of a picture is a function of the seed, the epoch and its place in the order."""
    by_batch = []
    for size in (4, 8):
        batches = trainer(batch_size=size).batches
        by_batch.append(torch.cat([batches[step][0] for step in range(batches.steps_per_epoch)]))
    assert torch.equal(*by_batch)


def test_a_seed_repeats_a_training_whatever_came_before():
    torch.manual_seed(1)
    first = story(trainer(mixing="both", epochs=1).fit())
    torch.manual_seed(2)
    assert story(trainer(mixing="both", epochs=1).fit()) == first


def test_enforced_determinism_refuses_what_does_not_repeat_and_changes_nothing_else():
    plain = trainer(epochs=1)
    expected = story(plain.fit())
    try:
        enforce_determinism()
        enforced = trainer(epochs=1, determinism="enforced", mixing="none")
        assert story(enforced.fit()) == expected
        assert differing(weights(plain), weights(enforced)) == []
        with pytest.raises(RuntimeError, match="deterministic"):
            torch.zeros(4).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
    finally:
        torch.use_deterministic_algorithms(False)
