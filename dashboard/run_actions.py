"""What a person can do to a run from a page: pause, stop, resume, copy, describe, delete and undo."""

import streamlit as st

from dashboard import hand_over, url, words
from dashboard.failure import attempt
from engine import launcher, runs, trash
from engine.about import NAME_LENGTH, NOTE_LENGTH, describe
from engine.errors import UserError
from engine.runs import Run

_DELETED = "deleted-runs"  # ids that this session deleted, the last one at the end


def control_buttons(run: Run) -> None:
    """Pause and stop while it runs; go on where it ended early; take what it has learnt so far."""
    status = run.status
    if status.active:
        if st.button(
            "Pause",
            icon=":material/pause:",
            key=f"pause-{run.id}",
            help="Finish the batch, save, wait. Resume goes on from there.",
        ):
            attempt(launcher.pause, run)
        if st.button(
            "Stop", icon=":material/stop:", key=f"stop-{run.id}", help="Finish the batch, save, end. It can be resumed."
        ):
            attempt(launcher.stop, run)
    elif status.state != "finished" and st.button(
        "Resume",
        icon=":material/play_arrow:",
        key=f"resume-{run.id}",
        type="primary" if status.paused else "secondary",
        help="Go on from the last checkpoint.",
    ):
        attempt(launcher.resume, run)
    if launcher.can_finish(run) and st.button(
        "Finish now",
        icon=":material/flag:",
        key=f"finish-{run.id}",
        help="End the training here, and score the best epoch so far on validation and test.",
    ):
        attempt(launcher.finish, run)


def more_buttons(run: Run) -> None:
    """Copy, hand over, describe, delete."""
    if st.button(
        "Duplicate",
        icon=":material/content_copy:",
        key=f"copy-{run.id}",
        help="The form with this run's options, to change some.",
    ):
        url.set_choice("like", run.id)
        url.set_choice("show", "new")
        st.switch_page("../pages/train.py")
    hand_over.button(run)
    with st.popover("Name and notes", icon=":material/edit_note:"):
        _describe(run)
    if not run.status.active and st.button(
        "Delete",
        icon=":material/delete:",
        key=f"delete-{run.id}",
        help=f"Into the trash: it can be undone for {trash.DAYS:g} days.",
    ):
        delete([run])


def said_about(run: Run) -> None:
    """The run's name, tags and note, letter by letter."""
    about = run.about
    tags = " ".join(f":gray-badge[{words.literal(tag)}]" for tag in about.tags)
    name = f"**{words.literal(about.name)}**" if about.name else ""
    if name or tags:
        st.markdown(f"{name} {tags}")
    if about.note:
        # Plain text: a note may hold anything, and its lines are its own.
        st.text(about.note)


def delete(condemned: list[Run]) -> None:
    """Delete runs and draw the page again, with the way back on top; where one cannot be deleted, say why."""
    try:
        for run in condemned:
            trash.delete(run)
            st.session_state.setdefault(_DELETED, []).append(run.id)
    except UserError as error:
        st.toast(words.literal(str(error)), icon=":material/error:")
        return
    url.forget("run")
    st.rerun()


def deletion_notice() -> None:
    """What this session deleted, until it is undone or dismissed. Place it near the top of a page."""
    gone = st.session_state.get(_DELETED, [])
    if not gone:
        return
    names = ", ".join(f"**{words.literal(run_id)}**" for run_id in gone[-3:])
    more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
    with st.container(horizontal=True, vertical_alignment="center", key="deletion-notice"):
        st.markdown(f":material/delete: Deleted {names}{more}.", width="content")
        if st.button("Undo", icon=":material/undo:", key="undo-deletion"):
            _undo(gone)
        if st.button("Dismiss", key="dismiss-deletion", type="tertiary"):
            st.session_state[_DELETED] = []
            st.rerun()


def _undo(gone: list[str]) -> None:
    try:
        for run_id in list(gone):
            trash.restore(run_id)
            gone.remove(run_id)
            url.set_choice("run", run_id)
    except UserError as error:
        gone.clear()
        st.toast(words.literal(str(error)), icon=":material/error:")
    else:
        st.rerun()


def _describe(run: Run) -> None:
    about = run.about
    known = sorted({tag for other in runs.runs(run.config.dataset) for tag in other.about.tags} | set(about.tags))
    with st.form(f"describe-{run.id}", border=False):
        name = st.text_input(
            "Name", about.name, max_chars=NAME_LENGTH, placeholder=run.id, help="The id stays; it is in the address."
        )
        tags = st.multiselect(
            "Tags", known, list(about.tags), accept_new_options=True, placeholder="Choose, or type a new one and press Enter"
        )
        note = st.text_area("Note", about.note, max_chars=NOTE_LENGTH, placeholder="What was tried, and what came of it")
        if not st.form_submit_button("Save", type="primary"):
            return
    try:
        describe(run.path, name=name, tags=tags, note=note)
    except UserError as error:
        st.error(words.literal(str(error)), icon=":material/error:")
    else:
        st.rerun()
