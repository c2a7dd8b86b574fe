"""The job's process: `python -m engine.curation NAME`; see `engine.curation.run_audit`."""

import sys

from engine.curation.run_audit import audit_dataset
from engine.curation.store import job
from engine.data.datasets import load_dataset

if __name__ == "__main__":
    sys.exit(job(sys.argv[1]).run(lambda report: audit_dataset(load_dataset(sys.argv[1]), report)))
