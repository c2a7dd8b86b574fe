"""A run's evaluation as a file to take away: the report, the model card, or everything with its tables."""

import streamlit as st

from dashboard.app import formatting
from engine.core.errors import UserError
from engine.export.report import file_name, render
from engine.runs.run import Run

_KINDS = {".html": "Report", ".md": "Model card", ".zip": "Everything"}
_HELP = {
    ".html": "One page without scripts, pictures inside: scores with intervals, matrix, calibration, slices, worst mistakes, configuration.",
    ".md": "What users of the model should know, in Markdown.",
    ".zip": "The report, the model card, and the tables as CSV and Parquet.",
}
_MIME = {".html": "text/html", ".md": "text/markdown", ".zip": "application/zip"}
_MADE = "report-made"  # of the dialog that is open: run, split, kind, content


def report_button(run: Run, split: str, key: str = "report") -> None:
    """A button that opens the dialog."""
    if st.button("Report", icon=":material/description:", key=key, help="A file to keep or to send: scores, errors, protocol."):
        st.session_state.pop(_MADE, None)
        _dialog(run, split)


@st.dialog("Export report")
def _dialog(run: Run, split: str) -> None:
    kind = st.segmented_control(
        "What",
        list(_KINDS),
        default=".html",
        key="report-kind",
        format_func=_KINDS.__getitem__,
        label_visibility="collapsed",
        required=True,
    )
    st.caption(_HELP[kind])
    place = st.empty()
    made = st.session_state.get(_MADE)
    if made is None or made[:3] != (run.id, split, kind):
        if not place.button("Make it", icon=":material/play_arrow:", type="primary", key="report-make", width="stretch"):
            return
        made = _make(run, split, kind, place)
        if made is None:
            return
    content = made[3]
    place.download_button(
        f"Download ({len(content) / 1e6:.1f} MB)" if len(content) >= 1e5 else f"Download ({len(content) / 1e3:.0f} KB)", content,
        file_name(run.id, split, kind), _MIME[kind], key="report-download", icon=":material/download:", type="primary", on_click="ignore",
        width="stretch",
    )  # fmt: skip


def _make(run: Run, split: str, kind: str, place: "st.delta_generator.DeltaGenerator") -> tuple | None:
    bar = place.progress(0.0, text="Collecting figures")

    def tell(done: int, total: int) -> None:
        bar.progress(done / total, text="Collecting figures" if done < 3 else "Collecting images")

    try:
        made = (run.id, split, kind, render(run, kind, split, tell))
    except UserError as error:
        place.error(f"{formatting.literal(error.message)} {formatting.literal(error.hint)}", icon=":material/error:")
        return None
    st.session_state[_MADE] = made
    return made
