"""`python -m engine COMMAND`: everything that the pages can do."""

import codecs
import io
import os
import sys

from engine.cli import main
from engine.core.number_text import encode_for_terminal

if __name__ == "__main__":
    # A file name that is not UTF-8 is printed nevertheless; in JSON it becomes an escape that names the same file.
    codecs.register_error("terminal", encode_for_terminal)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="terminal")
    code = main()
    try:
        sys.stdout.flush()
    except OSError:
        # The error was reported. Without this, the interpreter would flush once more at exit and print its own message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = code or 2
    sys.exit(code)
