"""Each call that changes a file, of each command that writes, fails once: no traceback, nothing lost, nothing torn.

    python tests/faults/campaign.py                      all commands, all errors: about an hour
    python tests/faults/campaign.py --only audit         the commands whose label contains this
    python tests/faults/campaign.py --errors ENOSPC --sample 12 --mode onwards
    python tests/faults/campaign.py --kinds 3            up to three calls of each kind (call and file): some minutes a command

A process that has loaded everything is forked for each fault; `faults.c`, put before libc, makes the call fail. After each fault the home
is compared with what it was, and the command is run again without one: it must then do its work.
"""

import argparse
import ctypes
import errno
import gc
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
sys.path[:0] = [str(PROJECT), str(HERE)]

ERRORS = ("ENOSPC", "EROFS", "EACCES")
PATIENCE = 300.0  # seconds after which a command hangs
_CLEANS = ("unlink", "unlinkat", "rmdir", "ftruncate", "ftruncate64", "truncate")


@dataclass(frozen=True)
class Outcome:
    """How one run of a command ended. `count`: the calls that changed a file; `failed`: the one that was made to fail;
    `calls`: each call and its file, where none was.
    """

    code: int
    output: str
    count: int
    failed: str
    calls: tuple[str, ...] = ()


@dataclass
class Tally:
    faults: int = 0
    refused: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def built(folder: Path) -> Path | None:
    """The library, compiled into `folder`; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = folder / "faults.so"
    done = subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-w", "-o", library, HERE / "faults.c", "-ldl"], check=False)
    return library if done.returncode == 0 else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="commands whose label contains this")
    parser.add_argument("--errors", nargs="+", default=list(ERRORS))
    parser.add_argument("--mode", choices=("once", "onwards"), default="once", help="one call fails, or all from it on")
    parser.add_argument("--sample", type=int, default=0, help="so many faults a command and error, drawn by seed (0: all)")
    parser.add_argument(
        "--kinds", type=int, default=0, help="so many calls of each kind: the first, the last, others by seed (0: all)"
    )
    parser.add_argument("--share", default="1/1", help="part of the commands, such as 1/2 and 2/2, for two processes at once")
    args = parser.parse_args()
    if "faults.so" not in os.environ.get("LD_PRELOAD", ""):
        folder = Path(tempfile.mkdtemp(prefix="scenescope-faults-"))
        library = built(folder)
        if library is None:
            print("A C compiler on Linux is needed.", file=sys.stderr)
            return 2
        environment = {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
        code = subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode
        shutil.rmtree(folder)
        return code
    return campaign(args)


def campaign(args: argparse.Namespace) -> int:
    import loaded  # noqa: F401 - what the forked commands need, loaded once
    import template
    from commands import COMMANDS

    place = Path(tempfile.mkdtemp(prefix="scenescope-campaign-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    try:
        made = template.make(place)
        gc.collect()
        gc.freeze()  # a collection in a forked process would copy the pages of everything that is loaded
        part, parts = map(int, args.share.split("/"))
        tally = Tally()
        for number, command in enumerate(c for c in COMMANDS if args.only in c.label):
            if number % parts == part - 1:
                _command(command, made, args, tally)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"\n{sum(tally.calls.values()):,} calls of {len(tally.calls)} commands; {tally.faults:,} faults, {tally.refused:,} refused "
          f"in a sentence, {len(tally.problems)} problems.")  # fmt: skip
    for problem in tally.problems:
        print(f"\n{problem}")
    return bool(tally.problems)


def _command(command: "Command", made: "Template", args: argparse.Namespace, tally: Tally) -> None:  # noqa: F821
    began = time.monotonic()
    for error in args.errors:
        plain = made.run(command, 0, error, args.mode)
        if plain.code not in (0, 2) or "Traceback" in plain.output:
            tally.problems.append(f"{command.label} fails without a fault ({plain.code}): {plain.output[-600:]}")
            return
        tally.calls[command.label] = max(plain.count, tally.calls.get(command.label, 0))
        places: Sequence[int] = range(1, plain.count + 1)
        if args.kinds:
            places = _of_each_kind(plain.calls, args.kinds, random.Random(command.label))
        if args.sample:
            places = sorted(random.Random(command.label).sample(places, min(args.sample, len(places))))
        for at in places:
            outcome = made.run(command, at, error, args.mode)
            tally.faults += 1
            tally.refused += outcome.code == 2
            problems = made.problems(command, outcome, error)
            tally.problems += [f"{command.label}, {error} at {at} ({outcome.failed}): {problem}" for problem in problems]
    print(
        f"{tally.calls[command.label]:4} calls  {time.monotonic() - began:5.0f} s  {len(tally.problems):3} problems  {command.label}",
        flush=True,
    )


def _of_each_kind(calls: Sequence[str], most: int, rng: random.Random) -> list[int]:
    """The numbers of up to `most` calls of each kind. Files are of one kind whose names differ in digits and random letters."""
    kinds: dict[str, list[int]] = {}
    for number, call in enumerate(calls, 1):
        kinds.setdefault(re.sub(r"[0-9a-f]{8,}|\btmp\w{8}|(?<=\.)\w{8}\b|\d+", "*", call), []).append(number)
    ends = [{numbers[0], numbers[-1]} if most > 1 else {numbers[0]} for numbers in kinds.values()]
    between = [rng.sample(numbers[1:-1], min(max(0, most - 2), len(numbers[1:-1]))) for numbers in kinds.values()]
    return sorted(set().union(*ends, *between))


def forked(home: Path, body: Callable[[], int], at: int, error: str, mode: str, output: Path) -> Outcome:
    """Run `body` in a process of its own, in which call number `at` that changes a file below `home` fails."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        _run_child(home, body, at, error, mode, output, there)
    os.close(there)
    report = _read_all(here, child)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    *calls, end = report.splitlines() or [""]
    count, _, failed = (end or "0").partition(" ")
    calls = [line.split(" ", 1)[1] for line in sorted(calls, key=lambda line: int(line.split(" ", 1)[0]))]
    return Outcome(code, output.read_text(errors="replace"), int(count), failed, tuple(calls))


def _run_child(home: Path, body: Callable[[], int], at: int, error: str, mode: str, output: Path, report: int) -> None:
    code = 1
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.environ["SCENESCOPE_HOME"] = str(home)
        os.chdir(PROJECT)
        library = ctypes.CDLL(None)
        library.fault_last.restype = ctypes.c_char_p
        if not at:
            library.fault_trace(report)
        library.fault_arm(str(home).encode(), ctypes.c_long(at), getattr(errno, error), int(mode == "onwards"))
        try:
            code = body()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        library.fault_disarm()
        os.write(report, f"{library.fault_count()} {library.fault_last().decode()}".encode())
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _read_all(descriptor: int, child: int) -> str:
    import select

    text, deadline = b"", time.monotonic() + PATIENCE
    while True:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(child, 9)
            break
        part = os.read(descriptor, 4096)
        if not part:
            break
        text += part
    os.close(descriptor)
    return text.decode()


if __name__ == "__main__":
    sys.exit(main())
