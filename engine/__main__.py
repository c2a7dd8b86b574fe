"""`python -m engine COMMAND`: everything that the pages can do."""

import sys

from engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
