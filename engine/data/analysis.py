"""Analyses a dataset in the background: properties that an older catalog lacks, and the mean image of each class.

A scan measures the images that it reads; this job measures those that an earlier version read without measuring. Results are
saved as it goes, so that a job which was killed continues where it stopped.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from engine.core.errors import UserError
from engine.core.files import content_hash
from engine.core.jobs import Job
from engine.core.paths import data_dir
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data import mean_images
from engine.data.catalog import Catalog, Row
from engine.data.datasets import Dataset, load_dataset
from engine.data.decoding import ImageError, inspect, read_content
from engine.data.fingerprint import renew_generation
from engine.data.properties import MEASURED

_CHUNK = 256  # images per transaction: a kill loses the properties of at most so many
_UPDATE = f"UPDATE images SET {', '.join(f'{name} = ?' for name in MEASURED)} WHERE id = ? AND hash = ?"


def job(name: str) -> Job:
    """The analysis job of a dataset."""
    return Job("analysis", data_dir() / name / "analysis", name, {"dataset": name})


def is_due(data: Dataset) -> bool:
    """Whether images lack properties that a job has not tried to measure yet."""
    return data.catalog.count_unmeasured() > 0 and data.catalog.meta("analysed") != data.catalog.generation()


def analyse(data: Dataset, report: ReportProgress = ignore_progress) -> int:
    """Measure the properties that images lack, prepare the classes' mean images, and return how many images were measured.

    Existing results are not computed again. Raises UserError.
    """
    if not data.has_images:
        raise UserError(
            f"The dataset {data.name} is a catalog without images, made for measuring.", "There is nothing to analyse."
        )
    measured = _measure(data.catalog, report)
    mean_images.prepare(data, report)
    return measured


def _measure(catalog: Catalog, report: ReportProgress) -> int:
    total, last_id, done, measured = catalog.count_unmeasured(), 0, 0, 0
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            while rows := catalog.unmeasured_rows(last_id, _CHUNK):
                report(Progress("measuring properties", done, total))
                updates = [values for values in pool.map(lambda row: _properties(row, catalog), rows) if values]
                with catalog.connect() as connection:
                    connection.executemany(_UPDATE, updates)
                last_id, done, measured = rows[-1].id, done + len(rows), measured + len(updates)
    finally:
        with catalog.connect() as connection:
            if measured:
                renew_generation(connection)
            connection.execute("INSERT OR REPLACE INTO meta SELECT 'analysed', value FROM meta WHERE key = 'generation'")
    return measured


def _properties(row: Row, catalog: Catalog) -> tuple | None:
    """The parameters of `_UPDATE`; None where the file has changed since the scan, which the next scan will notice."""
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
