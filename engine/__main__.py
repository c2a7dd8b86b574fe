"""`python -m engine COMMAND`: everything that the pages can do."""

import codecs
import os
import sys

from engine.cli import main
from engine.core.number_text import encode_for_terminal

if __name__ == "__main__":
    # A file name that is no UTF-8 is printed all the same; in JSON it is an escape that names the same file.
    codecs.register_error("terminal", encode_for_terminal)
    sys.stdout.reconfigure(errors="terminal")
    code = main()
    try:
        sys.stdout.flush()
    except OSError:
        # It has been told; the interpreter would try once more at its end, and complain in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = code or 2
    sys.exit(code)
