"""The proof: two runs of one configuration, before and after cleaning, on the same test images under both labels.

A score on labels that were cleaned by a model's own suspicion rises without anybody having learnt anything: the goalposts moved.
So both runs are scored on the cleaned test labels and on those that the folders say, and what moved the goalposts is told apart
from what was learnt. No torch here: what no run has answered is answered by `engine.curation.fair_holdout`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import read_json
from engine.core.number_text import count_text, percent, points, points_estimate
from engine.data.datasets import Dataset
from engine.data.drift import ALPHA
from engine.data.labels import edits
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_state import latest_decisions, resolve_states
from engine.data.predictions import prediction_table, read_predictions
from engine.evaluation.comparison import Comparison, Difference, compare, measure_difference, verdict
from engine.evaluation.metrics import Estimate, bootstrap_mean
from engine.runs.run import Run, list_runs, load_run

FAIR_HOLDOUT = "set-aside"  # the prediction table of test images that a run did not score, as they were excluded then
MARKER_FILE = "proof.json"  # in the directory of a run that was started for a proof


@dataclass(frozen=True)
class PairedScores:
    """Both runs on the test images under one set of labels: columns of `comparison` as `engine.evaluation.comparison` has them."""

    comparison: Comparison
    difference: Difference

    def document(self, names: tuple[str, str]) -> dict[str, Any]:
        return {
            "n": len(self.comparison), **self.comparison.counts, "mcnemar": self.comparison.mcnemar,
            **self.difference.to_dict(), "verdict": verdict(self.comparison, self.difference, names),
        }  # fmt: skip


@dataclass(frozen=True)
class RetrainingEffect:
    """`cleaned`, `original`: the runs under both labels. `moved`: the accuracy that the run before wins by the new labels alone.

    `changed`: test images by what was decided (relabelled, excluded); `suspected` of them because a model doubted their label.
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
    def goalposts(self) -> bool:
        return sum(self.changed.values()) > 0

    def document(self) -> dict[str, Any]:
        """The proof as one JSON document."""
        names = (self.before.id, self.after.id)
        return {
            "before": self.before.id, "after": self.after.id, "labels": {"before": self.before.labels, "after": self.version},
            "cleaned": self.cleaned.document(names), "original": self.original.document(names), "moved": self.moved.to_dict(),
            "test_labels_changed": dict(self.changed), "changed_on_a_models_suspicion": self.suspected,
            "verdict": conclusion(self),
        }  # fmt: skip


def list_retrainings(data: Dataset) -> list[tuple[Run, Run]]:
    """The pairs (before, after) whose second run was started for a proof, newest first; a run that is gone has none."""
    pairs = []
    for after in list_runs(data.name):
        said = read_json(after.path / MARKER_FILE)
        if isinstance(said, dict) and isinstance(said.get("before"), str):
            try:
                pairs.append((load_run(said["before"]), after))
            except UserError:
                continue
    return pairs


