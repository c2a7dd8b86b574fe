"""Numbers, names and states as people read them; no Streamlit here, since the charts use it too."""

import re

from engine.core.text_output import plain as plain
from engine.runs import score_text
from engine.runs.run import FINISH, PAUSE, Run, Status

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")

STATE_LOOK = {
    "queued": ("gray", ":material/schedule:"),
    "preparing": ("blue", ":material/hourglass_top:"),
    "training": ("blue", ":material/model_training:"),
    "evaluating": ("blue", ":material/target:"),
    "finished": ("green", ":material/check_circle:"),
    "stopped": ("orange", ":material/stop_circle:"),
    "paused": ("orange", ":material/pause_circle:"),
    "waiting": ("orange", ":material/hard_drive:"),
    "failed": ("red", ":material/error:"),
    "interrupted": ("red", ":material/bolt:"),
}
TEST_LABELS = (
    "Correcting test labels only where a model doubts them can favour the model; "
    "the tab Effect of retraining also scores both runs on the original labels."
)
_REQUESTS = {"stop": "stopping", PAUSE: "pausing", FINISH: "finishing"}


def literal(name: str) -> str:
    """An untrusted name escaped for Markdown, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(name.split()))


def status_badge(status: Status) -> str:
    """A run's state as a coloured badge in Markdown."""
    colour, icon = STATE_LOOK[status.word]
    return f":{colour}-badge[{icon} {status.word}]"


def run_badge(run: Run) -> str:
    """A run's state as a badge, or the request (stop, pause, finish) that it has not acted on yet."""
    status, request = run.status, run.request
    if request not in _REQUESTS:
        return status_badge(status)
    batches = status.state == "training" and run.config.method == "finetune"
    return f":orange-badge[:material/hourglass_top: {_REQUESTS[request]}{' after this batch' if batches else ''}]"


def state_detail(status: Status) -> str:
    """What a run is doing, or was doing when it failed, as Markdown."""
    if status.state in ("failed", "interrupted") and status.detail:
        return f"during: {literal(status.detail)}"
    return literal(status.detail)


def run_label(run: Run) -> str:
    """How a run is listed: id, name, backbone, and its test score or its state."""
    results, name = run.results, run.metadata.name
    if "test" in results:
        outcome = f"F1 {results['test']['macro_f1']['value']:.3f}{score_text.scored_classes(results['test'])}"
    else:
        outcome = run.status.word
    return " · ".join([run.id, *filter(None, [name]), run.config.model, outcome])


def pixels(width: int | None, height: int | None) -> str:
    """`150 × 150 px`; empty where the size is not known."""
    return f"{width:,} × {height:,} px" if width and height else ""
