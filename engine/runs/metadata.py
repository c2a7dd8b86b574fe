"""The name, note and tags that people give a run: `about.json` in its directory. Its id never changes."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.core.file_cache import read_cached
from engine.core.files import read_json, write_json

NAME_LENGTH, NOTE_LENGTH, TAG_LENGTH, TAGS = 60, 4000, 24, 12


@dataclass(frozen=True)
class Metadata:
    """Untrusted text: to be shown as it is, never as markup. `name` is empty where the run is called by its id."""

    name: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()


def load_metadata(run_path: Path) -> Metadata:
    """The run's metadata; empty where the file is missing or damaged."""
    return read_cached(run_path, "about.json", _read)


def update_metadata(
    run_path: Path, name: str | None = None, note: str | None = None, tags: Iterable[str] | None = None
) -> Metadata:
    """Change some of the run's metadata; None leaves a value as it is. Raises UserError where a text is too long."""
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = _line("name", name, NAME_LENGTH)
    if note is not None:
        changes["note"] = _limited("note", note.strip(), NOTE_LENGTH)
    if tags is not None:
        changes["tags"] = tuple(dict.fromkeys(filter(None, (_line("tag", tag, TAG_LENGTH) for tag in tags))))
        if len(changes["tags"]) > TAGS:
            raise UserError(f"A run has at most {TAGS} tags.", "Remove one first.")
    if not run_path.is_dir():
        raise UserError(f"The run {run_path.name} no longer exists.", "It may be in the trash: python -m engine runs trash")
    changed = replace(load_metadata(run_path), **changes)
    write_json(run_path / "about.json", asdict(changed), make_folder=False)
    return changed


def _read(file: Path) -> Metadata:
    document = read_json(file, {})
    if not isinstance(document, dict):
        return Metadata()
    name, note, tags = (document.get(key) for key in ("name", "note", "tags"))
    # Cut and not refused: a run that was copied from elsewhere must be listed whatever its file says.
    return Metadata(
        name=" ".join(name.split())[:NAME_LENGTH] if isinstance(name, str) else "",
        note=note[:NOTE_LENGTH] if isinstance(note, str) else "",
        tags=tuple(tag[:TAG_LENGTH] for tag in tags if isinstance(tag, str))[:TAGS] if isinstance(tags, list) else (),
    )


def _line(field: str, text: str, length: int) -> str:
    return _limited(field, " ".join(text.split()), length)


def _limited(field: str, text: str, length: int) -> str:
    if len(text) > length:
        raise UserError(f"The {field} has {len(text)} characters.", f"At most {length} fit.")
    return text
