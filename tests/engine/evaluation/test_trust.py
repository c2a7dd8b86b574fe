"""How a score came about is told as it was: what was chosen, how often test was used, and what leaving copies out changes."""

import numpy as np
import pytest
from scored import CLASSES, TRUE, scored_run

from engine.core.files import read_json, write_json
from engine.data.predictions import read_predictions, write_predictions
from engine.evaluation import metrics, trust
from engine.evaluation.near_copies import NearCopies
from engine.runs.run import Run


def run_on_test(
    name: str, created: float, wrong: range = range(20), first: int = 0, fingerprint: str = "a", method: str = "linear"
) -> Run:
    """A finished run that was scored on test images too, the contents of which begin with number `first`."""
    run = scored_run(name, created, wrong, fingerprint=fingerprint)
    table = read_predictions(run.path, "validation").assign(content=[f"{first + i:016x}" * 2 for i in range(len(TRUE))])
    write_predictions(run.path, "test", table, CLASSES)
    scores = metrics.score_predictions(table, CLASSES)
    write_json(run.path / "results.json", {"test": scores, "validation": scores, "temperature": 1.0})
    document = read_json(run.path / "config.json")
    write_json(run.path / "config.json", document | {"config": document["config"] | {"method": method}})
    return run


def test_a_clean_up_does_not_reset_how_many_runs_were_scored_on_the_test_images(home):
    runs = [
        run_on_test("fast-1", 1.0),
        run_on_test("fast-2", 2.0, fingerprint="b"),
        run_on_test("fast-3", 3.0, first=5, fingerprint="c"),
    ]
    run_on_test("fast-4", 4.0, first=9_000, fingerprint="a")
    for run in runs:
        assert trust.read_protocol(trust.load_evidence(run)).on_test == 3
    evidence = trust.load_evidence(runs[0])
    assert (
        "3 runs were scored on these test images, or on some of them"
        in trust.sentences(evidence, trust.read_protocol(evidence), None, 0.95, None)["protocol"]
    )


@pytest.mark.parametrize(
    ("method", "chosen"), [("linear", "the regularisation strength C, temperature"), ("finetune", "the epoch, temperature")]
)
def test_what_was_chosen_on_validation_is_what_this_kind_of_run_chooses(home, method, chosen):
    evidence = trust.load_evidence(run_on_test("fast-1", 1.0, method=method))
    text = trust.sentences(evidence, trust.read_protocol(evidence), None, 0.95, None)["protocol"]
    assert f"{chosen} and thresholds were chosen on 300 validation images." in text


def test_an_accuracy_that_stays_is_not_said_to_change(home):
    evidence = trust.load_evidence(run_on_test("fast-1", 1.0, range(23)))
    near = NearCopies(np.zeros(len(TRUE), bool), np.where(np.arange(len(TRUE)) == 299, 0.03, 0.5), np.full(len(TRUE), -1))
    assert (
        "Without it, accuracy stays at 92.3% (88.7 to 94.8%)."
        in trust.sentences(evidence, trust.read_protocol(evidence), near, 0.95, None)["copies"]
    )
    worse = NearCopies(near.exact, np.where(np.arange(len(TRUE)) >= 200, 0.03, 0.5), near.twin)
    assert (
        "accuracy is 88.5% (83.3 to 92.2%) instead of 92.3%."
        in trust.sentences(evidence, trust.read_protocol(evidence), worse, 0.95, None)["copies"]
    )
