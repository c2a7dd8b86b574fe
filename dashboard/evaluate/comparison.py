"""What stands on the matrix's two axes: the truth, this run, or another run that was scored on the same images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.widgets import popover
from dashboard.components.matrix import Axes
from dashboard.components.scored_run import ScoredRun, load_scored_run
from engine.core.errors import UserError
from engine.evaluation.cross_confusion import CrossConfusion
from engine.runs.run import Run, list_runs

TRUTH, THIS = "truth", "this"


@dataclass(frozen=True)
class ConfusionView:
    """The matrix that is looked at: `crossing`, the run whose answers the pictures tell, and what to call the axes.

    `rows_of`: (n,) positions in `scored.predictions` of the crossing's images. `other`: the other run and the positions in its
    table, where two runs are compared.
    """

    crossing: CrossConfusion
    matrix: np.ndarray
    scored: ScoredRun
    rows_of: np.ndarray
    axes: Axes
    key: str
    own: bool  # whether the pictures tell the answers of the run that the page is about
    other: tuple[ScoredRun, np.ndarray] | None = None

    @property
    def scores(self) -> tuple[ScoredRun, ...]:
        """The run whose answers the matrix shows, or the two runs."""
        return (self.scored,) if self.other is None else (self.scored, self.other[0])

    @property
    def true_rows(self) -> bool:
        return self.axes.groups[0] == "images of"

    @property
    def off_diagonal(self) -> str:
        """What the images beside the diagonal are: two runs that differ do not say which of them is wrong."""
        return "errors" if self.other is None else "disagreements"

    def differing(self, found: pd.DataFrame) -> int:
        """How many of these rows of the prediction table lie beside the diagonal."""
        places = self.rows_of[self.crossing.rows != self.crossing.columns]
        return int(found["image_id"].isin(self.scored.predictions["image_id"].iloc[places]).sum())

    def images(self, mask: np.ndarray) -> pd.DataFrame:
        """The rows of the prediction table that fall into the cells of (classes, classes) `mask`."""
        inside = mask[self.crossing.rows, self.crossing.columns]
        return self.scored.predictions.iloc[self.rows_of[inside]]


@dataclass(frozen=True)
class Sides:
    """What the address puts on the rows and on the columns, and what else could stand there: option -> label."""

    rows: str
    columns: str
    labels: Mapping[str, str]
    others: Mapping[str, Run]

    @property
    def default(self) -> bool:
        return (self.rows, self.columns) == (TRUTH, THIS)


def read_sides(scored: ScoredRun) -> Sides:
    """The two sides as the address has them; truth against this run where it says nothing."""
    others = {
        run.id: run
        for run in list_runs(scored.run.config.dataset)
        if run.id != scored.run.id and run.has_predictions(scored.split)
    }
    labels = {TRUTH: "truth", THIS: f"this run, {scored.run.id}"} | {
        run_id: formatting.run_label(run) for run_id, run in others.items()
    }
    rows = url_state.current_choice(list(labels), "rows", TRUTH)
    columns = url_state.current_choice([side for side in labels if side != rows], "columns", THIS)
    return Sides(rows, columns, labels, others)


def load_view(scored: ScoredRun) -> tuple[ConfusionView, UserError | None]:
    """The matrix that the address asks for; where it cannot be made, truth against this run, and why."""
    now = read_sides(scored)
    try:
        return build_view(scored, now.rows, now.columns, now.others), None
    except UserError as error:
        if now.default:
            raise
        return build_view(scored, TRUTH, THIS, now.others), error


def choose_sides(scored: ScoredRun) -> ConfusionView:
    """The two axes by two lists; where another run cannot be laid beside this one, a sentence, and truth against this run."""
    now = read_sides(scored)
    panel = popover(
        "Rows and columns", "sides-panel", icon=":material/compare_arrows:",
        help="Compare with another run or with the labels",
    )  # fmt: skip
    if panel.open:
        with panel:
            _sides_panel(scored, now)
    matrix, error = load_view(scored)
    if error is not None:
        st.warning(formatting.literal(f"{error} This run is shown against the truth instead."), icon=":material/compare_arrows:")
    return matrix


def _sides_panel(scored: ScoredRun, now: Sides) -> None:
    rest = [side for side in now.labels if side != now.rows]
    url_state.choose(st.selectbox, "Rows", list(now.labels), "rows", TRUTH, format_func=now.labels.__getitem__)
    url_state.choose(st.selectbox, "Columns", rest, "columns", THIS, format_func=now.labels.__getitem__)
    if not now.others:
        st.caption(
            f"A second run on {formatting.literal(scored.run.config.dataset)} that was scored on {scored.split} can stand here as well."
        )


def build_view(scored: ScoredRun, rows: str, columns: str, others: Mapping[str, Run]) -> ConfusionView:
    """Two sides on the images that both have. Raises UserError."""
    answers = [_answers(scored, side, others) for side in (rows, columns) if side != TRUTH]
    own = answers[0].run.id == scored.run.id
    key = f"{scored.split}-{rows}-{columns}-{'-'.join(of.run.id for of in answers)}"
    if len(answers) == 1:
        (of,) = answers
        result, matrix = cache.confusion_between(of.run, of.run, scored.split, rows == TRUTH, columns == TRUTH)
        return ConfusionView(result, matrix, of, result.places, _against_truth(of, scored, rows == TRUTH), key, own)
    result, matrix = cache.confusion_between(answers[0].run, answers[1].run, scored.split, False, False)
    names = [of.run.id for of in answers]
    axes = Axes(
        f"↓ {names[0]}", f"{names[1]} →", ("", f" by {names[0]}, ", f" by {names[1]}"), ("both say ", "", ""),
        (f"that {names[0]} calls", f"that {names[1]} calls"),
    )  # fmt: skip
    return ConfusionView(result, matrix, answers[0], result.places, axes, key, own, (answers[1], result.other_places))


def _against_truth(answers: ScoredRun, scored: ScoredRun, true_rows: bool) -> Axes:
    """The axes of a run against the truth; another run than the page's is named wherever its answers are spoken of."""
    own = answers.run.id == scored.run.id
    predicted, by = ("predicted", "") if own else (answers.run.id, f" by {answers.run.id}")
    whose = "answers" if own else f"that {answers.run.id} calls"
    same = ("", f" recognised{by}", "")
    if true_rows:
        return Axes("↓ true", f"{predicted} →", ("", " taken for ", by), same, ("images of", whose))
    return Axes(f"↓ {predicted}", "true →", ("", f" answered{by}, truly ", ""), same, (whose, "images of"))


def _answers(scored: ScoredRun, side: str, others: Mapping[str, Run]) -> ScoredRun:
    return scored if side == THIS else load_scored_run(others[side], scored.split)


def overlap_caption(of: ConfusionView) -> None:
    """How many images the two have in common, and what only one of them knows."""
    result = of.crossing
    if of.other is None:
        return
    ids = of.scored.run.id, of.other[0].run.id
    said = [
        f"{len(result):,} images were scored by both runs: {result.sizes[0]:,} of {ids[0]}, {result.sizes[1]:,} of {ids[1]}, matched by content."
    ]
    for known, missing, only in ((*ids, result.only_rows), (*reversed(ids), result.only_columns)):
        if only:
            said.append(
                f"Only {known} knows {', '.join(map(formatting.plain, only[:5]))}{' and others' if len(only) > 5 else ''}; {missing} does not."
            )
    if result.relabelled:
        said.append(f"{result.relabelled:,} of them have another true class in {ids[1]}.")
    st.caption(formatting.literal(" ".join(said)))
