"""Two runs compared: whether they differ, in which classes, and the images that only one of them gets right."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.url_state import Parameter
from dashboard.charts.dot_plot import interval_dots
from dashboard.charts.figure import CONFIG
from dashboard.charts.palette import ACCENT, BAD, NEUTRAL, class_colours
from dashboard.components.scored_gallery import scored_gallery
from dashboard.components.scored_run import SPLITS, ScoredRun
from engine.core.address import Choice, Text
from engine.core.errors import UserError
from engine.data.drift import ALPHA
from engine.evaluation.comparison import BROKEN, DIFFERENT, FIXED, SAME, Comparison, Difference, verdict
from engine.runs import score_text
from engine.runs.data_changes import describe_change
from engine.runs.run import Run

_SCORES = {"recall": "recall", "f1": "F1"}
_AGAINST, _SECOND = Parameter("against", Text(), ""), Parameter("compare_b", Text(), "")
_SCORE = Parameter("compare_by", Choice(tuple(_SCORES)), "recall")
_CHANGE = Parameter("fate", Choice((FIXED, BROKEN, DIFFERENT, SAME)), FIXED)
_MAX_CLASSES = 30


def compare_with(run: Run, others: Sequence[Run]) -> None:
    """Draw a list of runs to compare this one with, kept in the URL, and the comparison with the chosen one."""
    labels = {"": "no other run"} | {
        other.id: formatting.run_label(other) for other in others if other.id != run.id and _splits(other)
    }
    if len(labels) < 2 or not _splits(run):
        return
    run_id = url_state.choose(st.selectbox, "Compare with", _AGAINST, list(labels), format_func=labels.__getitem__, width=420)
    if run_id:
        comparison_panel(next(other for other in others if other.id == run_id), run)


def compare_selected(selected: Sequence[Run], current: Run) -> None:
    """Let a person choose A and B among several runs and compare them. B is the page's run, if it is among them."""
    usable = sorted((run for run in selected if _splits(run)), key=lambda run: run.created)
    if len(usable) < 2:
        st.info("Two runs that have been scored can be compared image by image.", icon=":material/compare_arrows:")
        return
    ids = {run.id: run for run in usable}
    second = current.id if current.id in ids and current.id != usable[0].id else usable[-1].id
    if len(usable) == 2:
        a, b = usable
    else:
        labels = {run.id: formatting.run_label(run) for run in usable}
        left, right = st.columns(2)
        a = ids[
            url_state.choose(left.selectbox, "A: compare with", _AGAINST, list(ids), usable[0].id, format_func=labels.__getitem__)
        ]
        rest = [run_id for run_id in ids if run_id != a.id]
        b = ids[url_state.choose(right.selectbox, "B", _SECOND, rest, second, format_func=labels.__getitem__)]
    _AGAINST.write(a.id)
    comparison_panel(a, b)


def comparison_panel(a: Run, b: Run) -> None:
    """Draw the verdict first, then the differences by class, then the images."""
    common = [split for split in _splits(b) if split in _splits(a)]
    if not common:
        st.info(
            "The two runs have not been scored on the same split: only their scores can be compared.",
            icon=":material/call_split:",
        )
        return
    split = common[0]
    try:
        comparison, difference = cache.compare_runs(a, b, split)
    except UserError as error:
        st.error(f"{formatting.literal(error.message)} {formatting.literal(error.hint)}", icon=":material/error:")
        return
    names = (formatting.plain(a.title), formatting.plain(b.title)) if a.title != b.title else (a.id, b.id)
    st.markdown(f"**{formatting.literal(verdict(comparison, difference, names))}**")
    for note in _limits(a, b, comparison):
        st.caption(f":material/info: {formatting.literal(formatting.plain(note))}")
    if difference is None:
        return
    _scores(difference, names, split, len(comparison))
    _by_class(difference, names)
    _images(comparison, ScoredRun(b, split, cache.scores(b, split), cache.predictions(b, split), class_colours(b.classes)), names)


