"""Label logs that travel: export, and import into a log that has decisions of its own."""

from dataclasses import dataclass, replace
from pathlib import Path

from engine.core.errors import UserError
from engine.core.files import write_text
from engine.data.class_names import index_by_normalized_name, normalize_name
from engine.data.datasets import Dataset
from engine.data.labels import edits
from engine.data.labels.label_edit import Damaged, Entry, parse
from engine.data.labels.overview import conflicts

_LARGEST = 1 << 28  # bytes of a file to import


@dataclass(frozen=True)
class Merged:
    """What an import did: entries that came in, entries that were here already, and a sentence for what was left out."""

    added: int
    known: int
    absent: int
    conflicts: int
    left_out: tuple[str, ...]


def export(data: Dataset, file: Path) -> int:
    """Write the log to `file`; its entries. What was damaged here does not travel."""
    entries = edits.log(data).entries
    write_text(file, export_text(data), durable=True, make_folder=False)
    return len(entries)


def export_text(data: Dataset) -> str:
    """The log as text: a line an entry."""
    return "".join(f"{entry.line(i)}\n" for i, entry in enumerate(edits.log(data).entries, 1))


def merge(data: Dataset, file: Path) -> Merged:
    """Take the entries of an exported log in; the same log twice changes nothing. Raises UserError."""
    return merge_content(data, file.name, _content(file))


def merge_content(data: Dataset, name: str, content: bytes) -> Merged:
    """The same for a log that is no file here; `name` is what it is called."""
    entries, left_out = _read(name, content)
    entries, unknown = _with_known_classes(data, entries)
    images = {entry.content for entry in entries if entry.decides}
    absent = sum(not data.catalog.copies(content) for content in images)
    if images and absent == len(images):
        raise UserError(
            f"None of the {len(images):,} images that {name} decides about is in {data.name}.",
            "The log is of another dataset: name that one with --dataset, or scan this one again.",
        )
    known = 0

    def make(here: tuple[Entry, ...]) -> list[Entry]:
        nonlocal known
        had = {entry.uid for entry in here}
        fresh = list({entry.uid: entry for entry in entries if entry.uid not in had}.values())
        known = len(entries) - len(fresh)
        # A log that comes to an empty place has moved there, and its steps can still be undone one by one.
        return [replace(entry, batch=f"import:{entry.batch}") for entry in fresh] if here else fresh

    added = len(edits.log(data).append(make))
    return Merged(added, known, absent, len(conflicts(data)), (*left_out, *unknown))


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > _LARGEST:
            raise UserError(f"{file.name} has more than {_LARGEST >> 20} MB: that is not a label log.", "Name the exported file.")
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{str(file)!r} cannot be read: {error.strerror}.", "Name the exported file.") from error


def _read(name: str, content: bytes) -> tuple[list[Entry], list[str]]:
    """The entries of a log, and a sentence for each line that is none. Raises UserError where nothing in it is one."""
    entries, damaged = [], []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            entries.append(parse(line))
        except Damaged as error:
            damaged.append(f"Line {number:,} of {name} was left out: {error}.")
    if damaged and not entries:
        raise UserError(
            f"{name} is not a label log: {damaged[0]}", "Export one with: python -m engine labels export --dataset N --out FILE"
        )
    return entries, damaged


def _with_known_classes(data: Dataset, entries: list[Entry]) -> tuple[list[Entry], list[str]]:
    classes = index_by_normalized_name(edits.known_classes(data))
    foreign = [entry for entry in entries if entry.action == "relabel" and normalize_name(entry.to) not in classes]
    if not foreign:
        return entries, []
    names = ", ".join(sorted({repr(entry.to) for entry in foreign})[:5])
    sentence = f"{len(foreign):,} decisions were left out: {data.name} has no class {names}."
    without = {entry.uid for entry in foreign}
    return [entry for entry in entries if entry.uid not in without], [sentence]
