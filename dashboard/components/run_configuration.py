"""The configuration of a run: first the options that differ from the preset, then the others that have an effect."""

import pandas as pd
import streamlit as st

from dashboard.app import formatting
from engine.runs.config import Config, configure, fields
from engine.runs.inactive_fields import inactive_fields
from engine.runs.presets import PRESETS
from engine.runs.run import Run


def configuration_table(config: Config) -> pd.DataFrame:
    """Columns option, value, preset: a row per field that has an effect, those that differ from the preset first."""
    values, preset = config.to_dict(), _preset(config)
    inactive = inactive_fields(values)
    names = [name for name, field in fields().items() if field.metadata["group"] != "Data" and name not in inactive]
    rows = [{"option": name, "value": str(values[name]), "preset": str(preset[name])} for name in names]
    rows.sort(key=lambda row: row["value"] == row["preset"])  # stable: each part keeps the order of the form
    return pd.DataFrame(rows, columns=["option", "value", "preset"])


def configuration_line(run: Run) -> None:
    """Draw one line with the preset and the options that differ from it; always with model and image size, which say most."""
    config = run.config
    table = configuration_table(config)
    changed = table[table["value"] != table["preset"]]
    parts = [f"{name.replace('_', ' ')} {value} ({preset})" for name, value, preset in changed.itertuples(index=False)]
    changes = f"with {', '.join(parts)}" if parts else "unchanged"
    model = f"{config.model}, {config.image_size} px, {config.method}"
    epochs = f", {config.epochs} epochs" if config.method == "finetune" else ""
    st.caption(
        f":material/tune: Preset **{formatting.literal(config.preset)}** {formatting.literal(changes)}. {formatting.literal(model + epochs)}."
    )


def configuration_panel(run: Run) -> None:
    with st.expander("Configuration", icon=":material/tune:", key=f"configuration-{run.id}"):
        configuration_frame(run)


def configuration_frame(run: Run) -> None:
    table = configuration_table(run.config)
    # 35 px per row and for the header, 3 px of borders; a longer table scrolls in its place.
    st.dataframe(table, hide_index=True, width="stretch", height=min(35 * (len(table) + 1) + 3, 423))
    st.caption("Options without effect in this configuration are not listed.")


def _preset(config: Config) -> dict[str, object]:
    """The preset's values; the defaults for a preset of an older version that no longer exists."""
    preset = config.preset if config.preset in PRESETS else None
    return (configure(config.dataset, preset) if preset else Config()).to_dict()
