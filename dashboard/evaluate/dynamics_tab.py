"""The tab Training dynamics: when each validation image was learned: early, late, forgotten again or never; a click shows the images."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.parameters import LIKE, PRESET, VIEW
from dashboard.app.scroll import scroll_to_top
from dashboard.app.url_state import Parameter, page_parameter
from dashboard.app.widgets import bind_value
from dashboard.charts.dynamics import BINS, learning_map, map_cells, settled_bars
from dashboard.components.clickable_chart import clickable_chart
from dashboard.components.scored_gallery import PredictionRow, scored_gallery
from dashboard.components.scored_run import ScoredRun
from engine.core.address import Text
from engine.core.errors import UserError
from engine.evaluation.dynamics import STATES

_GROUP = Parameter("learnt", Text("[a-z]*(-[0-9]{1,4}){0,2}"), "")  # a state, `epoch-N` or `cell-C-R`
_PAGE = page_parameter("learnt_page")
_LABELS = {"never": "Never learned", "forgotten": "Forgotten", "late": "Learned late", "early": "Learned early"}


def dynamics_tab(scored: ScoredRun) -> None:
    summary = cache.dynamics_summary(scored.run)
    if summary is None or not len(summary):
        _no_story(scored)
        return
    validation = _on_validation(scored)
    if validation is None:
        return
    dynamics = cache.dynamics(scored.run)
    epochs = len(dynamics.predicted) if dynamics is not None else 0
    counts = summary["state"].value_counts()
    _summarise(summary, epochs)
    group = _choose(counts, epochs)
    left, right = st.columns([5, 7], gap="large")
    with left:
        clickable_chart(settled_bars(summary, epochs, group), "dynamics-bars", _pick_group, scrolls=False)
        clickable_chart(learning_map(summary, group), "dynamics-map", _pick_group, scrolls=False)
        st.caption(
            "Each square is a group of images, the larger the more. Those at the lower left were misclassified throughout, often because of "
            "wrong labels; for those at the right the predictions kept changing (Swayamdipta et al. 2020)."
        )
    with right:
        _gallery(validation, summary, group, epochs)


def _no_story(scored: ScoredRun) -> None:
    if scored.run.config.method == "linear":
        st.info(
            "This run fitted a linear head and has no epochs. "
            "Runs with the method finetune (presets balanced and best) record training dynamics.",
            icon=":material/timeline:",
        )
        if st.button("Train with the preset balanced", icon=":material/model_training:", key="dynamics-train"):
            PRESET.request("balanced")
            VIEW.request("new")
            LIKE.clear()
            scroll_to_top()
            st.switch_page("../../pages/train.py")
    else:
        st.info("This run recorded no predictions per epoch, or has not finished its first epoch.", icon=":material/timeline:")


def _on_validation(scored: ScoredRun) -> ScoredRun | None:
    """The run on the validation split, the only one with predictions per epoch; None where they cannot be read."""
    if scored.split == "validation":
        return scored
    try:
        document, predictions = cache.scores(scored.run, "validation"), cache.predictions(scored.run, "validation")
    except UserError as error:
        st.info(formatting.literal(str(error)), icon=":material/hourglass_empty:")
        return None
    return replace(scored, split="validation", document=document, predictions=predictions)


def _summarise(summary: pd.DataFrame, epochs: int) -> None:
    counts = summary["state"].value_counts()
    numbers = {state: counts.get(state, 0) for state in STATES}
    forgotten = (summary["forgettings"] > 0).sum()
    st.markdown(
        f"Of **{len(summary):,} validation images**, **{numbers['early']:,}** were learned by epoch {-(-epochs // 2)} of {epochs}, "
        f"**{numbers['late']:,}** later, **{numbers['forgotten']:,}** were recognised once and are wrong at the end, **{numbers['never']:,}** were "
        f"wrong in every epoch."
    )
    st.caption(
        f"{forgotten:,} images were recognised in one epoch and not in the next, at least once (Toneva et al. 2019). Training never sees these "
        "images; predictions per epoch are recorded for the validation split only."
    )


def _choose(counts: pd.Series, epochs: int) -> str:
    """The images to show: a state, `epoch-N` or `cell-C-R`, kept in the URL; the charts set it as well."""
    states = [state for state in _LABELS if counts.get(state, 0)]
    valid = {
        *states,
        *(f"epoch-{epoch}" for epoch in range(1, epochs + 1)),
        *(f"cell-{c}-{r}" for c in range(BINS) for r in range(BINS)),
    }
    group = _GROUP.read() if _GROUP.read() in valid else states[0]
    # The charts choose as well, so the pills show the address's choice, or none where that is not a state.
    labels = {state: f"{_LABELS[state]}: {int(counts[state]):,}" for state in states}
    binding = bind_value("dynamics-state", group if group in states else None, list(labels.values()))

    def store_choice(state: str | None) -> None:
        if state:
            _GROUP.request(state)

    st.pills(
        "Show", states, default=binding.initial, key=binding.key, on_change=binding.on_change(store_choice), label_visibility="collapsed",
        format_func=labels.__getitem__,
    )  # fmt: skip
    _GROUP.write(group)
    return group


def _pick_group(customdata: list) -> None:
    _GROUP.request(str(customdata[0]))


def _gallery(validation: ScoredRun, summary: pd.DataFrame, group: str, epochs: int) -> None:
    # Copies of a file share one history: with duplicates, the merge below would multiply their rows.
    selected = summary[_is_in_group(summary, group)].drop_duplicates("content")
    columns = ["content", "state", "settled", "forgettings", "confidence", "variability", "correctness"]
    # Renamed because the prediction table has a confidence of its own.
    dynamics = selected[columns].rename(columns={"confidence": "sure", "variability": "varied"})
    rows = validation.table.merge(dynamics, on="content").sort_values("sure", kind="stable")
    st.markdown(f"**{len(rows):,}** image{'' if len(rows) == 1 else 's'}: {_title(group)}, least certain first")

    def notes(row: PredictionRow) -> list[str]:
        return [f"recognised in {round(row.correctness * epochs)} of {epochs} epochs", f"true class {row.sure:.0%} on average"]

    scored_gallery(
        validation, rows, "learnt-pictures", scope=f"dynamics-{group}", page=_PAGE, notes=notes, empty="No image is here."
    )


def _is_in_group(summary: pd.DataFrame, group: str) -> pd.Series:
    if group in STATES:
        return summary["state"] == group
    kind, *numbers = group.split("-")
    if kind == "epoch":
        return summary["settled"] == int(numbers[0])
    cell = map_cells(summary)
    return (cell["column"] == int(numbers[0])) & (cell["row"] == int(numbers[1]))


def _title(group: str) -> str:
    if group in STATES:
        return STATES[group]
    kind, *numbers = group.split("-")
    if kind == "epoch":
        return f"recognised for good from epoch {numbers[0]} on"
    low = int(numbers[1]) / BINS
    return f"probability of the true class {low:.0%} to {low + 1 / BINS:.0%} on average, in this square of the map"
