"""A run's evaluation as a file: the report, the model card, or both with all tables."""

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.app import formatting
from engine.core.errors import UserError
from engine.core.progress import Progress
from engine.export.report import file_name, render
from engine.runs.run import Run

_KINDS = {".html": "Report", ".md": "Model card", ".zip": "Everything"}
_HELP = {
    ".html": "One page without scripts, images included: scores with intervals, matrix, calibration, slices, worst mistakes, configuration.",
    ".md": "What users of the model should know, in Markdown.",
    ".zip": "The report, the model card, and the tables as CSV and Parquet.",
}
_MIME = {".html": "text/html", ".md": "text/markdown", ".zip": "application/zip"}
_REPORT = "report-made"  # session: the last ReportFile


@dataclass(frozen=True)
class ReportFile:
    run_id: str
    split: str
    kind: str
    content: bytes


def report_button(run: Run, split: str, key: str = "report") -> None:
    """Draw a button that opens the dialog."""
    if st.button("Report", icon=":material/description:", key=key, help="A file to keep or send: scores, errors, protocol."):
        st.session_state.pop(_REPORT, None)
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
    report: ReportFile | None = st.session_state.get(_REPORT)
    if report is None or (report.run_id, report.split, report.kind) != (run.id, split, kind):
        if not place.button("Create file", icon=":material/play_arrow:", type="primary", key="report-make", width="stretch"):
            return
        report = _create_report(run, split, kind, place)
        if report is None:
            return
    size = len(report.content)
    place.download_button(
        f"Download ({size / 1e6:.1f} MB)" if size >= 1e5 else f"Download ({size / 1e3:.0f} KB)", report.content,
        file_name(run.id, split, kind), _MIME[kind], key="report-download", icon=":material/download:", type="primary", on_click="ignore",
        width="stretch",
    )  # fmt: skip


def _create_report(run: Run, split: str, kind: str, place: DeltaGenerator) -> ReportFile | None:
    """The report, also kept in the session; None with a message at `place` where it cannot be made."""
    bar = place.progress(0.0, text="Collecting figures")

    def show_progress(progress: Progress) -> None:
        bar.progress(progress.share, text=progress.phase.capitalize())

    try:
        report = ReportFile(run.id, split, kind, render(run, kind, split, show_progress))
    except UserError as error:
        place.error(f"{formatting.literal(error.message)} {formatting.literal(error.hint)}", icon=":material/error:")
        return None
    st.session_state[_REPORT] = report
    return report
