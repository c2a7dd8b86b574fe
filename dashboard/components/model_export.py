"""Export of a run's model: the choice of a format, the job in the background, and the result of its parity check."""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboard.app import formatting
from dashboard.app.error_page import try_and_rerun
from dashboard.components.job_panel import job_panel
from engine.core.errors import UserError
from engine.export import job
from engine.export.formats import FORMATS
from engine.runs.run import Run, load_run


def export_panel(run: Run) -> None:
    """Draw the panel; without a model yet, it says why.

    An expander, not a popover: in a low window the popover's button would be below the edge, where nothing scrolls to it.
    """
    with st.expander(
        "Export: the model as a file for other programs", icon=":material/ios_share:", key=f"hand-over-panel-{run.id}"
    ):
        if any((run.path / "checkpoints").glob("best-[0-9]*")):
            _draw_formats(run)
        else:
            st.markdown("There is no model yet: it is saved after the first epoch.")


def _draw_formats(run: Run) -> None:
    titles = {name: one.title for name, one in FORMATS.items()}
    format = st.selectbox("Format", list(FORMATS), format_func=titles.__getitem__, key=f"hand-over-{run.id}")
    st.caption(FORMATS[format].purpose)
    work = job.job(run.id, format)
    if job_panel(work, "The file could not be created.", label=""):
        st.caption("It continues when this page is closed.")
        return
    result = job.result(run, format)
    if result:
        _draw_result(run, format, result)
    label = "Create again" if result or work.status().state in ("failed", "stopped") else "Create file"
    if st.button(label, key=f"make-{run.id}-{format}", type="secondary" if result else "primary"):
        try_and_rerun(work.start)


def _draw_result(run: Run, format: str, result: Mapping[str, Any]) -> None:
    st.link_button(
        f"Download, {result['bytes'] / 1e6:.1f} MB", file_url(run.id, format), icon=":material/download:", type="primary"
    )
    exact, shown = result["parity"], result["as_shown"]
    lines = [
        f"Checked on {exact['n']:,} {result['checked_on']}, against the model in float32: the same top class on {exact['same_top']:,}, "
        f"probabilities differ by at most {_difference_text(exact['largest'])}."
    ]
    if result["shown_in"] != "cpu-float32":
        lines.append(
            f"On these pages the model computes in {result['shown_in'].rpartition('-')[2]}, which is faster: there {shown['same_top']:,} of "
            f"{shown['n']:,} top classes are those of float32, and probabilities differ by at most {_difference_text(shown['largest'])}."
        )
    if extra := result.get("extra"):
        loss = extra["accuracy_lost"]
        lines += [
            f"Accuracy on {extra['images']:,} labelled images: {extra['accuracy_int8']:.1%}, against {extra['accuracy_float32']:.1%} in float32. "
            f"Loss: {100 * loss['value']:.1f} points (95%: {100 * loss['low']:.1f} to {100 * loss['high']:.1f}).",
            f"One image takes {extra['ms_int8']:.0f} ms on this computer, against {extra['ms_float32']:.0f} ms in float32.",
        ]
    for line in lines:
        st.caption(formatting.literal(line))


def _difference_text(difference: float) -> str:
    """A difference of probabilities without an exponent: 0.000003 and not 3e-06."""
    return f"{difference:.6f}".rstrip("0").rstrip(".") if difference < 0.01 else f"{difference:.2f}"


def file_url(run_id: str, format: str) -> str:
    return f"/handed/{run_id}/{format}"


def _file(request: Request) -> Response:
    """An exported file. Its path comes from the run and the format, never from the address."""
    try:
        run, format = load_run(request.path_params["run"]), request.path_params["format"]
        file = job.exported_file(run, format)
        if job.result(run, format) is None:
            return PlainTextResponse("There is no such file: create it on the Runs page.", 404)
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return FileResponse(file, filename=file.name, media_type="application/octet-stream", headers=headers)


ROUTES = [Route("/handed/{run}/{format}", _file, name="handed")]
