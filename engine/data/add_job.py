"""Adding a dataset in the background: a process of its own, whose progress stands in a file."""

import contextlib
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.core.children import start_module
from engine.core.errors import DiskError, UserError
from engine.core.files import create_folder, overwrite_json, read_json, remove, write_json
from engine.core.lease import Lease
from engine.core.paths import data_dir
from engine.data import analysis, datasets

_INTERVAL = 0.2  # seconds between two updates of the file


@dataclass(frozen=True)
class PendingDataset:
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
    lease = Lease(_made_lease(name))
    if lease.take():
        try:
            _write(PendingDataset(name, source))
            _spawn(source, name, lease)
        finally:
            lease.hand_over()
    return name


def _made_lease(name: str) -> Path:
    create_folder(datasets.lease_file(name).parent)
    return datasets.lease_file(name)


def _spawn(source: str, name: str, lease: Lease) -> None:
    """The process holds the lease from its first moment."""
    if lease.descriptor is None:
        raise ValueError("the lease is not held")
    start_module(["engine.data.add_job", source, name, str(lease.descriptor)], descriptor=lease.descriptor)


def list_pending() -> list[PendingDataset]:
    """Datasets that are being added, and those that could not be, until they are dismissed."""
    return [judged for file in sorted(_folder().glob("*.json")) if (judged := _judged(file))]


def dismiss(name: str) -> None:
    remove(_file(name))


def _judged(file: Path) -> PendingDataset | None:
    """What the file says, if its process lives; None where it has ended well between two looks."""
    while (said := _read(file)) and said.state == "adding" and not datasets.is_being_added(said.name):
        if _read(file) == said:
            message, hint = (
                "The process that read the images was killed.",
                "Add it again: it continues with the files that were not read yet.",
            )
            return PendingDataset(said.name, said.source, "failed", message=message, hint=hint)
    return said


def _read(file: Path) -> PendingDataset | None:
    document = read_json(file)
    try:
        return PendingDataset(**document) if isinstance(document, dict) else None
    except TypeError:
        return None


def main(source: str, name: str, descriptor: int | None = None) -> int:
    """Add the dataset; `descriptor`: of the lease, where the process that started this one has taken it."""
    lease = Lease(_made_lease(name))
    if not (lease.acquire() if descriptor is None else lease.adopt(descriptor)):
        return 0
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > _INTERVAL:
            last = time.monotonic()
            with contextlib.suppress(DiskError):  # the catalog may find room where this does not: it is only told
                _write(PendingDataset(name, source, done=done, total=total))

    try:
        datasets.add_dataset(source, name, progress)
        dismiss(name)
    except UserError as error:
        return _fail(name, source, error.message, error.hint)
    except Exception as error:
        _fail(name, source, f"Unexpected {type(error).__name__}: {error}", "")
        raise
    finally:
        with contextlib.suppress(DiskError):
            remove(datasets.lease_file(name))
        lease.release()
    # The dataset is there; what follows only spares a page its waiting.
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
