"""Label logs that travel: export, and import into a log that has decisions of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import write_text
from engine.core.number_text import count_text
from engine.data.class_names import index_by_normalized_name, normalize_name
from engine.data.datasets import Dataset
from engine.data.labels import edits
from engine.data.labels.label_edit import DamagedEntryError, Entry, parse
from engine.data.labels.overview import list_conflicts

_MAX_BYTES = 1 << 28  # of a file to import


@dataclass(frozen=True)
class MergeResult:
    """What an import did: numbers of entries that were added, of entries that were `known` here already, of images that are
    `absent` from this dataset and of conflicts now; and one sentence per reason why something was left out."""

    added: int
    known: int
    absent: int
    conflicts: int
    left_out: tuple[str, ...]


def export_log(data: Dataset, file: Path) -> int:
    """Write the log to `file`, without its damaged lines, and return the number of entries."""
    entries = edits.open_log(data).entries
    write_text(file, _format_entries(entries), durable=True, make_folder=False)
    return len(entries)


def format_log(data: Dataset) -> str:
    """The log as text, one line per entry."""
    return _format_entries(edits.open_log(data).entries)


def _format_entries(entries: Sequence[Entry]) -> str:
    return "".join(f"{entry.line(i)}\n" for i, entry in enumerate(entries, 1))


def merge_file(data: Dataset, file: Path) -> MergeResult:
    """Add the entries of an exported log to the dataset's own; the same log twice changes nothing. Raises UserError."""
    return merge_content(data, file.name, _read_file(file))


def merge_content(data: Dataset, name: str, content: bytes) -> MergeResult:
    """`merge_file` for the content of a log that was uploaded as `name`."""
    entries, damaged = _parse_log(name, content)
    entries, foreign = _with_known_classes(data, entries)
    images = {entry.content for entry in entries if entry.is_decision}
    absent = sum(not data.catalog.copies(image) for image in images)
    if images and absent == len(images):
        raise UserError(
            f"None of the {len(images):,} images that {name} decides about is in {data.name}.",
            "The log belongs to another dataset: name that one with --dataset, or scan this one again.",
        )

    def make(present: Sequence[Entry]) -> list[Entry]:
        present_uids = {entry.uid for entry in present}
        fresh = list({entry.uid: entry for entry in entries if entry.uid not in present_uids}.values())
        if not present:
            # A log that comes to a dataset without one has moved there: its steps can still be undone one by one.
            return fresh
        # The mark keeps other people's steps out of undo and redo here (`engine.data.labels.undo`).
        return [replace(entry, batch=f"import:{entry.batch}") for entry in fresh]

    added = len(edits.open_log(data).append(make))
    return MergeResult(
        added=added, known=len(entries) - added, absent=absent, conflicts=len(list_conflicts(data)), left_out=(*damaged, *foreign)
    )


def _read_file(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise UserError(
                f"{file.name} has more than {_MAX_BYTES >> 20} MB: that is not a label log.", "Name the exported file."
            )
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{str(file)!r} cannot be read: {error.strerror}.", "Name the exported file.") from error


def _parse_log(name: str, content: bytes) -> tuple[list[Entry], list[str]]:
    """The entries of a log, and one sentence per damaged line. Raises UserError if all lines are damaged."""
    entries, damaged = [], []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            entries.append(parse(line))
        except DamagedEntryError as error:
            damaged.append(f"Line {number:,} of {name} was left out: {error}.")
    if damaged and not entries:
        raise UserError(
            f"{name} is not a label log: {damaged[0]}", "Export one with: python -m engine labels export --dataset N --out FILE"
        )
    return entries, damaged


def _with_known_classes(data: Dataset, entries: list[Entry]) -> tuple[list[Entry], list[str]]:
    """The entries without those that relabel to a class that the dataset does not have, and a sentence about these."""
    classes = index_by_normalized_name(edits.known_classes(data))
    foreign = [entry for entry in entries if entry.action == "relabel" and normalize_name(entry.new_class or "") not in classes]
    if not foreign:
        return entries, []
    names = ", ".join(sorted({repr(entry.new_class) for entry in foreign})[:5])
    sentence = f"{count_text(len(foreign), 'decision')} left out: {data.name} has no class {names}."
    foreign_uids = {entry.uid for entry in foreign}
    return [entry for entry in entries if entry.uid not in foreign_uids], [sentence]
