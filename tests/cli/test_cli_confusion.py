"""`confusion` and `pairs` as a person or a program calls them."""

import json

import numpy as np

from engine.evaluation import metrics
from engine.runs.run import load_run


def test_the_matrix_in_an_order_and_against_another_run(engine, finished_session, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(finished_session.home))
    own = load_run(finished_session.run_id)
    expected = metrics.confusion(own.predictions("test").table, len(own.classes))
    done = engine("confusion", own.id, "--order", "similarity", "--json", home=finished_session.home)
    document = json.loads(done.stdout)
    places = [own.classes.index(name) for name in document["classes"]]
    assert np.array_equal(document["matrix"], expected[np.ix_(places, places)])
    same = json.loads(engine("confusion", own.id, "--with", own.id, "--json", home=finished_session.home).stdout)
    assert np.array_equal(same["matrix"], np.diag(expected.sum(axis=0)))


def test_pairs_are_ranked_and_one_is_explained(engine, finished_session, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(finished_session.home))
    own = load_run(finished_session.run_id)
    ranked = json.loads(engine("pairs", own.id, "--json", home=finished_session.home).stdout)["pairs"]
    expected = metrics.confused_pairs(metrics.confusion(own.predictions("test").table, len(own.classes)), own.classes)
    assert [(row["a"], row["b"], row["errors"]) for row in ranked] == list(
        expected[["a", "b", "errors"]].itertuples(index=False, name=None)
    )
    one = json.loads(engine("pairs", own.id, ranked[0]["b"], ranked[0]["a"], "--json", home=finished_session.home).stdout)
    assert (one["a_as_b"], one["b_as_a"]) == (ranked[0]["b_as_a"], ranked[0]["a_as_b"])
    wrong = engine("pairs", own.id, "nobody", "sea", home=finished_session.home)
    assert wrong.returncode == 2
    assert "has no class 'nobody'" in wrong.stderr
