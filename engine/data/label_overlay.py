"""Applies the label log to the catalog: `class`, `split` and `state` of a row include the label edits, `filed` keeps the folder's class.

Opening the catalog applies new entries of the log first (`catch_up`), so a decision only has to append to the log. A scan removes
the overlay (`lift`), compares the rows with the files, and applies it again (`lay`).
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from engine.core.file_stamp import FileStamp, file_stamp
from engine.data.class_names import index_by_normalized_name, normalize_name
from engine.data.fingerprint import clear_fingerprint, quarantine_unlearnable, renew_generation, restore_unlearnable
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_log import EMPTY, LabelLog
from engine.data.labels.label_state import LabelState, latest_decisions, resolve_states

Edit = Literal["relabelled", "excluded", "kept", "unsure"]

EDITS: tuple[Edit, ...] = ("relabelled", "excluded", "kept", "unsure")
_EDIT_OF_ACTION: dict[str, Edit] = {"relabel": "relabelled", "exclude": "excluded", "keep": "kept", "unsure": "unsure"}
_LIFT = """
UPDATE images SET class = filed, filed = NULL, edited = NULL, reason = CASE WHEN state = 'excluded' THEN '' ELSE reason END,
    split = CASE WHEN given = 'unlabelled' THEN given ELSE split END, state = CASE WHEN state = 'excluded' THEN 'ok' ELSE state END
WHERE edited IS NOT NULL
"""
_ROWS = "SELECT id, path, class, given, split FROM images WHERE hash = ? AND state = 'ok'"
_SET = "UPDATE images SET class = ?, split = ?, state = ?, reason = ?, filed = ?, edited = ? WHERE id = ?"

_seen: dict[Path, FileStamp | None] = {}  # by catalog: the log's stamp that its rows are known to reflect


class _File(NamedTuple):
    id: int
    path: str
    folder_class: str | None
    layout_split: str | None
    split: str | None


def label_log(catalog: Path) -> LabelLog:
    """The label log beside a catalog file."""
    return LabelLog(catalog.with_name("labels.jsonl"))


def is_behind(connection: sqlite3.Connection, catalog: Path) -> bool:
    """Whether the log has entries that the rows do not reflect yet. Costs one stat call where the log has not changed."""
    log = label_log(catalog)
    stamp = file_stamp(log.file)
    if catalog in _seen and _seen[catalog] == stamp:
        return False
    if applied_version(connection) != log.version():
        return True
    _seen[catalog] = stamp
    return False


def catch_up(connection: sqlite3.Connection, catalog: Path) -> None:
    """Apply new entries of the log to the catalog, in a transaction of its own."""
    if not is_behind(connection, catalog):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _apply_new(connection, label_log(catalog))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def applied_version(connection: sqlite3.Connection) -> str:
    """The version of the log that the rows reflect."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'labels'").fetchone()
    return row[0] if row else EMPTY


def lift(connection: sqlite3.Connection) -> None:
    """Remove the overlay: every row shows what its file and folder say."""
    connection.execute(_LIFT)


def lay(connection: sqlite3.Connection, log: LabelLog) -> None:
    """Apply the whole log to the rows; call `lift` first."""
    entries = log.entries
    _lay(connection, entries, log.version(len(entries)))


def _apply_new(connection: sqlite3.Connection, log: LabelLog) -> None:
    entries = log.entries  # entries that are appended from here on are applied next time
    position = log.position(applied_version(connection))
    if position is None:  # the rows reflect another log (merged or restored)
        lift(connection)
    contents = _affected_contents(entries, position) if position is not None else None
    _lay(connection, entries, log.version(len(entries)), contents)
    clear_fingerprint(connection)
    renew_generation(connection)


def _lay(connection: sqlite3.Connection, entries: Sequence[Entry], version: str, contents: Iterable[str] | None = None) -> None:
    """Apply the entries to all rows, or only to those of the `contents`."""
    decisions = latest_decisions(entries)
    # First, because the edits apply to rows in the state ok, and decide which classes have training images.
    restore_unlearnable(connection)
    spellings = index_by_normalized_name(classes(connection))
    for content in decisions if contents is None else contents:
        connection.execute(f"{_LIFT} AND hash = ?", (content,))
        _lay_one(
            connection, [_File(*row) for row in connection.execute(_ROWS, (content,))], decisions.get(content, ()), spellings
        )
    quarantine_unlearnable(connection)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('labels', ?)", (version,))


def _affected_contents(entries: Sequence[Entry], position: int) -> set[str]:
    """The contents that the entries from `position` on affect, directly or by reversing earlier entries."""
    by_uid = {entry.uid: entry for entry in entries}
    pending, result, visited = list(entries[position:]), set(), set()
    while pending:
        entry = pending.pop()
        if entry.uid in visited:
            continue
        visited.add(entry.uid)
        if entry.is_decision:
            result.add(entry.content)
        pending += [by_uid[uid] for uid in entry.undoes if uid in by_uid]
    return result


def _lay_one(
    connection: sqlite3.Connection, files: list[_File], decisions: Sequence[Entry], spellings: Mapping[str, str]
) -> None:
    states: Mapping[str, LabelState] = resolve_states(decisions, [file.path for file in files])
    for file in files:
        if state := states.get(file.path):
            connection.execute(_SET, (*_effective_values(file, state, spellings), file.id))


def _effective_values(file: _File, state: LabelState, spellings: Mapping[str, str]) -> tuple:
    """The parameters of `_SET`: class, split, state, reason, filed, edited."""
    name, split = state.new_class, file.split
    # A class that the dataset had when the decision was made, and has no longer: it cannot be trained or scored.
    if name is not None and normalize_name(name) not in spellings:
        return file.folder_class, split, "ok", "", file.folder_class, "unsure"
    if state.excluded:
        return file.folder_class, split, "excluded", f"excluded by {state.winner.author}", file.folder_class, "excluded"
    name = None if name is None else spellings[normalize_name(name)]
    if name is not None and file.layout_split == "unlabelled":
        split = "train"
    return name or file.folder_class, split, "ok", "", file.folder_class, _EDIT_OF_ACTION[state.winner.action]


def classes(connection: sqlite3.Connection) -> set[str]:
    """The classes of the dataset's folders: the possible labels."""
    query = (
        "SELECT class FROM images WHERE state = 'ok' AND class IS NOT NULL UNION "
        "SELECT filed FROM images WHERE edited IS NOT NULL AND filed IS NOT NULL"
    )
    return {row[0] for row in connection.execute(query)}
