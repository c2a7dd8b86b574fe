"""`python -m engine COMMAND`: everything that the pages can do."""

import sys

from engine.cli import main

if __name__ == "__main__":
    # A file name that is no UTF-8 is printed all the same; in JSON it is an escape that names the same file.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main())
