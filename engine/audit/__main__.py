"""The job's process: `python -m engine.audit NAME`; see `engine.audit.making`."""

import sys

from engine.audit.kept import job
from engine.audit.making import make
from engine.data.datasets import dataset

if __name__ == "__main__":
    sys.exit(job(sys.argv[1]).run(lambda report: make(dataset(sys.argv[1]), report)))
