"""What a person can do to a run from a page: pause, stop, resume, copy, describe, delete and undo."""

from collections.abc import Callable

import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.error_page import try_action, try_and_rerun
from dashboard.app.parameters import LIKE, RUN, VIEW
from dashboard.app.scroll import scroll_to_top
from dashboard.components import model_export
from engine.core.errors import UserError
from engine.runs import trash
from engine.runs.metadata import NAME_LENGTH, NOTE_LENGTH, update_metadata
from engine.runs.run import FINISH, PAUSE, Run, list_runs
from engine.training import launcher

_DELETED = "deleted-runs"  # ids that this session deleted, the last one at the end
_EFFECTS = {
    "stop": "saving and stopping", PAUSE: "saving and pausing", FINISH: "ending its training; the best epoch is scored next"
}  # fmt: skip


def state_row(run: Run) -> None:
    """Draw the run's state, or what was requested, beside the buttons that change it; below, why it failed."""
    status = run.status
    with st.container(horizontal=True, vertical_alignment="center", key=f"state-{run.id}"):
        st.markdown(
            f"{formatting.run_badge(run)} **{run.id}** {formatting.literal(run.metadata.name)} {_state_text(run)}",
            width="stretch",
        )
        control_buttons(run)
    if status.error:
        st.error(f"{formatting.literal(status.error)} {formatting.literal(status.hint)}", icon=":material/error:")


def _state_text(run: Run) -> str:
    status = run.status
    if status.state == "finished" and "test" in run.results:
        return ""  # the scores are in a sentence of their own
    if status.paused:
        history = cache.history(run)
        if len(history.epochs):
            return f"after epoch {len(history.epochs):,} of {run.config.epochs:,}"
        return f"during epoch 1 of {run.config.epochs:,}" if len(history.steps) else ""
    return formatting.state_detail(status)


def control_buttons(run: Run) -> None:
    """Draw Pause and Stop while the run is active, Resume where it ended early, and Finish now.

    A request takes effect after the current batch, sometimes many seconds later; until then the buttons are disabled.
    """
    status = run.status
    if status.active:
        _request_button(
            run, "Pause", ":material/pause:", launcher.pause, "Finish the batch, save and pause. Resume continues from there."
        )
        _request_button(run, "Stop", ":material/stop:", launcher.stop, "Finish the batch, save and end. The run can be resumed.")
    elif status.state != "finished":
        from_start = status.state == "failed" and not any((run.path / "checkpoints").glob("last-*"))
        if st.button(
            "Try again" if from_start else "Resume",
            icon=":material/play_arrow:",
            key=f"resume-{run.id}",
            type="primary" if status.paused else "secondary",
            help="Start again: nothing was saved before it failed." if from_start else "Continue from the last checkpoint.",
        ):
            try_and_rerun(launcher.resume, run)
    if launcher.can_finish(run) or run.request == FINISH:
        _request_button(
            run, "Finish now", ":material/flag:", launcher.finish,
            "End the training now and score the best epoch so far on validation and test.",
        )  # fmt: skip


def _request_button(run: Run, label: str, icon: str, action: Callable[[Run], None], help: str) -> None:
    # In a callback: the request is written before anything is drawn, so badge and buttons show it in the same rerun.
    st.button(
        label, icon=icon, key=f"{label.split()[0].lower()}-{run.id}", help=help, disabled=bool(run.request),
        on_click=_request, args=(run, action),
    )  # fmt: skip


def _request(run: Run, action: Callable[[Run], None]) -> None:
    if run.request:
        return  # a second click before the first one was drawn
    was_active = run.status.active
    if try_action(action, run) and was_active:
        st.toast(f"{run.id} is {_EFFECTS[run.request or 'stop']}.", icon=":material/hourglass_top:")


def more_buttons(run: Run) -> None:
    """Draw Duplicate and Delete."""
    if st.button(
        "Duplicate",
        icon=":material/content_copy:",
        key=f"copy-{run.id}",
        help="Open the training form with this run's options.",
    ):
        LIKE.request(run.id)
        VIEW.request("new")
        scroll_to_top()
        st.switch_page("../../pages/train.py")
    if not run.status.active and st.button(
        "Delete",
        icon=":material/delete:",
        key=f"delete-{run.id}",
        help=f"Move to the trash, from where it can be restored for {trash.DAYS:g} days.",
    ):
        delete([run])


def more_panels(run: Run) -> None:
    """Draw the panels for export, name and notes."""
    model_export.export_panel(run)
    with st.expander("Name and notes", icon=":material/edit_note:", key=f"describe-panel-{run.id}"):
        _description_form(run)


def run_description(run: Run) -> None:
    """Draw the run's name, tags and note as literal text."""
    about = run.metadata
    tags = " ".join(f":gray-badge[{formatting.literal(tag)}]" for tag in about.tags)
    name = f"**{formatting.literal(about.name)}**" if about.name else ""
    if name or tags:
        st.markdown(f"{name} {tags}")
    if about.note:
        # Plain text: a note may hold anything, and its lines are its own.
        st.text(about.note)


def delete(runs: list[Run]) -> None:
    """Delete runs and redraw the page, with Undo at the top; say why where one cannot be deleted."""
    try:
        for run in runs:
            trash.delete(run)
            st.session_state.setdefault(_DELETED, []).append(run.id)
    except UserError as error:
        st.toast(formatting.literal(str(error)), icon=":material/error:")
        return
    RUN.clear()
    st.rerun()


def deletion_notice() -> None:
    """Draw what this session deleted, until it is undone or dismissed. Place it near the top of a page."""
    deleted = st.session_state.get(_DELETED, [])
    if not deleted:
        return
    names = ", ".join(f"**{formatting.literal(run_id)}**" for run_id in deleted[-3:])
    more = f" and {len(deleted) - 3} more" if len(deleted) > 3 else ""
    with st.container(horizontal=True, vertical_alignment="center", key="deletion-notice"):
        st.markdown(f":material/delete: Deleted {names}{more}.", width="content")
        if st.button("Undo", icon=":material/undo:", key="undo-deletion"):
            _undo(deleted)
        if st.button("Dismiss", key="dismiss-deletion", type="tertiary"):
            st.session_state[_DELETED] = []
            st.rerun()


def _undo(deleted: list[str]) -> None:
    try:
        for run_id in list(deleted):
            trash.restore(run_id)
            deleted.remove(run_id)
            RUN.request(run_id)
    except UserError as error:
        deleted.clear()
        st.toast(formatting.literal(str(error)), icon=":material/error:")
    else:
        st.rerun()


def _description_form(run: Run) -> None:
    about = run.metadata
    all_tags = sorted({tag for other in list_runs(run.config.dataset) for tag in other.metadata.tags} | set(about.tags))
    with st.form(f"describe-{run.id}", border=False):
        name = st.text_input(
            "Name", about.name, max_chars=NAME_LENGTH, placeholder=run.id, help="The run's id stays as it is; links contain it."
        )
        tags = st.multiselect(
            "Tags", all_tags, list(about.tags), accept_new_options=True, placeholder="Choose, or type a new one and press Enter"
        )
        note = st.text_area("Note", about.note, max_chars=NOTE_LENGTH, placeholder="What was tried, and the result")
        if not st.form_submit_button("Save", type="primary"):
            return
    try:
        update_metadata(run.path, name=name, tags=tags, note=note)
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
    else:
        st.rerun()