def load_test_labels(data: Dataset, version: str) -> pd.DataFrame:
    """The test images: columns id, path, raw, hash, original (the folder's class), cleaned (None: excluded), suspected.

    `cleaned` is what held at `version` of the label log. Raises UserError for a version that this log never had.
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
    decided = latest_decisions(log.entries[:position])
    for content, rows in frame[frame["hash"].isin(decided)].groupby("hash").groups.items():
        copies = [copy.path for copy in data.catalog.copies(content) if copy.state in ("ok", "excluded")]
        standing = resolve_states(decided[content], copies)
        for row in rows:
            if stands := standing.get(frame["path"][row]):
                cleaned[row] = None if stands.excluded else stands.new_class or cleaned[row]
                suspected[row] = _on_suspicion(stands.winner)
    return frame.assign(cleaned=cleaned, suspected=suspected)


def unscored_images(of: Run, labels: pd.DataFrame) -> pd.DataFrame:
    """The rows of `labels` that the run has never answered: excluded when it was scored, or excluded no more."""
    known = _answers(of)
    return labels[~labels["hash"].isin(known["content"])]


def measure_effect(before: Run, after: Run, data: Dataset) -> RetrainingEffect:
    """Both runs on the same test images, under the labels of the `after` run and under the original ones.

    Every test image must have been answered (`unanswered`), or it is left out. Raises UserError.
    """
    labels = load_test_labels(data, after.labels)
    sides = {truth: _side(before, after, labels, truth) for truth in ("cleaned", "original")}
    relabelled = (labels["cleaned"].notna() & (labels["cleaned"] != labels["original"])).sum()
    changed = {"relabelled": int(relabelled), "excluded": int(labels["cleaned"].isna().sum())}
    differs = labels["cleaned"] != labels["original"]
    return RetrainingEffect(
        before, after, after.labels, sides["cleaned"], sides["original"], _moved(before, labels), changed,
        int((differs & labels["suspected"]).sum()),
    )  # fmt: skip


def conclusion(proof: RetrainingEffect) -> str:
    """Did cleaning help, or only move the goalposts? In a few sentences."""
    new, old = proof.cleaned, proof.original
    better = new.comparison.mcnemar < ALPHA and new.difference.accuracy.value > 0
    worse = new.comparison.mcnemar < ALPHA and new.difference.accuracy.value < 0
    worse_before = old.comparison.mcnemar < ALPHA and old.difference.accuracy.value < 0
    if worse:
        said = "Cleaning did not help: the run on cleaned labels is worse, and not by chance on these images."
    elif better and worse_before:
        said = "Better on the cleaned test labels and worse on the original ones: the goalposts moved, and which labels are right decides."
    elif better:
        said = "Cleaning helped: with the same test labels for both runs, the one on cleaned labels is better, and not by chance."
    else:
        gain = new.difference.accuracy
        said = (
            f"No measurable difference on {count_text(len(new.comparison), 'test image')}: accuracy changes by "
            f"{points_estimate(gain.value, gain.low, gain.high)} points (95% interval), and a difference within it cannot be told from chance."
        )
    if not proof.goalposts:
        return f"{said} In version {proof.version} of the labels, with which both were scored, no test label was changed: the training alone differs."
    start, end = old.difference.a["accuracy"], new.difference.b["accuracy"]
    by_labels = points(proof.moved.value)
    share = "make no difference" if by_labels == points(0.0) else f"make {by_labels}: that is moved goalposts"
    moved = (
        f"Of the {points(end - start)} points from {percent(start)} (before, original labels) to {percent(end)} (after, cleaned labels), the "
        f"new test labels alone {share}."
    )
    by = (
        f" {proof.suspected:,} of the changed test labels were doubted by a model first, which favours models of its kind."
        if proof.suspected
        else ""
    )
    return f"{said} {moved}{by}"


def _side(before: Run, after: Run, labels: pd.DataFrame, truth: str) -> PairedScores:
    tables = [_under(of, labels, truth) for of in (before, after)]
    result = compare(*tables, before.classes, after.classes, (before.id, after.id))
    if not len(result):
        raise UserError("The two runs share no test images.", "Compare runs of one dataset.")
    return PairedScores(result, measure_difference(result))


def _under(of: Run, labels: pd.DataFrame, truth: str) -> pd.DataFrame:
    """The run's prediction table of the test images under one set of labels; `labels[truth]` None leaves an image out."""
    index = {name: i for i, name in enumerate(of.classes)}
    rows = labels[labels[truth].isin(index)]
    answers = _answers(of).set_index("content")["probabilities"]
    rows = rows[rows["hash"].isin(answers.index)]
    probabilities = np.stack(answers.loc[rows["hash"]].to_list()) if len(rows) else np.empty((0, len(index)), np.float32)
    return prediction_table(rows, rows[truth].map(index).to_numpy(np.int64), probabilities)


def _answers(of: Run) -> pd.DataFrame:
    """What the run has answered about test images: columns content, probabilities; one row a content."""
    splits = [split for split in ("test", FAIR_HOLDOUT) if of.has_predictions(split)]
    if "test" not in splits:
        raise UserError(f"The run {of.id} has no test score: it is {of.status.word}.", "A proof needs two finished runs.")
    frames = [read_predictions(of.path, split, ["content", "probabilities"]) for split in splits]
    return pd.concat(frames).drop_duplicates("content")


def _moved(before: Run, labels: pd.DataFrame) -> Estimate:
    """Accuracy on the cleaned labels less that on the original ones, of one run: over the images that stay, paired."""
    new, old = (_under(before, labels, truth) for truth in ("cleaned", "original"))
    shift = float((new["true"] == new["predicted"]).mean() - (old["true"] == old["predicted"]).mean())
    both = new.merge(old, on=["content", "path"], suffixes=("", "_old"))
    gains = (both["true"] == both["predicted"]).astype(float) - (both["true_old"] == both["predicted_old"]).astype(float)
    spread = bootstrap_mean(gains.to_numpy())
    return Estimate(shift, shift + spread.low - spread.value, shift + spread.high - spread.value)


def _on_suspicion(winner: Entry) -> bool:
    return winner.finding.startswith(("label_issue:", "outlier:"))
