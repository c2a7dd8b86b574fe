"""Handing a run's model to another program: the choice of a format, the making in the background, and what was found."""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboard.app import formatting
from dashboard.app.error_page import try_action
from engine.core.errors import UserError
from engine.core.jobs import JobStatus
from engine.export import job
from engine.export.formats import FORMATS
from engine.runs.run import Run, load_run

_POLL = 1.0  # seconds


def export_panel(chosen: Run) -> None:
    """The panel of a run's actions; it says why where there is no model yet.

    Part of the page, and no popover: its button would fall below the edge of a low window, where nothing scrolls to it.
    """
    with st.expander(
        "Export: the model as a file for other programs", icon=":material/ios_share:", key=f"hand-over-panel-{chosen.id}"
    ):
        if any((chosen.path / "checkpoints").glob("best-[0-9]*")):
            _dialog(chosen)
        else:
            st.markdown("There is no model yet: it is saved after the first epoch.")


def _dialog(chosen: Run) -> None:
    titles = {name: one.title for name, one in FORMATS.items()}
    format = st.selectbox("Format", list(FORMATS), format_func=titles.__getitem__, key=f"hand-over-{chosen.id}")
    st.caption(FORMATS[format].purpose)
    work = job.progress(chosen, format)
    # Looks again only while there is something to see.
    st.fragment(_state, run_every=_POLL if work.state == "working" else None)(chosen, format)


def _state(chosen: Run, format: str) -> None:
    work, result = job.progress(chosen, format), job.result(chosen, format)
    if work.state == "working":
        _working(chosen, format, work)
        return
    if st.session_state.pop(_waiting(chosen, format), False):
        # The page asked for this state every second: now it need not any more.
        st.rerun()
    if work.state == "failed":
        st.error(formatting.literal(f"{work.message} {work.hint}".strip()), icon=":material/error:")
    elif result:
        _found(chosen, format, result)
    again = bool(result) or work.state in ("failed", "stopped")
    if st.button(
        "Create again" if again else "Create file", key=f"make-{chosen.id}-{format}", type="secondary" if result else "primary"
    ) and try_action(job.start, chosen, format):
        st.session_state[_waiting(chosen, format)] = True
        st.rerun()


def _working(chosen: Run, format: str, work: JobStatus) -> None:
    st.session_state[_waiting(chosen, format)] = True
    share = min(work.done / work.total, 1.0) if work.total else 0.0
    left = f", {work.eta:.0f} s left" if work.eta else ""
    st.progress(share, f"{work.phase[:1].upper()}{work.phase[1:]}{left}")
    st.caption("It continues when this page is closed.")
    if st.button("Stop", icon=":material/stop:", key=f"stop-{chosen.id}-{format}"):
        job.stop(chosen, format)


def _found(chosen: Run, format: str, found: Mapping[str, Any]) -> None:
    st.link_button(
        f"Download, {found['bytes'] / 1e6:.1f} MB", file_url(chosen.id, format), icon=":material/download:", type="primary"
    )
    exact, shown = found["parity"], found["as_shown"]
    lines = [
        f"Checked on {exact['n']:,} {found['checked_on']}, next to the model in float32: the same first answer on {exact['same_top']:,}, "
        f"no probability further apart than {_apart(exact['largest'])}."
    ]
    if found["shown_in"] != "cpu-float32":
        lines.append(
            f"On these pages the model computes in {found['shown_in'].rpartition('-')[2]}, which is faster: there {shown['same_top']:,} of "
            f"{shown['n']:,} first answers are those of float32, and probabilities differ by up to {_apart(shown['largest'])}."
        )
    if extra := found.get("extra"):
        lost = extra["accuracy_lost"]
        lines += [
            f"Accuracy on {extra['images']:,} labelled images: {extra['accuracy_int8']:.1%} where float32 has {extra['accuracy_float32']:.1%}. "
            f"Lost: {100 * lost['value']:.1f} points (95%: {100 * lost['low']:.1f} to {100 * lost['high']:.1f}).",
            f"A picture takes {extra['ms_int8']:.0f} ms where float32 takes {extra['ms_float32']:.0f} ms, here and now.",
        ]
    for line in lines:
        st.caption(formatting.literal(line))


def _apart(difference: float) -> str:
    """A difference of probabilities as people write it: 0.000003 and not 3e-06."""
    return f"{difference:.6f}".rstrip("0").rstrip(".") if difference < 0.01 else f"{difference:.2f}"


def _waiting(chosen: Run, format: str) -> str:
    return f"handing-over-{chosen.id}-{format}"


def file_url(run_id: str, format: str) -> str:
    return f"/handed/{run_id}/{format}"


def _file(request: Request) -> Response:
    """A file that was made; its place comes from the run and the format, never from the address."""
    try:
        chosen, format = load_run(request.path_params["run"]), request.path_params["format"]
        file = job.exported_file(chosen, format)
        if job.result(chosen, format) is None:
            return PlainTextResponse("There is no such file: create it on the Runs page.", 404)
    except UserError as error:
        return PlainTextResponse(str(error), 404)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return FileResponse(file, filename=file.name, media_type="application/octet-stream", headers=headers)


ROUTES = [Route("/handed/{run}/{format}", _file, name="handed")]
