"""The form on the Train page is the configuration: a widget for every field, with its help, bounds and choices."""

import pytest
from tab import Tab

from engine.config import PRESETS, configure, fields
from engine.runs import runs

FIELDS = {name: field for name, field in fields().items() if field.metadata["group"] != "Data" and name != "model"}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_has_a_widget_with_its_help_bounds_and_value(tab, untrained, preset):
    tab.open("train", preset=preset)
    base = configure("scenes", preset)
    for name, field in FIELDS.items():
        widget = tab.at.get_by_key(f"{preset}-{name}")
        assert widget.help == field.metadata["help"], name
        assert widget.value == getattr(base, name), name
        if field.metadata["choices"]:
            assert tuple(widget.options) == field.metadata["choices"]
        elif not isinstance(field.default, str):
            assert (widget.min, widget.max) == (field.metadata["minimum"], field.metadata["maximum"])
    (model,) = [box for box in tab.at.selectbox if box.label == "Model"]
    assert model.help == fields()["model"].metadata["help"]
    assert model.value == base.model


def test_what_the_form_says_is_what_the_run_gets(tab, start_run, wait):
    tab.open("train", preset="balanced")
    changes = {"image_size": 48, "epochs": 900, "augmentation": "light", "peak_lr": 0.002, "seed": 7, "precision": "float32"}
    for name, value in changes.items():
        tab.choose(f"balanced-{name}", value)
    tab.press("Train")
    (run,) = runs()
    assert run.config == configure("scenes", "balanced", **changes)
    assert tab.url("run") == run.id


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [("weights", "/no/such/weights.pt", "There is no weights file '/no/such/weights.pt'.")],
)
def test_a_value_that_cannot_be_used_gives_a_sentence_and_no_run(tab, untrained, field, value, sentence):
    tab.open("train").choose(f"fast-{field}", value)
    tab.press("Train")
    assert sentence in tab.errors.replace("\\", "")
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
    tab.open("train")
    tab.at.number_input(key="fast-epochs").set_value(5000)
    Tab.run(tab)
    assert runs() == []
