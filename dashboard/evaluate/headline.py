"""The headline of Evaluate, about the runs whose predictions the open tab shows."""

import streamlit as st

from dashboard.app import formatting
from dashboard.components.scored_run import ScoredRun, score_summary
from dashboard.evaluate.comparison import ConfusionView, load_view
from dashboard.evaluate.tabs import TAB
from engine.core.estimate import Estimate
from engine.runs import score_text

_MATRIX = "errors"  # the tab that shows the matrix


def headline(scored: ScoredRun) -> None:
    """Draw the run's scores; where the matrix shows another run, its scores, and where it shows two, how often they disagree."""
    if TAB.read() != _MATRIX:
        score_summary(scored)
        return
    view, _ = load_view(scored)
    if view.other is None:
        score_summary(view.scored, named=not view.is_page_run)
    else:
        _disagreement(view)


def _disagreement(view: ConfusionView) -> None:
    names = [formatting.literal(scored.run.id) for scored in view.scores]
    crossing = view.crossing
    disagreements = int((crossing.rows != crossing.columns).sum())
    accuracies = " and ".join(f"**{Estimate(**scored.document['accuracy']).text('%')}**" for scored in view.scores)
    scores = " and ".join(f"**{score_text.macro_f1(scored.document)}**" for scored in view.scores)
    whole = all(size == len(crossing) for size in crossing.sizes)
    st.markdown(
        f"**{names[0]} and {names[1]} disagree on {disagreements:,} of {len(crossing):,} {view.scored.split} images**. Accuracy {accuracies}, "
        f"macro F1 {scores}, with 95% intervals{'' if whole else ', each on all of its own images'}."
    )
