"""The form on the Train page is the configuration: a widget for every field, with its help, bounds and choices."""

import dataclasses
import re

import pytest
from tab import Tab

from dashboard.app.train_options import from_text, to_text
from engine.runs.config import Config, configure, fields
from engine.runs.inactive_fields import inactive_fields
from engine.runs.presets import PRESETS
from engine.runs.run import list_runs
from engine.training import launcher

OWN_WIDGETS = {"model", "weights"}
FIELDS = {name: f for name, f in fields().items() if f.metadata["group"] != "Data" and name not in OWN_WIDGETS}


IDLE_WHEN_LINEAR = {name: getattr(Config(), name) for name in inactive_fields({"method": "linear"})}


def widget(tab, key):
    try:
        return tab.widget(key)
    except KeyError:
        return None


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_that_acts_has_a_widget_with_its_help_bounds_and_value(tab, untrained, preset):
    tab.open("train", preset=preset)
    base = configure("scenes", preset)
    idle = inactive_fields(base.to_dict())
    for name, field in FIELDS.items():
        result = widget(tab, f"{preset}-{name}")
        if name in idle:
            assert result is None, name
            continue
        assert result.help == field.metadata["help"], name
        assert result.value == getattr(base, name), name
        if field.metadata["choices"]:
            assert tuple(result.options) == field.metadata["choices"]
        elif not isinstance(field.default, str):
            assert (result.min, result.max) == (field.metadata["minimum"], field.metadata["maximum"])
    (model,) = [box for box in tab.at.selectbox if box.label == "Model"]
    assert model.help == fields()["model"].metadata["help"]
    assert model.value == base.model


def test_a_field_appears_with_the_choice_that_it_belongs_to(tab, untrained):
    tab.open("train", preset="balanced")
    assert widget(tab, "balanced-momentum") is None
    tab.choose("balanced-optimiser", "sgd")
    assert widget(tab, "balanced-momentum").value == 0.9
    tab.choose("balanced-method", "linear")
    assert widget(tab, "balanced-epochs") is None


def test_what_a_hidden_field_said_is_not_in_the_run(tab, start_run):
    tab.open("train", preset="balanced").choose("balanced-mixing", "mixup")
    tab.choose("balanced-ema", 0.99)
    tab.choose("balanced-method", "linear")
    tab.press("Train")
    (run,) = list_runs()
    assert run.config == configure("scenes", "balanced", method="linear", image_size=192, **IDLE_WHEN_LINEAR)


def test_what_differs_from_the_preset_is_marked(tab, untrained):
    tab.open("train", preset="balanced")
    assert widget(tab, "balanced-epochs").label == "epochs"
    base = configure("scenes", "balanced").epochs
    tab.choose("balanced-epochs", base + 3)
    tab.choose("balanced-seed", 3)
    assert widget(tab, "balanced-epochs").label == f"epochs (balanced: {base})"
    assert widget(tab, "balanced-epochs").value == base + 3
    assert "More options (1 changed)" in [panel.label for panel in tab.at.status]


def test_a_duplicate_begins_with_the_options_of_its_run(tab, start_run, wait):
    changes = {"epochs": 900, "peak_lr": 0.002, "optimiser": "sgd", "momentum": 0.8}
    first = start_run(**changes, image_size=48)
    launcher.stop(first)
    wait(lambda: not first.status.active)
    tab.open("train").press("Duplicate")
    assert tab.url("like") == first.id
    assert f"The options of **{first.id}**" in tab.text
    tab.choose(f"{first.id}-epochs", 800)
    assert widget(tab, f"{first.id}-epochs").label == f"epochs ({first.id}: 900)"
    tab.press("Train")
    second = next(run for run in list_runs() if run.id != first.id)
    assert second.config == dataclasses.replace(first.config, epochs=800)
    assert (tab.url("run"), tab.url("like"), tab.url("show")) == (second.id, None, "run")


def test_a_run_can_start_from_the_model_of_another(tab, copied):
    tab.open("train", show="new", preset="balanced").choose("balanced-start", "run")
    tab.press("Train")
    run = list_runs()[0]
    assert run.config.weights == f"run:{copied.id}"
    launcher.stop(run)


def test_without_a_model_there_is_none_to_start_from(tab, untrained):
    tab.open("train").choose("fast-start", "run")
    assert "No run of this dataset has a model to start from yet." in tab.errors.replace("\\", "")
    assert [button.disabled for button in tab.at.button if button.label == "Train"] == [True]


def test_what_the_form_says_is_what_the_run_gets(tab, start_run, wait):
    tab.open("train", preset="balanced")
    changes = {"image_size": 48, "epochs": 900, "augmentation": "light", "peak_lr": 0.002, "seed": 7, "precision": "float32"}
    for name, value in changes.items():
        tab.choose(f"balanced-{name}", value)
    tab.press("Train")
    (run,) = list_runs()
    assert run.config == configure("scenes", "balanced", **changes)
    assert tab.url("run") == run.id


def train_is_disabled(tab) -> bool:
    (button,) = [button for button in tab.at.button if button.label == "Train"]
    return button.disabled


