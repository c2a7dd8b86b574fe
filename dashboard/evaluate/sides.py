"""What stands on the matrix's two axes: the truth, this run, or another run that was scored on the same images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cached, url, words
from dashboard.evaluate.scored import Scored, of_run
from dashboard.matrix import Axes
from dashboard.widgets import popover
from engine.errors import UserError
from engine.evaluation.crossing import Crossing
from engine.runs import Run, runs

TRUTH, THIS = "truth", "this"


@dataclass(frozen=True)
class Crossed:
    """The matrix that is looked at: `crossing`, the run whose answers the pictures tell, and what to call the axes.

    `rows_of`: (n,) positions in `scored.predictions` of the crossing's images. `other`: the other run and the positions in its
    table, where two runs are compared.
    """

    crossing: Crossing
    matrix: np.ndarray
    scored: Scored
    rows_of: np.ndarray
    axes: Axes
    key: str
    other: tuple[Scored, np.ndarray] | None = None

    def images(self, mask: np.ndarray) -> pd.DataFrame:
        """The rows of the prediction table that fall into the cells of (classes, classes) `mask`."""
        inside = mask[self.crossing.rows, self.crossing.columns]
        return self.scored.predictions.iloc[self.rows_of[inside]]


def choose_sides(scored: Scored) -> Crossed:
    """The two axes by two lists; where another run cannot be laid beside this one, a sentence, and truth against this run."""
    others = {
        run.id: run for run in runs(scored.run.config.dataset) if run.id != scored.run.id and run.has_predictions(scored.split)
    }
    labels = {TRUTH: "truth", THIS: f"this run, {scored.run.id}"} | {
        run_id: words.run_label(run) for run_id, run in others.items()
    }
    rows = url.choice_of(list(labels), "rows", TRUTH)
    rest = [side for side in labels if side != rows]
    columns = url.choice_of(rest, "columns", THIS)
    panel = popover(
        "Rows and columns", "sides-panel", icon=":material/compare_arrows:",
        help="Lay another run beside this one, or beside the truth",
    )  # fmt: skip
    if panel.open:
        with panel:
            url.choose(st.selectbox, "Rows", list(labels), "rows", TRUTH, format_func=labels.__getitem__)
            url.choose(st.selectbox, "Columns", rest, "columns", THIS, format_func=labels.__getitem__)
            if not others:
                st.caption(
                    f"A second run on {words.literal(scored.run.config.dataset)} that was scored on {scored.split} can stand here as well."
                )
    if (rows, columns) == (TRUTH, THIS):
        return crossed(scored, rows, columns, others)
    try:
        return crossed(scored, rows, columns, others)
    except UserError as error:
        st.warning(words.literal(f"{error} This run is shown against the truth instead."), icon=":material/compare_arrows:")
        return crossed(scored, TRUTH, THIS, others)


def crossed(scored: Scored, rows: str, columns: str, others: Mapping[str, Run]) -> Crossed:
    """Two sides on the images that both have. Raises UserError."""
    answers = [_answers(scored, side, others) for side in (rows, columns) if side != TRUTH]
    key = f"{scored.split}-{rows}-{columns}-{'-'.join(of.run.id for of in answers)}"
    if len(answers) == 1:
        (of,) = answers
        found, matrix = cached.crossed(of.run, of.run, scored.split, rows == TRUTH, columns == TRUTH)
        return Crossed(found, matrix, of, found.places, _AGAINST_TRUTH if rows == TRUTH else _TRUTH_ACROSS, key)
    found, matrix = cached.crossed(answers[0].run, answers[1].run, scored.split, False, False)
    names = [of.run.id for of in answers]
    axes = Axes(
        f"↓ {names[0]}", f"{names[1]} →", ("", f" by {names[0]}, ", f" by {names[1]}"), ("both say ", "", ""),
        (f"answers of {names[0]}", f"answers of {names[1]}"),
    )  # fmt: skip
    return Crossed(found, matrix, answers[0], found.places, axes, key, (answers[1], found.other_places))


_AGAINST_TRUTH = Axes("↓ true", "predicted →", ("", " taken for ", ""), ("", " recognised", ""), ("images of", "answers"))
_TRUTH_ACROSS = Axes("↓ predicted", "true →", ("", " answered, truly ", ""), ("", " recognised", ""), ("answers", "images of"))


def _answers(scored: Scored, side: str, others: Mapping[str, Run]) -> Scored:
    return scored if side == THIS else of_run(others[side], scored.split)


def tell(of: Crossed) -> None:
    """How many images the two have in common, and what only one of them knows."""
    found = of.crossing
    if of.other is None:
        return
    ids = of.scored.run.id, of.other[0].run.id
    said = [
        f"{len(found):,} images are in both: {found.sizes[0]:,} of {ids[0]}, {found.sizes[1]:,} of {ids[1]}, matched by content."
    ]
    for known, missing, only in ((*ids, found.only_rows), (*reversed(ids), found.only_columns)):
        if only:
            said.append(
                f"Only {known} knows {', '.join(map(words.plain, only[:5]))}{' and others' if len(only) > 5 else ''}; {missing} does not."
            )
    if found.relabelled:
        said.append(f"{found.relabelled:,} of them have another true class in {ids[1]}.")
    st.caption(words.literal(" ".join(said)))
