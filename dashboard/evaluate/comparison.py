"""The matrix's two axes: the true classes, this run, or another run that was scored on the same images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.url_state import Parameter
from dashboard.app.widgets import popover
from dashboard.components.matrix import Axes
from dashboard.components.scored_run import ScoredRun, load_scored_run
from engine.core.address import Text
from engine.core.errors import UserError
from engine.evaluation.cross_confusion import CrossConfusion
from engine.runs.run import Run, list_runs

TRUTH, THIS = "truth", "this"
_ROWS, _COLUMNS = Parameter("rows", Text(), TRUTH), Parameter("columns", Text(), THIS)


@dataclass(frozen=True)
class ConfusionView:
    """The matrix on screen: `crossing`, the run whose predictions are shown with the images, and the words for the axes.

    `places`: (n,) positions of the crossing's images in `scored.predictions`. `other`: where two runs are compared, the other run
    and the positions in its table. `is_page_run`: whether `scored` is the run that the page is about.
    """

    crossing: CrossConfusion
    matrix: np.ndarray
    scored: ScoredRun
    places: np.ndarray
    axes: Axes
    key: str
    is_page_run: bool
    true_rows: bool
    other: tuple[ScoredRun, np.ndarray] | None = None

    @property
    def scores(self) -> tuple[ScoredRun, ...]:
        """The run whose predictions the matrix shows, or the two runs."""
        return (self.scored,) if self.other is None else (self.scored, self.other[0])

    @property
    def off_diagonal(self) -> str:
        """What the images off the diagonal are called: where two runs disagree, either may be right."""
        return "errors" if self.other is None else "disagreements"

    def count_disagreements(self, rows: pd.DataFrame) -> int:
        """How many of these rows of the prediction table lie off the diagonal."""
        places = self.places[self.crossing.rows != self.crossing.columns]
        return rows["image_id"].isin(self.scored.predictions.ids[places]).sum()

    def images(self, mask: np.ndarray) -> pd.DataFrame:
        """The rows of the prediction table that fall into the cells of (classes, classes) `mask`."""
        inside = mask[self.crossing.rows, self.crossing.columns]
        return self.scored.table.iloc[self.places[inside]]


@dataclass(frozen=True)
class Sides:
    """What the address puts on the rows and on the columns, and all options: option -> label."""

    rows: str
    columns: str
    labels: Mapping[str, str]
    others: Mapping[str, Run]

    @property
    def default(self) -> bool:
        return (self.rows, self.columns) == (TRUTH, THIS)


def read_sides(scored: ScoredRun) -> Sides:
    """The two sides in the address; by default the truth against this run."""
    others = {
        run.id: run
        for run in list_runs(scored.run.config.dataset)
        if run.id != scored.run.id and run.has_predictions(scored.split)
    }
    labels = {TRUTH: "truth", THIS: f"this run, {scored.run.id}"} | {
        run_id: formatting.run_label(run) for run_id, run in others.items()
    }
    rows = url_state.current_choice(_ROWS, list(labels))
    columns = url_state.current_choice(_COLUMNS, [side for side in labels if side != rows])
    return Sides(rows, columns, labels, others)


def load_view(scored: ScoredRun) -> tuple[ConfusionView, UserError | None]:
    """The matrix that the address names; if that cannot be made, the truth against this run, and why."""
    sides = read_sides(scored)
    try:
        return build_view(scored, sides.rows, sides.columns, sides.others), None
    except UserError as error:
        if sides.default:
            raise
        return build_view(scored, TRUTH, THIS, sides.others), error


def choose_sides(scored: ScoredRun) -> ConfusionView:
    """The matrix whose two sides a person chooses; if the runs cannot be compared, a warning and the truth against this run."""
    sides = read_sides(scored)
    panel = popover(
        "Rows and columns", "sides-panel", icon=":material/compare_arrows:",
        help="Compare with another run or with the labels",
    )  # fmt: skip
    if panel.open:
        with panel:
            _draw_panel(scored, sides)
    view, error = load_view(scored)
    if error is not None:
        st.warning(formatting.literal(f"{error} This run is shown against the truth instead."), icon=":material/compare_arrows:")
    return view


def _draw_panel(scored: ScoredRun, sides: Sides) -> None:
    rest = [side for side in sides.labels if side != sides.rows]
    url_state.choose(st.selectbox, "Rows", _ROWS, list(sides.labels), format_func=sides.labels.__getitem__)
    url_state.choose(st.selectbox, "Columns", _COLUMNS, rest, format_func=sides.labels.__getitem__)
    if not sides.others:
        dataset = formatting.literal(scored.run.config.dataset)
        st.caption(f"Other runs on {dataset} that were scored on {scored.split} can be chosen here.")


def build_view(scored: ScoredRun, rows: str, columns: str, others: Mapping[str, Run]) -> ConfusionView:
    """Two sides on the images that both have. Raises UserError where they cannot be compared."""
    runs = [scored if side == THIS else load_scored_run(others[side], scored.split) for side in (rows, columns) if side != TRUTH]
    first, second = runs[0], runs[-1]
    is_truth = (rows == TRUTH, columns == TRUTH)
    crossing, matrix = cache.confusion_between(first.run, second.run, scored.split, *is_truth)
    is_page_run = first.run.id == scored.run.id
    return ConfusionView(
        crossing=crossing,
        matrix=matrix,
        scored=first,
        places=crossing.places,
        axes=_axes_of_runs(first.run.id, second.run.id)
        if not any(is_truth)
        else _axes_with_truth(first.run.id, is_page_run, rows == TRUTH),
        key=f"{scored.split}-{rows}-{columns}-{'-'.join(one.run.id for one in runs)}",
        is_page_run=is_page_run,
        true_rows=rows == TRUTH,
        other=None if any(is_truth) else (second, crossing.other_places),
    )


def _axes_of_runs(first: str, second: str) -> Axes:
    return Axes(
        rows=f"↓ {first}",
        columns=f"{second} →",
        other=("", f" by {first}, ", f" by {second}"),
        same=("both predict ", "", ""),
        groups=(f"that {first} calls", f"that {second} calls"),
    )


def _axes_with_truth(run_id: str, is_page_run: bool, true_rows: bool) -> Axes:
    """The axes of a run against the truth; a run that is not the page's own is named wherever its predictions are mentioned."""
    predicted, agent, group = (
        ("predicted", "", "predicted as") if is_page_run else (run_id, f" by {run_id}", f"that {run_id} calls")
    )
    same = ("", f" recognised{agent}", "")
    if true_rows:
        return Axes(rows="↓ true", columns=f"{predicted} →", other=("", " taken for ", agent), same=same, groups=("of", group))
    other = ("", f" predicted{agent}, actually ", "")
    return Axes(rows=f"↓ {predicted}", columns="true →", other=other, same=same, groups=(group, "of"))


def overlap_caption(view: ConfusionView) -> None:
    """Say how many images two runs have in common, and which classes only one of them has."""
    if view.other is None:
        return
    crossing = view.crossing
    ids = view.scored.run.id, view.other[0].run.id
    sentences = [
        f"{len(crossing):,} images were scored by both runs: {crossing.sizes[0]:,} of {ids[0]}, {crossing.sizes[1]:,} of {ids[1]}, "
        "matched by content."
    ]
    for known, missing, classes in ((*ids, crossing.only_rows), (*reversed(ids), crossing.only_columns)):
        if classes:
            names = f"{', '.join(map(formatting.plain, classes[:5]))}{' and others' if len(classes) > 5 else ''}"
            sentences.append(f"Only {known} knows {names}; {missing} does not.")
    if crossing.relabelled:
        sentences.append(f"{crossing.relabelled:,} of them have another true class in {ids[1]}.")
    st.caption(formatting.literal(" ".join(sentences)))
