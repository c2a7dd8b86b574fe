"""The effect of retraining: two runs of one configuration, before and after cleaning, on the same test images under both labels.

Where test labels were cleaned on a model's own suspicion, a score on them rises although nothing was learned: the goalposts moved.
So both runs are scored on the cleaned test labels and on the original ones of the folders, which separates the two effects. No
torch here: `engine.curation.fair_holdout` predicts the test images that a run has not scored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict, cast

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.estimate import Estimate, EstimateDocument
from engine.core.files import read_json
from engine.core.number_text import count_text, percent, points
from engine.data.datasets import Dataset
from engine.data.drift import ALPHA
from engine.data.labels import edits
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_state import LabelState, latest_decisions, resolve_states
from engine.data.predictions import Predictions, prediction_table, read_predictions, stack_probabilities
from engine.evaluation.comparison import Comparison, Difference, DifferenceDocument, compare, measure_difference, verdict
from engine.evaluation.metrics import bootstrap_mean
from engine.runs.run import Run, list_runs, load_run

FAIR_HOLDOUT = (
    "set-aside"  # the prediction table of test images that the run itself did not score, because they were excluded then
)
# In the directory of a run that was started to measure the effect of retraining. Old homes have it under this name.
MARKER_FILE = "proof.json"


Truth = Literal["cleaned", "original"]  # the column of `load_test_labels` that counts as true


@dataclass(frozen=True)
class PairedScores:
    """Both runs on the test images under one set of labels (`engine.evaluation.comparison`)."""

    comparison: Comparison
    difference: Difference

    def document(self, names: tuple[str, str]) -> "PairedScoresDocument":
        """The scores as a JSON object."""
        document = {
            "n": len(self.comparison), **self.comparison.counts, "mcnemar": self.comparison.mcnemar,
            **self.difference.to_dict(), "verdict": verdict(self.comparison, self.difference, names),
        }  # fmt: skip
        return cast(PairedScoresDocument, document)


# The numbers of images by what became of them have names with spaces.
_Fates = TypedDict(
    "_Fates", {"fixed": int, "broken": int, "both wrong, differently": int, "both wrong, alike": int, "both right": int}
)


class PairedScoresDocument(_Fates, DifferenceDocument):
    """`PairedScores` for programs: numbers of images, McNemar's p, both runs' scores and their difference."""

    n: int
    mcnemar: float
    verdict: str


class RetrainingEffectDocument(TypedDict):
    """A `RetrainingEffect` for programs."""

    before: str
    after: str
    labels: dict[str, str]
    cleaned: PairedScoresDocument
    original: PairedScoresDocument
    moved: EstimateDocument
    test_labels_changed: dict[str, int]
    changed_on_a_models_suspicion: int
    verdict: str


@dataclass(frozen=True)
class RetrainingEffect:
    """The runs `before` and `after` cleaning. `version`: of the labels that `after` was trained on.

    `cleaned`, `original`: both runs under both sets of test labels. `moved`: the accuracy that the run before gains by the new test
    labels alone. `changed`: numbers of test images by decision (relabelled, excluded); `suspected`: how many of them were decided
    on because a model doubted their label.
    """

    before: Run
    after: Run
    version: str
    cleaned: PairedScores
    original: PairedScores
    moved: Estimate
    changed: Mapping[str, int]
    suspected: int

    @property
    def goalposts_moved(self) -> bool:
        """Whether any test label was changed."""
        return sum(self.changed.values()) > 0

    def document(self) -> RetrainingEffectDocument:
        """The effect as a JSON object."""
        names = (self.before.id, self.after.id)
        return {
            "before": self.before.id, "after": self.after.id, "labels": {"before": self.before.labels, "after": self.version},
            "cleaned": self.cleaned.document(names), "original": self.original.document(names), "moved": self.moved.to_dict(),
            "test_labels_changed": dict(self.changed), "changed_on_a_models_suspicion": self.suspected,
            "verdict": conclusion(self),
        }  # fmt: skip


def list_retrainings(data: Dataset) -> list[tuple[Run, Run]]:
    """The pairs (before, after) whose second run `fair_holdout.retrain` started, newest first; without those whose first run is gone."""
    pairs = []
    for after in list_runs(data.name):
        marker = read_json(after.path / MARKER_FILE)
        if isinstance(marker, dict) and isinstance(marker.get("before"), str):
            try:
                pairs.append((load_run(marker["before"]), after))
            except UserError:
                continue
    return pairs


def load_test_labels(data: Dataset, version: str) -> pd.DataFrame:
    """One row per test image: columns id, path, raw, hash, original (the folder's class), cleaned (None: excluded), suspected.

    `cleaned`: the label at `version` of the label log. `suspected`: whether a finding of a model led to it. Raises UserError for a
    version that this log never had.
    """
    log = edits.open_log(data)
    position = log.position(version)
    if position is None:
        raise UserError(f"The labels of {data.name} have no version {version!r}.", "Import the log that the run was made with.")
    query = (
        "SELECT id, path, raw, hash, iif(edited IS NULL, class, filed) FROM images "
        "WHERE split = 'test' AND state IN ('ok', 'excluded') ORDER BY hash, path"
    )
    with data.catalog.reading() as connection:
        frame = pd.DataFrame(connection.execute(query).fetchall(), columns=["id", "path", "raw", "hash", "original"])
    cleaned, suspected = frame["original"].tolist(), [False] * len(frame)
    decisions = latest_decisions(log.entries[:position])
    states: dict[str, dict[str, LabelState]] = {}
    for row, (content, path) in enumerate(zip(frame["hash"], frame["path"], strict=True)):
        if content not in decisions:
            continue
        if content not in states:
            copies = [copy.path for copy in data.catalog.copies(content) if copy.state in ("ok", "excluded")]
            states[content] = resolve_states(decisions[content], copies)
        state = states[content].get(path)
        if state is not None:
            cleaned[row] = None if state.excluded else state.new_class or cleaned[row]
            suspected[row] = _is_suspicion(state.winner)
    return frame.assign(cleaned=cleaned, suspected=suspected)


def unscored_images(run: Run, labels: pd.DataFrame) -> pd.DataFrame:
    """The rows of `labels` that the run has no prediction for, because they were excluded when it was scored."""
    return labels[~labels["hash"].isin(_predictions(run)["content"])]


def measure_effect(before: Run, after: Run, data: Dataset) -> RetrainingEffect:
    """Both runs on the same test images, under the labels of the `after` run and under the original ones.

    Test images that a run has no prediction for (`unscored_images`) are left out. Raises UserError.
    """
    labels = load_test_labels(data, after.labels)
    differs = labels["cleaned"] != labels["original"]
    excluded = labels["cleaned"].isna()
    return RetrainingEffect(
        before=before,
        after=after,
        version=after.labels,
        cleaned=_compare_runs(before, after, labels, "cleaned"),
        original=_compare_runs(before, after, labels, "original"),
        moved=_measure_moved(before, labels),
        changed={"relabelled": len(labels[differs & ~excluded]), "excluded": len(labels[excluded])},
        suspected=len(labels[differs & labels["suspected"]]),
    )


def conclusion(effect: RetrainingEffect) -> str:
    """A few sentences on whether cleaning helped or only moved the goalposts."""
    new, old = effect.cleaned, effect.original
    outcome = _outcome(new, old)
    if not effect.goalposts_moved:
        return (
            f"{outcome} In version {effect.version} of the labels, with which both were scored, no test label was changed: "
            "the training alone differs."
        )
    start, end = old.difference.a["accuracy"], new.difference.b["accuracy"]
    by_labels = points(effect.moved.value)
    share = "make no difference" if by_labels == points(0.0) else f"make {by_labels}: that is moved goalposts"
    sentences = (
        f"{outcome} Of the {points(end - start)} points from {percent(start)} (before, original labels) to {percent(end)} "
        f"(after, cleaned labels), the new test labels alone {share}."
    )
    if effect.suspected:
        sentences += (
            f" {effect.suspected:,} of the changed test labels were doubted by a model first, which favours models of its kind."
        )
    return sentences


def _outcome(new: PairedScores, old: PairedScores) -> str:
    """Whether the second run is better, in a sentence. `new`, `old`: both runs under the cleaned and the original labels."""
    gain = new.difference.accuracy
    is_significant = new.comparison.mcnemar < ALPHA
    if is_significant and gain.value < 0:
        return "Cleaning did not help: the run on cleaned labels is worse, and not by chance on these images."
    if is_significant and gain.value > 0:
        if old.comparison.mcnemar < ALPHA and old.difference.accuracy.value < 0:
            return "Better on the cleaned test labels and worse on the original ones: the goalposts moved, and which labels are right decides."
        return "Cleaning helped: with the same test labels for both runs, the one on cleaned labels is better, and not by chance."
    return (
        f"No measurable difference on {count_text(len(new.comparison), 'test image')}: accuracy changes by "
        f"{gain.text('points', signed=True, named=True)}, and a difference within it cannot be told from chance."
    )


def _compare_runs(before: Run, after: Run, labels: pd.DataFrame, truth: Truth) -> PairedScores:
    comparison = compare(_labelled_predictions(before, labels, truth), _labelled_predictions(after, labels, truth))
    if not len(comparison):
        raise UserError("The two runs share no test images.", "Compare runs of one dataset.")
    return PairedScores(comparison, measure_difference(comparison))


def _labelled_predictions(run: Run, labels: pd.DataFrame, truth: Truth) -> Predictions:
    """The run's predictions for the test images under one set of labels; an image without a label there is left out."""
    index = {name: i for i, name in enumerate(run.classes)}
    rows = labels[labels[truth].isin(index)]
    probabilities = _predictions(run).set_index("content")["probabilities"]
    rows = rows[rows["hash"].isin(probabilities.index)]
    values = stack_probabilities(probabilities.loc[rows["hash"]], len(index))
    return Predictions(prediction_table(rows, rows[truth].map(index).to_numpy(np.int64), values), run.classes, run.id)


def _predictions(run: Run) -> pd.DataFrame:
    """The run's predictions for test images, also for those that it scored later: columns content, probabilities, one row per content."""
    splits = [split for split in ("test", FAIR_HOLDOUT) if run.has_predictions(split)]
    if "test" not in splits:
        raise UserError(f"The run {run.id} has no test score: it is {run.status.word}.", "A proof needs two finished runs.")
    frames = [read_predictions(run.path, split, ["content", "probabilities"]) for split in splits]
    return pd.concat(frames).drop_duplicates("content")


def _measure_moved(before: Run, labels: pd.DataFrame) -> Estimate:
    """Accuracy of one run on the cleaned labels minus that on the original ones.

    The interval is paired, over the images that have both labels; the value also counts those that were excluded.
    """
    new, old = (_labelled_predictions(before, labels, truth) for truth in ("cleaned", "original"))
    shift = float(new.right.mean() - old.right.mean())
    both = new.table.merge(old.table, on=["content", "path"], suffixes=("", "_old"))
    gains = (both["true"] == both["predicted"]).astype(float) - (both["true_old"] == both["predicted_old"]).astype(float)
    spread = bootstrap_mean(gains.to_numpy())
    return Estimate(shift, shift + spread.low - spread.value, shift + spread.high - spread.value)


def _is_suspicion(decision: Entry) -> bool:
    """Whether the decision answers a finding that a model's view of the image led to."""
    return decision.finding.startswith(("label_issue:", "outlier:"))
