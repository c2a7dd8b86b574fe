"""Adds a dataset in a background process that writes its progress to a file."""

import contextlib
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from engine.core.children import start_module
from engine.core.errors import DiskError, UserError
from engine.core.files import create_folder, overwrite_json, read_json, remove, write_json
from engine.core.lease import Lease
from engine.core.paths import data_dir
from engine.core.progress import Progress
from engine.data import analysis, datasets

_INTERVAL = 0.2  # seconds between two updates of the status file


@dataclass(frozen=True)
class PendingDataset:
    """A dataset that is being added, or that could not be added."""

    name: str
    source: str
    state: Literal["adding", "failed"] = "adding"
    done: int = 0
    total: int = 0
    message: str = ""
    hint: str = ""
    updated: float = 0.0


def start(source: str, name: str | None = None) -> str:
    """Add the dataset in a new process and return its name. Raises UserError for problems that show without reading images."""
    name = datasets.check_source(source, name)
    lease = Lease(_prepare_lease(name))
    if lease.take():
        try:
            _write(PendingDataset(name, source))
            _spawn(source, name, lease)
        finally:
            lease.hand_over()
    return name


def _prepare_lease(name: str) -> Path:
    """The lease's path, in a folder that exists."""
    create_folder(datasets.lease_file(name).parent)
    return datasets.lease_file(name)


def _spawn(source: str, name: str, lease: Lease) -> None:
    """Start the process with the lease: it holds the lock from its first moment."""
    if lease.descriptor is None:
        raise ValueError("the lease is not held")
    start_module(["engine.data.add_job", source, name, str(lease.descriptor)], descriptor=lease.descriptor)


def list_pending() -> list[PendingDataset]:
    """Datasets that are being added, and those that failed and were not dismissed."""
    entries = [_current_state(file) for file in sorted(_folder().glob("*.json"))]
    return [entry for entry in entries if entry is not None]


def dismiss(name: str) -> None:
    """Remove the entry of a dataset that was added or that failed."""
    remove(_file(name))


def _current_state(file: Path) -> PendingDataset | None:
    """The file's entry, as failed where its process was killed; None where it has finished in the meantime."""
    while (entry := _read(file)) and entry.state == "adding" and not datasets.is_being_added(entry.name):
        # Read again: between the two checks the process may have finished and removed the file.
        if _read(file) == entry:
            message = "The process that read the images was killed."
            hint = "Add it again: it continues with the files that were not read yet."
            return PendingDataset(entry.name, entry.source, "failed", message=message, hint=hint)
    return entry


def _read(file: Path) -> PendingDataset | None:
    document = read_json(file)
    try:
        return PendingDataset(**document) if isinstance(document, dict) else None
    except TypeError:
        return None


def main(source: str, name: str, descriptor: int | None = None) -> int:
    """Add the dataset and return the exit code. `descriptor`: the inherited lease, where the parent process has taken it."""
    lease = Lease(_prepare_lease(name))
    if not (lease.acquire() if descriptor is None else lease.adopt(descriptor)):
        return 0
    last = 0.0  # time of the last update

    def report_progress(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > _INTERVAL:
            last = time.monotonic()
            with contextlib.suppress(DiskError):  # progress that cannot be written is no reason to stop
                _write(PendingDataset(name, source, done=progress.done, total=progress.total))

    try:
        datasets.add_dataset(source, name, report_progress)
        dismiss(name)
    except UserError as error:
        return _fail(name, source, error.message, error.hint)
    except Exception as error:
        _fail(name, source, f"Unexpected {type(error).__name__}: {error}", "")
        raise
    finally:
        # While the lock is still held: afterwards the file may be the lease of another process.
        with contextlib.suppress(DiskError):
            remove(datasets.lease_file(name))
        lease.release()
    # The dataset is usable now; this computes in advance what its pages would wait for.
    return analysis.job(name).run(lambda report: analysis.analyse(datasets.load_dataset(name), report))


def _fail(name: str, source: str, message: str, hint: str) -> int:
    with contextlib.suppress(DiskError):
        overwrite_json(
            _file(name), asdict(PendingDataset(name, source, "failed", message=message, hint=hint)) | {"updated": time.time()}
        )
    return 2


def _folder() -> Path:
    return data_dir() / ".adding"


def _file(name: str) -> Path:
    return _folder() / f"{name}.json"


def _write(adding: PendingDataset) -> None:
    write_json(_file(adding.name), asdict(adding) | {"updated": time.time()})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None))
