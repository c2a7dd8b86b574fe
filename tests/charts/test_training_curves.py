"""Charts of a training say the right numbers, and no label stands on another."""

import numpy as np
import pandas as pd
import pytest

from dashboard.charts import training_curves
from dashboard.charts.figure import INK
from dashboard.charts.palette import ACCENT, NEUTRAL, SCENES
from engine.runs.history import downsample

EPOCHS = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train_loss": [0.9, 0.5, 0.3],
        "validation_loss": [0.8, np.nan, 0.4],
        "validation_macro_f1": [0.70, 0.85, 0.84],
    }
)
RECALLS = pd.DataFrame([[0.5, 0.9], [0.6, 0.95]], index=[1, 2], columns=["sea", "tram"])
CANDIDATES = pd.DataFrame(
    {"C": [0.01, 0.001, 0.002], "validation_macro_f1": [0.95, 0.92, 0.927], "validation_loss": [0.3, 0.25, 0.2]}
)


def texts(figure):
    return [note.text.replace("●", "").split("</span> ")[-1] for note in figure.layout.annotations]


def test_epoch_curves_keep_gaps_and_name_the_best_epoch_and_the_last_values():
    figure = training_curves.epoch_curves(EPOCHS, "loss", best_epoch=1, last=8)
    train, validation = figure.data[:2]
    assert (train.name, train.line.color, validation.line.color) == ("train", NEUTRAL, ACCENT)
    assert validation.y == (0.8, None, 0.4) and validation.connectgaps is False
    assert texts(figure) == ["loss, 0.800 at the best epoch, 1", "train 0.300", "validation 0.400"]
    assert figure.layout.shapes[0].x0 == 1
    assert figure.layout.xaxis.range == (0.6, 8.4), "the axis is as long as the plan, from the first epoch on"


@pytest.mark.parametrize("epochs", [EPOCHS[:1], EPOCHS[:0], EPOCHS[["epoch", "train_loss"]]])
@pytest.mark.parametrize("metric", ["loss", "macro_f1"])
def test_epoch_curves_begin_with_one_epoch_or_none(epochs, metric):
    figure = training_curves.epoch_curves(epochs, metric, best_epoch=1)
    assert figure.layout.xaxis.tick0 == 1
    assert all("markers" in trace.mode for trace in figure.data)
    assert figure.layout.height == training_curves.epoch_curves(EPOCHS, metric).layout.height, (
        "a place that is kept does not jump"
    )


def test_a_loss_that_is_no_number_is_a_gap_and_not_an_axis():
    broken = pd.DataFrame({"epoch": [1, 2], "train_loss": [0.5, np.inf], "validation_loss": [0.6, np.nan]})
    figure = training_curves.epoch_curves(broken, "loss")
    assert figure.data[0].y == (0.5, None)
    assert figure.layout.yaxis.range[1] < 1


def places(figure):
    """Where the names of the lines stand, in pixels from the bottom of the axis."""
    low, high = figure.layout.yaxis.range
    plot = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    named = [note for note in figure.layout.annotations if "●" in note.text]
    return sorted((note.y - low) / (high - low) * plot + note.yshift for note in named)


@pytest.mark.parametrize("gap", [0.0, 1e-4, 0.01, 0.3])
def test_names_of_lines_that_end_together_stand_apart(gap):
    epochs = pd.DataFrame({"epoch": [1, 2], "train_macro_f1": [0.5, 0.9], "validation_macro_f1": [0.5, 0.9 - gap]})
    low, high = places(training_curves.epoch_curves(epochs, "macro_f1"))
    assert high - low >= 15.9
    many = training_curves.run_curves(
        {f"run-{n}": epochs.assign(validation_macro_f1=[0.5, 0.9 - gap * n]) for n in range(5)}, {"linear": 0.9}
    )
    assert np.diff(places(many)).min() >= 15.9


def test_spreading_moves_no_more_than_it_must():
    assert training_curves.spread([10, 100, 50], 16) == [10, 100, 50]
    assert training_curves.spread([50, 50], 16) == [42, 58]
    assert training_curves.spread([50, 40, 100], 16) == [53, 37, 100]
    assert training_curves.spread([], 16) == []
    crowded = training_curves.spread([5, 5, 5, 20], 16)
    assert np.diff(sorted(crowded)).min() >= 16 - 1e-9 and np.argmax(crowded) == 3


def test_steps_are_drawn_as_a_mean_and_a_band():
    steps = pd.DataFrame({"step": np.arange(1, 100_001), "loss": np.tile([0.2, 0.4], 50_000)})
    band, line = training_curves.step_curve(downsample(steps, "loss", 50), "batch loss").data
    assert line.x[-1] == 100_000 and len(line.x) == 50
    assert np.allclose(list(line.y), 0.3)
    assert (min(band.y), max(band.y)) == (0.2, 0.4)


def test_a_limit_is_named_and_in_sight():
    points = downsample(pd.DataFrame({"step": [1, 2], "memory": [3.0, 4.0]}), "memory")
    figure = training_curves.step_curve(points, "memory, GB", ("machine 16 GB", 16.0))
    assert texts(figure) == ["memory, GB", "machine 16 GB"]
    assert figure.layout.yaxis.range[1] > 16


def test_recalls_have_a_panel_a_class_in_its_colour():
    figure = training_curves.class_recalls(RECALLS, SCENES, last=4)
    assert [(trace.y, trace.line.color) for trace in figure.data] == [((0.5, 0.6), SCENES["sea"]), ((0.9, 0.95), NEUTRAL)]
    assert texts(figure) == ["sea 0.60", "tram 0.95"]
    assert texts(training_curves.class_recalls(RECALLS[:0], SCENES)) == ["sea", "tram"]
    many = pd.DataFrame(np.linspace(0, 1, 40)[None], index=[1], columns=[f"c{n}" for n in range(40)])
    assert [trace.name for trace in training_curves.class_recalls(many, {}).data] == [
        f"c{n}" for n in range(training_curves.MAX_CLASSES)
    ]


def test_candidates_mark_the_one_with_the_lowest_validation_loss():
    figure = training_curves.regularisation_curve(CANDIDATES)
    line, ring = figure.data
    assert list(line.y) == [0.25, 0.2, 0.3] and figure.layout.xaxis.ticktext == ("0.001", "0.002", "0.01")
    assert (ring.x, ring.y) == ((1,), (0.2,))
    assert texts(figure) == ["validation loss, nats; C = 0.002 was chosen: macro F1 0.927"]
    assert training_curves.regularisation_curve(CANDIDATES[:0]).layout.height == figure.layout.height


def test_names_of_runs_are_shown_letter_by_letter():
    figure = training_curves.run_curves({"<b>x</b>": EPOCHS}, {})
    assert "<b>" not in str(figure.layout.annotations) + str(figure.data)


def test_what_is_written_takes_the_colour_of_the_theme():
    for figure in (
        training_curves.epoch_curves(EPOCHS, "loss"),
        training_curves.class_recalls(RECALLS, {}),
        training_curves.regularisation_curve(CANDIDATES),
    ):
        assert {note.font.color for note in figure.layout.annotations} == {INK}
        assert figure.layout.xaxis.fixedrange and figure.layout.yaxis.fixedrange
