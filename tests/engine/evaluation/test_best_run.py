"""Runs are ranked by validation within one set of images and labels, and a lead that may be chance is called so."""

import json

import numpy as np
from scored import TRUE, N, scored_run

from engine.cli import main
from engine.evaluation import best_run


def test_a_lead_of_a_few_images_is_said_to_be_indistinguishable(home, capsys):
    runs = [
        scored_run("fast-1", 1.0, range(24)),
        scored_run("fast-2", 2.0, range(3, 24)),
        scored_run("fast-3", 3.0, range(120)),
    ]
    ranking = best_run.rank(runs)
    assert ranking.ranked == ("fast-2", "fast-1", "fast-3")
    assert [ranking.mark(run) for run in runs] == ["tied", "best", ""]
    assert "The best by validation is fast-2 (macro F1 0.930), not distinguishable from fast-1 by a paired test on 300" in (
        best_run.sentence(ranking)
    )
    assert main(["runs", "list"]) == 0
    assert f"scenes: {best_run.sentence(ranking)}" in capsys.readouterr().out
    main(["runs", "list", "--json"])
    listed = {run["id"]: run for run in json.loads(capsys.readouterr().out)}
    assert [listed[f"fast-{n}"]["best_by_validation"] for n in (1, 2, 3)] == [False, True, False]
    assert [listed[f"fast-{n}"]["not_distinguishable_from_best"] for n in (1, 2, 3)] == [True, False, False]


def test_a_lead_beyond_chance_is_said_to_be_one(home):
    ranking = best_run.rank([scored_run("fast-1", 1.0, range(60)), scored_run("fast-2", 2.0, range(20))])
    assert ranking.tied == ()
    assert "fast-2 (macro F1 0.933), better than the other by a paired test" in best_run.sentence(ranking)


def test_a_run_on_cleaned_labels_is_not_ranked_with_those_before(home):
    """Its labels were changed to what models say: the higher score is that of the labels."""
    cleaned = np.where(np.arange(N) < 12, (TRUE + 1) % 3, TRUE)
    before = [scored_run("fast-1", 1.0, range(24)), scored_run("fast-2", 2.0, range(3, 24))]
    after = scored_run("fast-3", 3.0, range(20), cleaned, fingerprint="b")
    assert after.results["validation"]["macro_f1"]["value"] > before[1].results["validation"]["macro_f1"]["value"]
    ranking = best_run.rank([*before, after])
    assert (ranking.ranked, ranking.other) == (("fast-3",), ("fast-2", "fast-1"))
    assert [ranking.mark(run) for run in [*before, after]] == ["", "", ""], "the best of one is the best of nothing"
    assert "fast-3 (validation macro F1 0.973) and fast-2, fast-1 were scored on different validation images or labels" in (
        best_run.sentence(ranking)
    )
    again = scored_run("fast-4", 4.0, range(22), cleaned, fingerprint="b")
    ranking = best_run.rank([*before, after, again])
    assert (ranking.ranked, ranking.best) == (("fast-3", "fast-4"), after)
    assert "Not ranked with it: fast-2, fast-1, scored on other validation images or labels." in best_run.sentence(ranking)


def test_a_change_of_training_images_alone_leaves_the_ranking(home):
    """Another fingerprint of the data, but the same validation images and labels."""
    ranking = best_run.rank([scored_run("fast-1", 1.0, range(20)), scored_run("fast-2", 2.0, range(24), fingerprint="b")])
    assert (ranking.ranked, ranking.other) == (("fast-1", "fast-2"), ())


def test_no_run_and_a_run_without_answers(home):
    assert best_run.rank([]).best is None
    assert best_run.sentence(best_run.rank([])) == ""
    first, second = scored_run("fast-1", 1.0, range(20)), scored_run("fast-2", 2.0, range(24))
    (second.path / "predictions-validation.parquet").unlink()
    ranking = best_run.rank([first, second])
    assert (ranking.best, ranking.tied, ranking.compared) == (first, (), 0)