def _splits(run: Run) -> list[str]:
    return [split for split in SPLITS if run.has_predictions(split)]


def _limits(a: Run, b: Run, comparison: Comparison) -> list[str]:
    """What limits the comparison: images that only one run has, and changes of the data between the runs."""
    change = describe_change(a, b)
    return [*comparison.notes, change] if change else list(comparison.notes)


def _scores(difference: Difference, names: tuple[str, str], split: str, n: int) -> None:
    over_classes = score_text.scored_classes(difference.to_dict())
    rows = [
        {
            f"{split}, {n:,} images": label, names[0]: f"{difference.a[key]:.3f}", names[1]: f"{difference.b[key]:.3f}",
            "difference": change.text(signed=True),
        }
        for key, label, change in (("accuracy", "accuracy", difference.accuracy), ("macro_f1", f"macro F1{over_classes}", difference.macro_f1))
    ]  # fmt: skip
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    st.caption(
        "95% intervals of the difference, paired: both runs on the same resampled images. The verdict's p value is McNemar's exact test. Neither "
        "includes the variation between training seeds."
    )


def _by_class(difference: Difference, names: tuple[str, str]) -> None:
    score = url_state.choose(st.segmented_control, "By class", _SCORE, format_func=_SCORES.__getitem__)
    table = difference.by_class[difference.by_class[score].notna()]
    largest = table.reindex(table[score].abs().sort_values(ascending=False, kind="stable").index).head(_MAX_CLASSES)
    rows = pd.DataFrame({
        "name": largest["class"].map(formatting.plain), "value": largest[score], "low": largest[f"{score}_low"], "high": largest[f"{score}_high"],
        "text": [f"fixed {fixed:,}, broken {broken:,}" for fixed, broken in zip(largest[FIXED], largest[BROKEN], strict=True)],
        "more": [
            f"{before:.3f} to {after:.3f}, {n:,} images"
            for before, after, n in zip(largest[f"{score}_a"], largest[f"{score}_b"], largest["n"], strict=True)
        ],
        "colour": [
            NEUTRAL if p >= ALPHA else ACCENT if value > 0 else BAD for p, value in zip(largest["p_holm"], largest[score], strict=True)
        ],
    })  # fmt: skip
    st.plotly_chart(interval_dots(rows, difference=True, longest=18), config=CONFIG, key="compare-classes")
    missing = len(difference.by_class) - len(table)
    left_out = f" {missing:,} {'class has' if missing == 1 else 'classes have'} no image in common." if missing else ""
    st.caption(
        f"{_SCORES[score].capitalize()} of {formatting.literal(names[1])} minus that of "
        f"{formatting.literal(names[0])}, each with its own 95% interval. "
        f"In colour: the class differs beyond chance (McNemar's exact test, Holm's correction over the classes).{left_out}"
    )


def _images(comparison: Comparison, scored: ScoredRun, names: tuple[str, str]) -> None:
    labels = {FIXED: "fixed", BROKEN: "broken", DIFFERENT: "both wrong, differently", SAME: "both wrong, alike"}
    fate = url_state.choose(
        st.segmented_control, "Images", _CHANGE, format_func=lambda one: f"{labels[one]}: {comparison.counts[one]:,}"
    )
    rows = comparison.with_fate(fate).sort_values(
        "confidence_b" if fate != FIXED else "confidence_a", ascending=False, kind="stable"
    )
    notes = {
        int(row["image_id_b"]): [
            f"{names[0]}: {row['answer_a']}, {row['confidence_a']:.0%}",
            f"{names[1]}: {row['answer_b']}, {row['confidence_b']:.0%}",
        ]
        for row in rows.to_dict("records")
    }
    scored_gallery(
        scored, scored.table.iloc[rows["row_b"]], "compared", scope=f"{names}-{fate}", empty="No image is among these.",
        notes=lambda row: notes[row.image_id],
    )  # fmt: skip
