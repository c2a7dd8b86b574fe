"""Short measurements before a training: how long it will take, and which learning rate suits it best."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import cache
from dashboard.app import formatting, train_options
from dashboard.app.widgets import initial_value
from dashboard.charts import training_curves
from dashboard.components.live_chart import live_chart
from engine.core.errors import UserError
from engine.core.number_text import duration
from engine.runs.config import Config
from engine.training import probes

_POLL = 0.7  # seconds
_LOADING = "loading the model and some images, which takes a few seconds"
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
    probe = probes.read("estimate", probes.probe_id("estimate", config))
    if probe and probe["state"] == "running":
        _poll_estimate(config)
        return
    estimate_help = "Measures this configuration on some of your images for a few seconds."
    if st.button("Estimate time", icon=":material/timer:", help=estimate_help):
        _start("estimate", config)
    if probe and probe["state"] == "failed":
        st.markdown(f":material/error: {formatting.literal(probe['error'])} {formatting.literal(probe['hint'])}", width="content")


def _poll_estimate(config: Config) -> None:
    @st.fragment(run_every=_POLL)
    def measuring() -> None:
        now = probes.read("estimate", probes.probe_id("estimate", config))
        if not now or now["state"] != "running":
            st.rerun()
        st.progress(min(now["progress"], 1.0), text=f"Measuring: {formatting.literal(now.get('detail') or _LOADING)}")

    measuring()


def learning_rate_finder(config: Config, base: str) -> None:
    """Draw the learning rate range test of this configuration: curve, suggestion, and a button that uses it in the form of `base`."""
    if config.method != "finetune":
        return
    name = probes.probe_id("lr-find", config)
    known = probes.read("lr-find", name)
    running = bool(known and known["state"] == "running")
    expanded = initial_value("lr-finder", bool(known))
    with st.expander("Find a learning rate", icon=":material/search_insights:", expanded=expanded, key="lr-finder"):

        @st.fragment(run_every=_POLL if running else None)
        def panel() -> None:
            now = probes.read("lr-find", name)
            if running and (not now or now["state"] != "running"):
                st.rerun()
            _finder(now, name, config, base)

        panel()


def _finder(now: Mapping[str, Any] | None, name: str, config: Config, base: str) -> None:
    if now and now["state"] == "running":
        st.progress(min(now["progress"], 1.0), text=formatting.literal(now.get("detail") or _LOADING))
        if st.button("Cancel", key="lr-cancel"):
            probes.cancel("lr-find", name)
    else:
        st.caption(
            "Trains about 90 steps with a rising learning rate and finds where the loss falls fastest. Takes seconds to minutes."
        )
        if st.button("Measure again" if now else "Find a rate", icon=":material/search_insights:", key="lr-start"):
            _start("lr-find", config)
    if now:
        _finding(now, config, base)


def _finding(now: Mapping[str, Any], config: Config, base: str) -> None:
    """Draw what the range test found so far: the curve, and in the end the suggestion or the error."""
    if now["state"] == "failed":
        st.error(f"{formatting.literal(now['error'])} {formatting.literal(now['hint'])}", icon=":material/error:")
    if now.get("points"):
        figure = training_curves.learning_rates(now["points"], now.get("suggestion"), config.peak_lr)
        live_chart(figure, "lr-curve", "Batch loss by learning rate")
    if now["state"] == "finished":
        st.markdown(formatting.literal(now["reason"]))
        if now["suggestion"]:
            rate = float(f"{now['suggestion']:.2g}")
            pressed = st.button(
                f"Use {rate:g}", type="primary", icon=":material/check:", key="lr-use", on_click=train_options.change,
                args=(base, "peak_lr", rate),
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