def test_a_file_of_weights_that_is_not_there_gives_a_sentence_before_train_is_pressed(tab, untrained):
    tab.open("train").choose("fast-start", "file")
    assert "No weights file has been entered yet." in tab.errors.replace("\\", "")
    assert train_is_disabled(tab)
    tab.choose("fast-weights", "/no/such/weights.pt")
    assert "There is no weights file '/no/such/weights.pt'." in tab.errors.replace("\\", "")
    assert train_is_disabled(tab)
    tab.choose("fast-start", "none")
    assert not tab.errors
    assert not train_is_disabled(tab)


CHANGES = {"epochs": 7, "peak_lr": 1e-05, "augmentation": "flip@0.5/crop:smallest=0.5", "optimiser": "sgd", "seed": 3}


def test_changed_options_round_trip_through_the_address():
    texts = {"weights": "/home/é/a b~c-d_e.pt", "model": "timm:x-1", "augmentation": "my own=flip@0.5/crop:smallest=0.35"}
    numbers = {name: field.metadata["maximum"] for name, field in FIELDS.items() if field.metadata["maximum"] is not None}
    numbers = {name: type(FIELDS[name].default)(value) for name, value in numbers.items()}
    choices = {name: field.metadata["choices"][-1] for name, field in FIELDS.items() if field.metadata["choices"]}
    for changes in ({}, CHANGES, texts, numbers, choices, {"peak_lr": 0.1 + 0.2}):
        text = to_text(changes)
        assert from_text(text) == (changes, [])
        assert re.fullmatch(r"[A-Za-z0-9_.~-]*", text.replace("+", "")), text


@pytest.mark.parametrize(
    "part", ["epochs-0", "epochs-many", "whirl-3", "dataset-intel", "peak_lr-nan", "epochs", "weights-%", "-"]
)
def test_an_option_of_the_address_that_is_no_use_is_named_and_left_out(tab, untrained, part):
    tab.open("train", preset="balanced", **{"set-balanced": f"seed-5~{part}"})
    assert widget(tab, "balanced-seed").value == 5
    assert repr(part) in tab.text.replace("\\", "")
    assert tab.url("set-balanced") == "seed-5"


def test_changed_options_survive_another_page_another_preset_and_a_new_tab(tab, untrained):
    changes = CHANGES | {"augmentation": "light"}
    tab.open("train", preset="balanced")
    for name, value in changes.items():
        tab.choose(f"balanced-{name}", value)
    assert from_text(tab.url("set-balanced")) == (changes, [])
    tab.open("augment").open("train")
    assert {name: widget(tab, f"balanced-{name}").value for name in changes} == changes
    tab.choose("preset", "best").choose("best-epochs", 9).choose("preset", "balanced")
    assert {name: widget(tab, f"balanced-{name}").value for name in changes} == changes
    other = Tab().open("train", **{key: tab.url(key) for key in ("preset", "set-balanced", "set-best")})
    assert {name: widget(other, f"balanced-{name}").value for name in changes} == changes
    assert widget(other.choose("preset", "best"), "best-epochs").value == 9


def test_reset_to_preset_drops_the_changes_of_this_preset_alone(tab, untrained):
    tab.open("train", preset="balanced", **{"set-balanced": "epochs-7~seed-3", "set-best": "epochs-9"})
    tab.choose("balanced-epochs", 11).press("Reset to preset")
    assert tab.url("set-balanced") is None
    (epochs,) = [box for box in tab.at.number_input if box.label == "epochs"]
    assert epochs.value == configure("scenes", "balanced").epochs
    assert tab.url("set-best") == "epochs-9"


def test_a_field_that_is_hidden_meanwhile_comes_back_as_it_was_left(tab, untrained):
    tab.open("train", preset="balanced").choose("balanced-epochs", 11).choose("balanced-method", "linear")
    assert widget(tab, "balanced-epochs") is None
    tab.choose("balanced-method", "finetune")
    assert widget(tab, "balanced-epochs").value == 11


def test_the_labels_of_changed_options_hold_no_markup(tab, untrained):
    tab.open("train", preset="balanced", **{"set-balanced": to_text(CHANGES)})
    labels = [box.label for kind in (tab.at.number_input, tab.at.selectbox, tab.at.text_input) for box in kind]
    assert len([label for label in labels if "(balanced: " in label]) == len(CHANGES)
    assert not [label for label in labels if "[" in label or "\\" in label]


@pytest.mark.parametrize("name", ["nothing-like-it", "timm:", "timm:no_such_model", "hf-hub:", "<b>"])
def test_a_model_that_does_not_exist_gives_a_sentence_and_no_run(tab, untrained, name):
    tab.open("train")
    (model,) = [box for box in tab.at.selectbox if box.label == "Model"]
    model.set_value(model.options[-1])
    tab.run()
    (box,) = [box for box in tab.at.text_input if box.label == "Model name"]
    box.set_value(name)
    tab.run()
    tab.press("Train")
    assert tab.errors
    assert list_runs() == []


def test_a_number_outside_its_bounds_gives_a_sentence(tab, untrained, monkeypatch):
    tab.open("train", preset="balanced")
    tab.at.number_input(key="balanced-epochs").set_value(5000)
    Tab.run(tab)
    assert list_runs() == []
