"""The first thing that the page answers, about the runs whose answers the open question shows."""

import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.components.scored_run import ScoredRun, score_summary
from dashboard.evaluate.comparison import ConfusionView, load_view
from dashboard.evaluate.tabs import TABS
from engine.runs import score_text

_ASK, _MATRIX = "ask", "errors"  # of the address; the question that shows the matrix


def headline(scored: ScoredRun) -> None:
    """The verdict on the run; where the matrix shows another run, on that one, and where it shows two, how often they differ."""
    if _question() != _MATRIX:
        score_summary(scored)
        return
    matrix, _ = load_view(scored)
    if matrix.other is None:
        score_summary(matrix.scored, named=not matrix.own)
    else:
        _two_runs(matrix, matrix.other[0])


def _question() -> str:
    recalled = url_state.recall(_ASK)
    return recalled if recalled in TABS else next(iter(TABS))


def _two_runs(matrix: ConfusionView, other: ScoredRun) -> None:
    names = [formatting.literal(of.run.id) for of in matrix.scores]
    crossing = matrix.crossing
    differing = int((crossing.rows != crossing.columns).sum())
    accuracies = " and ".join(f"**{formatting.score_estimate(of.document['accuracy'], percent=True)}**" for of in matrix.scores)
    scores = " and ".join(f"**{score_text.macro_f1(of.document)}**" for of in matrix.scores)
    whole = all(size == len(crossing) for size in crossing.sizes)
    st.markdown(
        f"**{names[0]} and {names[1]} disagree on {differing:,} of {len(crossing):,} {other.split} images**. Accuracy {accuracies}, "
        f"macro F1 {scores}, with 95% intervals{'' if whole else ', each on all of its own images'}."
    )
