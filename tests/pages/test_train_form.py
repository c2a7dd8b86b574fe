"""The form on the Train page is the configuration: a widget for every field, with its help, bounds and choices."""

import dataclasses

import pytest
from tab import Tab

from engine import launcher
from engine.config import PRESETS, Config, configure, fields
from engine.idle import idle_fields
from engine.runs import runs

OWN_WIDGETS = {"model", "weights"}
FIELDS = {name: f for name, f in fields().items() if f.metadata["group"] != "Data" and name not in OWN_WIDGETS}


IDLE_WHEN_LINEAR = {name: getattr(Config(), name) for name in idle_fields({"method": "linear"})}


def widget(tab, key):
    try:
        return tab.at.get_by_key(key)
    except KeyError:
        return None


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_that_acts_has_a_widget_with_its_help_bounds_and_value(tab, untrained, preset):
    tab.open("train", preset=preset)
    base = configure("scenes", preset)
    idle = idle_fields(base.to_dict())
    for name, field in FIELDS.items():
        found = widget(tab, f"{preset}-{name}")
        if name in idle:
            assert found is None, name
            continue
        assert found.help == field.metadata["help"], name
        assert found.value == getattr(base, name), name
        if field.metadata["choices"]:
            assert tuple(found.options) == field.metadata["choices"]
        elif not isinstance(field.default, str):
            assert (found.min, found.max) == (field.metadata["minimum"], field.metadata["maximum"])
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
    (run,) = runs()
    assert run.config == configure("scenes", "balanced", method="linear", image_size=192, **IDLE_WHEN_LINEAR)


def test_what_differs_from_the_preset_is_marked(tab, untrained):
    tab.open("train", preset="balanced")
    assert widget(tab, "balanced-epochs").label == "epochs"
    base = configure("scenes", "balanced").epochs
    tab.choose("balanced-epochs", base + 3)
    tab.choose("balanced-seed", 3)
    assert widget(tab, "balanced-epochs").label == f"epochs :orange-badge[balanced: {base}]"
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
    assert widget(tab, f"{first.id}-epochs").label == f"epochs :orange-badge[{first.id}: 900]"
    tab.press("Train")
    second = next(run for run in runs() if run.id != first.id)
    assert second.config == dataclasses.replace(first.config, epochs=800)
    assert (tab.url("run"), tab.url("like"), tab.url("show")) == (second.id, None, "run")


def test_a_run_can_start_from_the_model_of_another(tab, copied):
    tab.open("train", show="new", preset="balanced").choose("balanced-start", "run")
    tab.press("Train")
    run = runs()[0]
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
    (run,) = runs()
    assert run.config == configure("scenes", "balanced", **changes)
    assert tab.url("run") == run.id


def test_a_file_of_weights_that_is_not_there_gives_a_sentence_and_no_run(tab, untrained):
    tab.open("train").choose("fast-start", "file")
    tab.choose("fast-weights", "/no/such/weights.pt")
    tab.press("Train")
    assert "There is no weights file '/no/such/weights.pt'." in tab.errors.replace("\\", "")
    assert runs() == []


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
    assert runs() == []


def test_a_number_outside_its_bounds_gives_a_sentence(tab, untrained, monkeypatch):
    tab.open("train", preset="balanced")
    tab.at.number_input(key="balanced-epochs").set_value(5000)
    Tab.run(tab)
    assert runs() == []
