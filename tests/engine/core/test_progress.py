"""Progress: the time left follows the present stretch of work, and the terminal shows one line per phase."""

import io
import sys

from engine.cli.output import progress_line
from engine.core.progress import Pace, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_share_stays_between_0_and_1():
    assert [Progress("any", *part).share for part in ((0, 0), (1, 4), (5, 4), (-1, 4))] == [0.0, 0.25, 1.0, 0.0]


def test_nothing_is_left_at_the_end_and_nothing_is_known_at_the_start():
    pace = Pace()
    # Half was done by an earlier process: it says nothing about the speed of this one.
    assert pace.seconds_left(Progress("reading", 50, 100)) is None
    assert pace.seconds_left(Progress("reading", 100, 100)) == 0.0
    assert pace.seconds_left(Progress("comparing", 0, 100)) is None


def test_a_terminal_has_one_line_per_phase(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    show = progress_line()
    for progress in (Progress("loading the model"), Progress("reading", 1, 2), Progress("reading", 2, 2), Progress("x", 3, 4)):
        show(progress)
    assert sys.stderr.getvalue() == "\rloading the model\rreading: 1 of 2  \rreading: 2 of 2  \n\rx: 3 of 4"


def test_nothing_is_printed_into_a_file(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    progress_line()(Progress("reading", 1, 2))
    assert sys.stderr.getvalue() == ""
