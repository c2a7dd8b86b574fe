"""Analysing a dataset in the background: the properties that a catalog of an earlier version lacks, and the classes' mean images.

A scan measures what it reads; this is for images that were read before there were properties. Whatever is done is kept, so that
a job which was killed goes on where it was.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from engine.core.errors import UserError
from engine.core.files import content_hash
from engine.core.jobs import Job, JobStatus, ReportProgress
from engine.core.paths import data_dir
from engine.data import mean_images
from engine.data.catalog import Catalog, Row
from engine.data.datasets import Dataset, load_dataset
from engine.data.decoding import ImageError, inspect, read_content
from engine.data.fingerprint import renew_generation
from engine.data.properties import MEASURED

_CHUNK = 256  # images whose properties a kill may cost
_UPDATE = f"UPDATE images SET {', '.join(f'{name} = ?' for name in MEASURED)} WHERE id = ? AND hash = ?"


def job(name: str) -> Job:
    return Job(data_dir() / name / "analysis", "engine.data.analysis", name)


def start(name: str) -> None:
    """Analyse the dataset in a process of its own, unless one is at it."""
    job(name).start()


def stop(name: str) -> None:
    job(name).stop()


def job_status(name: str) -> JobStatus:
    return job(name).status()


def is_due(data: Dataset) -> bool:
    """Whether images lack properties that a job could still find out."""
    return data.catalog.unmeasured() > 0 and data.catalog.meta("analysed") != data.catalog.generation()


def analyse(data: Dataset, report: ReportProgress = lambda phase, done, total: None) -> int:
    """Measure what a dataset lacks: the properties of its images and the mean image of each class.

    How many images were measured; what is known already is not computed again. Raises UserError.
    """
    if not data.has_pictures:
        raise UserError(
            f"The dataset {data.name} is a catalog without images, made for measuring.", "There is nothing to analyse."
        )
    measured = _measure(data.catalog, report)
    mean_images.prepare(data, lambda done, total: report("mean images", done, total))
    return measured


def _measure(catalog: Catalog, report: ReportProgress) -> int:
    total, after, seen, measured = catalog.unmeasured(), 0, 0, 0
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            while rows := catalog.unmeasured_rows(after, _CHUNK):
                report("properties", seen, total)
                result = [facts for facts in pool.map(lambda row: _properties(row, catalog), rows) if facts]
                with catalog.connect() as connection:
                    connection.executemany(_UPDATE, result)
                after, seen, measured = rows[-1].id, seen + len(rows), measured + len(result)
    finally:
        with catalog.connect() as connection:
            if measured:
                renew_generation(connection)
            connection.execute("INSERT OR REPLACE INTO meta SELECT 'analysed', value FROM meta WHERE key = 'generation'")
    return measured


def _properties(row: Row, catalog: Catalog) -> tuple | None:
    """What `_UPDATE` takes; None where the file is not any more what the catalog knows: the next scan will say so."""
    try:
        content = read_content(row.file(catalog.root))[0]
        facts = inspect(content)
    except (ImageError, OSError):
        return None
    if content_hash(content) != row.hash:
        return None
    return (*(getattr(facts, name) for name in MEASURED), row.id, row.hash)


if __name__ == "__main__":
    sys.exit(job(sys.argv[1]).run(lambda report: analyse(load_dataset(sys.argv[1]), report)))
