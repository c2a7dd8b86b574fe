"""Short measurements before a training: how long it will take, and which learning rate suits it best."""

import streamlit as st

from dashboard import cache
from dashboard.app import formatting, train_options
from dashboard.app.polling import SECOND, poll
from dashboard.app.widgets import initial_value
from dashboard.charts import training_curves
from dashboard.components.job_panel import failure, job_panel, progress_row
from dashboard.components.live_chart import live_chart
from engine.core.errors import UserError
from engine.core.jobs import Job
from engine.core.number_text import duration
from engine.runs.config import Config
from engine.training import probes
from engine.training.probes import ProbeResult

_PHASES = {
    "load": "loading",
    "decode": "decoding",
    "embed": "embedding",
    "train": "training",
    "validate": "validating",
    "test": "scoring",
}


def time_estimate(config: Config) -> None:
    """Draw how long the training will take on this machine: at once where its speed is known, otherwise after a short measurement."""
    estimate = cache.estimate_time(config)
    if estimate:
        phases = [
            f"{_PHASES.get(phase['name'], phase['name'])} {duration(phase['seconds'])}"
            for phase in estimate["phases"]
            if phase["seconds"] >= 1
        ]
        st.markdown(
            f":material/timer: About **{duration(estimate['seconds'])}** on this machine: {', '.join(phases)}.",
            width="content",
        )
        return
    if job_panel(probes.job("estimate", config), "The time could not be estimated.", label=""):
        return
    estimate_help = "Measures this configuration on some of your images for a few seconds."
    if st.button("Estimate time", icon=":material/timer:", help=estimate_help):
        _start("estimate", config)


def learning_rate_finder(config: Config, base: str) -> None:
    """Draw the learning rate range test of this configuration: curve, suggestion, and a button that uses it in the form of `base`."""
    if config.method != "finetune":
        return
    probe = probes.job("lr-find", config)
    state = probe.status().state
    expanded = initial_value("lr-finder", state != "none")
    with st.expander("Find a learning rate", icon=":material/search_insights:", expanded=expanded, key="lr-finder"):
        poll(lambda: _finder(probe, config, base), lambda: probe.status().state != state, SECOND if state == "working" else None)


def _finder(probe: Job, config: Config, base: str) -> None:
    status, result = probe.status(), probes.read_result(probe)
    if status.state == "working":
        progress_row(probe, status, "")
    else:
        st.caption(
            "Trains about 90 steps with a rising learning rate and finds where the loss falls fastest. Takes seconds to minutes."
        )
        label = "Find a rate" if status.state == "none" and result is None else "Measure again"
        if st.button(label, icon=":material/search_insights:", key="lr-start"):
            _start("lr-find", config)
    if status.state == "failed":
        failure(probe, status)
    if result is not None:
        _finding(result, config, base)


def _finding(result: ProbeResult, config: Config, base: str) -> None:
    """Draw what the range test has found so far: the curve, and in the end the suggestion."""
    suggestion = result.get("suggestion")
    if points := result.get("points"):
        live_chart(training_curves.learning_rates(points, suggestion, config.peak_lr), "lr-curve", "Batch loss by learning rate")
    if reason := result.get("reason"):
        st.markdown(formatting.literal(reason))
    if suggestion:
        rate = float(f"{suggestion:.2g}")
        pressed = st.button(
            f"Use {rate:g}", type="primary", icon=":material/check:", key="lr-use", on_click=train_options.change, args=(base, "peak_lr", rate),
            disabled=rate == config.peak_lr,
        )  # fmt: skip
        if pressed:
            # The click reruns only this fragment, but the form has to show the rate.
            st.rerun()


def _start(kind: probes.Kind, config: Config) -> None:
    try:
        probes.start(kind, config)
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
    else:
        st.rerun()
