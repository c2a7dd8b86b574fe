"""One dataclass is the whole configuration: what it takes, and how it refuses the rest."""

import pytest

from engine.core.errors import UserError
from engine.core.files import read_json, write_json
from engine.runs.config import GROUPS, Config, configure, fields, from_dict, help_text, parse_settings
from engine.runs.inactive_fields import inactive_fields, reset_inactive_fields
from engine.runs.presets import PRESETS


def test_settings_take_the_type_of_their_field():
    assert parse_settings(["epochs=3", "peak_lr=1e-3", "model=timm:resnet10t", "weights=a=b.pth"]) == {
        "epochs": 3,
        "peak_lr": 0.001,
        "model": "timm:resnet10t",
        "weights": "a=b.pth",
    }
    assert type(parse_settings(["trainable=1"])["trainable"]) is float


@pytest.mark.parametrize(
    ("setting", "sentence", "way_out"),
    [
        ("epochs", "'epochs' is not a valid setting.", "--set field=value"),
        ("speed=9", "There is no field 'speed'.", "epochs"),
        ("epochs=many", "epochs is 'many', which is not a whole number.", "passes over the training images"),
        ("epochs=2.5", "epochs is '2.5', which is not a whole number.", "passes over the training images"),
        ("peak_lr=fast", "peak_lr is 'fast', which is not a number.", "learning rate"),
        ("epochs=0", "epochs is 0, which is out of bounds.", "between 1 and 1000"),
        ("image_size=31", "image_size is 31, which is out of bounds.", "between 32 and 1024"),
        ("trainable=1.01", "trainable is 1.01, which is out of bounds.", "between 0 and 1"),
        ("peak_lr=nan", "peak_lr is nan, which is out of bounds.", "between 0 and 10"),
        ("peak_lr=inf", "peak_lr is inf, which is out of bounds.", "between 0 and 10"),
        ("method=magic", "method cannot be 'magic'.", "linear, finetune"),
        ("device=tpu", "device cannot be 'tpu'.", "auto, cpu, cuda, mps"),
    ],
)
def test_a_wrong_setting_gets_a_sentence_and_the_way_out(setting, sentence, way_out):
    with pytest.raises(UserError) as error:
        parse_settings([setting])
    assert error.value.message == sentence
    assert way_out in error.value.hint


@pytest.mark.parametrize(
    "setting", ["image_size=32", "image_size=1024", "trainable=0", "trainable=1", "patience=0", "label_smoothing=0.9"]
)
def test_the_bounds_themselves_are_allowed(setting):
    name, _, text = setting.partition("=")
    assert parse_settings([setting])[name] == float(text)


def test_every_default_is_a_value_that_would_be_accepted():
    defaults = Config().to_dict()
    assert from_dict(defaults) == Config()
    assert parse_settings([f"{name}={value}" for name, value in defaults.items()]) == defaults


def test_every_field_says_what_it_is_and_where_it_belongs():
    for name, field in fields().items():
        assert len(field.metadata["help"]) > 10, name
        assert field.metadata["group"] in GROUPS, name


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_gives_a_configuration_that_survives_its_file(tmp_path, preset):
    config = configure("scenes", preset, seed=7)
    write_json(tmp_path / "config.json", config.to_dict())
    assert from_dict(read_json(tmp_path / "config.json")) == config
    assert (config.dataset, config.preset, config.seed) == ("scenes", preset, 7)
    assert config.method == ("linear" if preset == "fast" else "finetune")


def test_changes_win_over_the_preset_and_an_unknown_preset_is_told_with_the_known_ones():
    assert configure("scenes", "balanced", epochs=9).epochs == 9
    with pytest.raises(UserError, match=r"There is no preset 'slow'\. Choose one of: fast, balanced"):
        configure("scenes", "slow")


@pytest.mark.parametrize("value", [True, None, [1], "x", 1.5])
def test_a_value_of_another_type_in_a_file_is_named(value):
    with pytest.raises(UserError, match="epochs is .*, which is not a whole number"):
        from_dict({"epochs": value})


@pytest.mark.parametrize("value", [None, [1], {}])
def test_a_number_field_names_what_is_no_number(value):
    with pytest.raises(UserError, match="peak_lr is .*, which is not a number"):
        from_dict({"peak_lr": value})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mixing": "mixup"}, ("mixing=mixup", "method=linear")),
        ({"ema": 0.99}, ("ema=0.99", "method=linear")),
        ({"balance": "sampling"}, ("balance=sampling", "method=linear")),
        ({"accumulate": 2}, ("accumulate=2", "method=linear")),
        ({"method": "finetune", "unfreeze_epochs": 5, "epochs": 5}, ("unfreeze_epochs=5", "epochs=5")),
        ({"method": "finetune", "initial_size": 224}, ("initial_size=224", "image_size=224")),
        ({"method": "finetune", "initial_size": 192, "train_size": 160}, ("initial_size=192", "train_size=160")),
        ({"method": "finetune", "train_size": 256}, ("train_size=256", "image_size=224")),
        ({"train_size": 160}, ("train_size=160", "method=linear")),
        ({"method": "finetune", "initial_size": 8}, ("initial_size=8", "image_size=224")),
        ({"method": "finetune", "accumulate": 64}, ("accumulate=64", "batch_size=32")),
        ({"method": "finetune", "batch_size": 1, "image_size": 32}, ("batch_size=1", "32 pixels")),
        ({"method": "finetune", "batch_size": 1, "initial_size": 48}, ("batch_size=1", "48 pixels")),
    ],
)
def test_fields_that_contradict_each_other_are_both_named(changes, named):
    with pytest.raises(UserError) as error:
        configure("scenes", "fast", **changes)
    assert all(words in error.value.message for words in named)
    assert error.value.hint


def test_the_seed_preset_is_the_seeds_recipe():
    config = configure("scenes", "seed")
    recipe = ("resnet50", "adam", 1e-5, 1e-4, 32, 30, 5, "constant", "seed", 224, 1.0)
    assert recipe == (
        config.model, config.optimiser, config.peak_lr, config.weight_decay, config.batch_size, config.epochs, config.patience,
        config.schedule, config.augmentation, config.image_size, config.trainable,
    )  # fmt: skip


def test_what_only_gradient_descent_reads_is_inactive_with_the_linear_method():
    linear, finetune = inactive_fields({"method": "linear"}), inactive_fields({"method": "finetune"})
    assert {"epochs", "batch_size", "augmentation", "workers"} <= linear - finetune
    assert not {"model", "image_size", "seed", "balance"} & linear
    assert help_text("epochs") == "finetune: passes over the training images"
    assert help_text("seed") == fields()["seed"].metadata["help"]


def test_an_inactive_field_goes_back_to_its_default():
    values = {"method": "finetune", "optimiser": "adam", "momentum": 0.5, "epochs": 9}
    assert reset_inactive_fields(values) == {**values, "momentum": 0.9}
