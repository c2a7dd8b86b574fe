"""The tab Trust and calibration: conclusions in sentences, then the evidence for each."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.url_state import Parameter
from dashboard.charts import reliability
from dashboard.charts.dot_plot import interval_dots, score_intervals
from dashboard.charts.figure import CONFIG
from dashboard.components.clickable_chart import clickable_chart
from dashboard.components.scored_gallery import scored_gallery, sort_rows
from dashboard.components.scored_run import ScoredRun
from dashboard.evaluate.near_copies import near_copies
from engine.core.address import Choice, Text
from engine.core.errors import UserError
from engine.data.datasets import load_dataset
from engine.evaluation import calibration, conformal, roc, selective, trust
from engine.evaluation.defaults import COVERAGE
from engine.evaluation.metrics import per_class_intervals
from engine.evaluation.near_copies import NearCopies
from engine.evaluation.trust import QUESTIONS, TARGETS, Evidence

_LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
_LEVEL = Parameter("level", Choice(_LEVELS), 0.9)
_TARGET = Parameter("target", Choice(tuple(TARGETS)), 0.0)
_COVERAGE = Parameter("coverage", Choice((0.8, 0.9, 0.95, 0.98, 0.99)), COVERAGE)
_METHOD = Parameter("sets_of", Choice(tuple(conformal.METHODS)), conformal.LAC)
_BINS = Parameter("bins", Choice(("width", "images")), "width")
_CURVE = Parameter("curve_of", Text(), "")
_MAX_CLASSES = 24  # whose areas under the curves are shown at once; of more, one at a time
_NO_VALIDATION = (
    "The threshold is chosen on validation and measured on test: choose the test split of a run that was scored on both."
)


def trust_tab(scored: ScoredRun) -> None:
    try:
        evidence = cache.evidence(scored.run, scored.split)
    except UserError as error:
        st.error(f"{formatting.literal(error.message)} {formatting.literal(error.hint)}", icon=":material/error:")
        return
    near = _near(scored)
    target, coverage, method = _read_choices(evidence)
    sentences = trust.sentences(evidence, trust.read_protocol(evidence), near, target, evidence.sets(coverage, method))
    for key, text in sentences.items():
        question, sentence = st.columns([3, 9], gap="xsmall")
        question.markdown(f"**{QUESTIONS[key]}**")
        sentence.markdown(formatting.literal(text))
    st.subheader("Look closer", anchor=False)
    topic = url_state.choose(st.segmented_control, "Look closer", _TOPIC, label_visibility="collapsed")
    _CLOSER[topic](scored, evidence, near)


def _near(scored: ScoredRun) -> NearCopies | None:
    """Copies of training images among the scored ones; None where the dataset is gone and they cannot be checked."""
    try:
        return cache.near_copies(scored.run, scored.split, load_dataset(scored.run.config.dataset))
    except UserError as error:
        st.caption(f":material/info: {formatting.literal(str(error))} Copies of training images were not checked.")
        return None


def _read_choices(evidence: Evidence) -> tuple[float, float, str]:
    """The target accuracy, the coverage and the method that are chosen below: the sentences above speak of the same."""
    return _TARGET.read() or evidence.target, _COVERAGE.read(), _METHOD.read()


def _calibration(scored: ScoredRun, evidence: Evidence, near: NearCopies | None) -> None:
    right, left = st.columns([7, 5], gap="large")
    equal = url_state.choose(
        left.segmented_control, "Bins", _BINS, format_func={"width": "equal width", "images": "equal numbers"}.__getitem__
    ) == "images"  # fmt: skip
    before = calibration.remove_temperature(evidence.predictions.probabilities.astype(np.float64), evidence.temperature).max(
        axis=1
    )
    diagrams = [
        calibration.reliability(confidence, evidence.right, equal_mass=equal) for confidence in (evidence.confidence, before)
    ]
    right.plotly_chart(reliability.reliability_diagram(*diagrams), config=CONFIG, key="reliability")
    figures = pd.DataFrame({name: figures.to_dict() for name, figures in evidence.calibration.items()})[["before", "after"]]
    shown = {
        "confidence": "mean confidence", "accuracy": "accuracy", "ece": "ECE, equal width", "ece_mass": "ECE, equal numbers",
        "chance": "ECE by chance, up to", "brier": "Brier score", "loss": "cross-entropy",
    }  # fmt: skip
    left.dataframe(figures.loc[list(shown)].rename(index=shown).astype(float).round(4), width="stretch")
    left.caption(
        f"The temperature {evidence.temperature:.2f} was chosen on validation to minimise cross-entropy; hollow dots: before it. "
        f"Bars are 95% intervals (Wilson); bins of fewer than {reliability.FEW} images are small dots without a line. "
        "ECE by chance: what 95% of perfectly calibrated models with these confidences stay below."
    )


def _confident_errors(scored: ScoredRun, evidence: Evidence, near: NearCopies | None) -> None:
    errors = calibration.confident_errors(evidence.predictions, _LEVELS)
    level = url_state.choose(st.segmented_control, "Minimum confidence", _LEVEL, format_func="{:.0%}".format)
    rows = errors.rename(columns={"rate": "value"}).assign(
        name=[f"confidence {value:.0%} or more" for value in errors["level"]],
        text=[f"{wrong:,} of {n:,} wrong" for wrong, n in zip(errors["wrong"], errors["n"], strict=True)],
    )
    st.plotly_chart(interval_dots(rows), config=CONFIG, key="sure-chart")
    wrong = evidence.predictions.table[~evidence.right & (evidence.confidence >= level)]
    st.markdown(f"**{len(wrong):,}** error{'' if len(wrong) == 1 else 's'} with a confidence of {level:.0%} or more")
    scored_gallery(
        scored, sort_rows(wrong, "confidence"), "sure", scope=f"sure-{level}", empty="There are no errors at this confidence."
    )


def _selective_prediction(scored: ScoredRun, evidence: Evidence, near: NearCopies | None) -> None:
    if evidence.validation is None:
        st.info(_NO_VALIDATION, icon=":material/call_split:")
        return
    target = url_state.choose(
        st.segmented_control, "Target accuracy", _TARGET, default=evidence.target, format_func="{:.1%}".format
    )
    curves = {scored.split: selective.risk_coverage(evidence.confidence, evidence.right)}
    curves["validation"] = selective.risk_coverage(evidence.validation.confidence, evidence.validation.right)
    score = evidence.selective_score(target)
    point = (score.coverage, score.accuracy.value) if score and score.answered else None
    st.plotly_chart(reliability.accuracy_by_coverage(curves, point, target), config=CONFIG, key="coverage-chart")
    area, best = (
        selective.aurc(evidence.confidence, evidence.right),
        selective.best_aurc(1 - float(evidence.right.mean()), len(evidence.right)),
    )
    st.caption(
        f"Area under the risk-coverage curve {area:.4f}: the error rate averaged over all coverages; {best:.4f} "
        f"if every error had a lower confidence "
        f"than every correct prediction, {1 - evidence.right.mean():.4f} if confidence carried no information. "
        "The dot is the threshold chosen on validation."
    )
    if score is not None:
        referred = evidence.predictions.table[evidence.confidence < score.threshold]
        st.markdown(f"**{len(referred):,}** images referred to a person, least certain first")
        scored_gallery(scored, referred.sort_values("confidence", kind="stable"), "person", scope=f"person-{target}", size="S")


def _conformal_sets(scored: ScoredRun, evidence: Evidence, near: NearCopies | None) -> None:
    if evidence.validation is None:
        st.info(_NO_VALIDATION, icon=":material/call_split:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        coverage = url_state.choose(st.segmented_control, "Coverage", _COVERAGE, format_func="{:.0%}".format)
        method = url_state.choose(st.segmented_control, "Thresholds", _METHOD, format_func=conformal.METHODS.__getitem__)
    sets = evidence.sets(coverage, method)
    if sets is None:  # as where there are no validation predictions
        return
    left, right = st.columns([6, 6], gap="large")
    left.markdown("**Set sizes**")
    left.plotly_chart(reliability.set_sizes(sets.sizes()), config=CONFIG, key="set-sizes")
    if sets.expected:
        left.caption(
            f"Two samples of {sets.calibrated_on:,} validation and {len(sets.true):,} {scored.split} images from one source have a coverage between "
            f"{sets.expected[0]:.1%} and {sets.expected[1]:.1%} in 95 of 100 cases. The checkpoint and the temperature were chosen on the same "
            "validation images, so the coverage may be slightly lower."
        )
    by_class = sets.by_class(scored.classes)
    by_class = by_class[by_class["n"] > 0]
    rows = by_class.rename(columns={"class": "name", "coverage": "value"}).assign(
        text=[f"{size:.2f} classes, n={n:,}" for size, n in zip(by_class["size"], by_class["n"], strict=True)],
        colour=[scored.colours[name] for name in by_class["class"]],
    )
    right.markdown("**Coverage by class**")
    with right:
        clickable_chart(interval_dots(rows.drop(columns="size"), line=coverage, longest=18), "set-classes")
    st.markdown("**Images with the largest sets**")
    size = sets.sets.sum(axis=1)
    order = np.lexsort((evidence.confidence, -size))  # by the last key first: size, then confidence
    rows = evidence.predictions.table.iloc[order[size[order] > 1]]
    names = {
        int(image): " or ".join(np.array(scored.classes, object)[row])
        for image, row in zip(evidence.predictions.ids, sets.sets, strict=True)
    }
    scored_gallery(scored, rows, "sets", scope=f"sets-{coverage}-{method}", size="S", empty="Every set is a single class.",
             notes=lambda row: [names[row.image_id]])  # fmt: skip


def _classes(scored: ScoredRun, evidence: Evidence, near: NearCopies | None) -> None:
    table = per_class_intervals(scored.confusion, scored.classes)
    clickable_chart(score_intervals(table, [scored.colours[name] for name in table["class"]]), "class-intervals")
    st.caption(
        "95% intervals: Wilson's for precision and recall, a bootstrap over images for F1. A class without images has no interval."
    )


def _curves(scored: ScoredRun, evidence: Evidence, near: NearCopies | None) -> None:
    # A curve needs at least one image of the class.
    present = [name for index, name in enumerate(scored.classes) if (evidence.predictions.true == index).any()]
    name = url_state.choose(st.selectbox, "Class", _CURVE, present, format_func=formatting.plain)
    index = scored.classes.index(name)
    positive = evidence.predictions.true == index
    points = roc.thin_curve(roc.roc_curve(evidence.predictions.probabilities[:, index].astype(np.float64), positive))
    figure = reliability.roc_and_precision_recall(points, name, float(positive.mean()), scored.colours[name])
    st.plotly_chart(figure, config=CONFIG, key="curves")
    shown = present if len(present) <= _MAX_CLASSES else [name]
    areas = cache.roc_areas(scored.run, scored.split, tuple(shown))
    for column, key, title in zip(
        st.columns(2, gap="large"), ("auc", "ap"), ("Area under the ROC curve", "Average precision"), strict=True
    ):
        rows = pd.DataFrame({
            "name": areas["class"], "value": areas[key], "low": areas[f"{key}_low"], "high": areas[f"{key}_high"],
            "text": [f"{value:.3f}, n={n:,}" if value == value else "undefined" for value, n in zip(areas[key], areas["n"], strict=True)],
            "colour": [scored.colours[one] for one in areas["class"]],
        })  # fmt: skip
        column.markdown(f"**{title}**")
        column.plotly_chart(interval_dots(rows, longest=18, right=104, percent=False), config=CONFIG, key=f"areas-{key}")
    st.caption(
        "Each class against all others, by its probability; intervals by a bootstrap over images. Dotted: what chance would give."
    )


_CLOSER: dict[str, Callable[[ScoredRun, Evidence, NearCopies | None], None]] = {
    "Calibration": _calibration,
    "Confident errors": _confident_errors,
    "Selective prediction": _selective_prediction,
    "Conformal sets": _conformal_sets,
    "Class by class": _classes,
    "ROC and precision": _curves,
    "Near-copies": near_copies,
}
_TOPIC = Parameter("closer", Choice(tuple(_CLOSER)), "Calibration")
