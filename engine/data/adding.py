"""Adding a dataset in the background: a process of its own, whose progress stands in a file."""

import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.data import datasets
from engine.errors import UserError
from engine.files import read_json, write_json
from engine.home import PROJECT, data_dir
from engine.lease import Lease

_INTERVAL = 0.2  # seconds between two updates of the file
_GRACE = 15.0  # seconds that an interpreter may need to start


@dataclass(frozen=True)
class Adding:
    """A dataset on its way in, or one whose way ended badly. `state`: adding, failed."""

    name: str
    source: str
    state: str = "adding"
    done: int = 0
    total: int = 0
    message: str = ""
    hint: str = ""
    updated: float = 0.0


def start(source: str, name: str | None = None) -> str:
    """Add the dataset in a process of its own; its name. Raises UserError for what can be told at once."""
    name = datasets.check_source(source, name)
    if datasets.is_being_added(name):
        return name
    _write(Adding(name, source))
    subprocess.Popen(
        [sys.executable, "-m", "engine.data.adding", source, name],
        cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env=dict(os.environ),
    )  # fmt: skip
    return name


def pending() -> list[Adding]:
    """Datasets that are being added, and those that could not be, until they are dismissed."""
    found = [read_json(file) for file in sorted(_folder().glob("*.json"))]
    return [_judged(Adding(**document)) for document in found if isinstance(document, dict)]


def dismiss(name: str) -> None:
    _file(name).unlink(missing_ok=True)


def _judged(adding: Adding) -> Adding:
    if adding.state == "adding" and not datasets.is_being_added(adding.name) and time.time() - adding.updated > _GRACE:
        return Adding(
            adding.name, adding.source, "failed", message="The process that read the images has ended.", hint="Add it again."
        )
    return adding


def main(source: str, name: str) -> int:
    lease = Lease(datasets.lease(name))
    if not lease.acquire():
        return 0
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > _INTERVAL:
            last = time.monotonic()
            _write(Adding(name, source, done=done, total=total))

    try:
        datasets.add(source, name, progress)
        dismiss(name)
    except UserError as error:
        _write(Adding(name, source, "failed", message=error.message, hint=error.hint))
        return 2
    except Exception as error:
        _write(Adding(name, source, "failed", message=f"Unexpected {type(error).__name__}: {error}"))
        raise
    finally:
        lease.release()
        datasets.lease(name).unlink(missing_ok=True)
    return 0


def _folder() -> Path:
    return data_dir() / ".adding"


def _file(name: str) -> Path:
    return _folder() / f"{name}.json"


def _write(adding: Adding) -> None:
    write_json(_file(adding.name), asdict(adding) | {"updated": time.time()})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
