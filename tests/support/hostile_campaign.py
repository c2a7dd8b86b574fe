"""Several hundred hostile imports and uploads: each is refused in a sentence, or read, within 10 s and 500 MB.

    python tests/support/hostile_campaign.py [--seed 0] [--only TEXT] [--cli 25]

Each file is tried in a process of its own, forked from one that has loaded torch, with the limits that `engine.core.sandbox` sets;
`--cli N` tries every Nth import through the command line as well. Prints what failed and one line with the counts.
"""

import argparse
import collections
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).parent)]

import hostile
import hostile_models
import hostile_parts

SECONDS, MEGABYTES = 10.0, 500
_REFUSED, _READ, _ENDED, _FAILED = "refused", "read", "ended by its limits", "FAILED"


class Outcome(NamedTuple):
    """`sentence`: what a person is told. `seconds`: of computing, which other programs do not lengthen."""

    state: str
    sentence: str
    seconds: float
    megabytes: float


def attempt(call: Callable[[], str]) -> Outcome:
    """What the call comes to in a forked process: it returns a sentence or raises what a person is told."""
    gc.collect()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _report(call, writer)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    _, status, used = os.wait4(child, 0)
    if not text:
        return Outcome(_ENDED, f"signal {os.waitstatus_to_exitcode(status)}", used.ru_utime + used.ru_stime, 0)
    state, sentence, megabytes = json.loads(text)
    return Outcome(state, sentence, used.ru_utime + used.ru_stime, megabytes)


def _report(call: Callable[[], str], writer: int) -> None:
    """In the child: never returns."""
    from engine.core.errors import UserError
    from engine.data.decoding import ImageError

    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(null, number)
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    try:
        sentence = call()
        state = _READ if not sentence else _REFUSED
    except (UserError, ImageError) as error:
        state, sentence = _REFUSED, str(error)
    except BaseException as error:
        state, sentence = _FAILED, f"{type(error).__name__}: {error}"
    if "\n" in sentence or "Traceback" in sentence or len(sentence) > 1000:
        state = _FAILED
    os.write(writer, json.dumps([state, sentence[:1000], max(0, _memory("VmHWM") - before)]).encode())
    os._exit(0)


def _memory(name: str) -> float:
    return int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def try_model(file: hostile_models.HostileModel) -> str:
    """Read it as `import`, `predict` and the pages do."""
    from engine.core import sandbox
    from engine.models import model

    if file.kind == "run":
        model.load_model(file.path)
        return ""
    sandbox.check_ordinary(file.path, (2 if file.path.suffix == ".onnx" else 8) << 30)
    function, arguments = {
        "bundle": ("engine.export.reading:read_bundle", {}),
        "weights": ("engine.export.reading:read_weights", {"document": _document()}),
        "onnx": ("engine.export.session:check_model", {}),
    }[file.kind]
    with tempfile.TemporaryDirectory() as folder:
        where = {} if file.kind == "onnx" else {"folder": folder}
        limits = sandbox.SandboxLimits().for_file(file.path)
        request = {
            "function": function, "arguments": {"file": str(file.path), **where, **arguments}, "limits": vars(limits),
        }  # fmt: skip
        document = sandbox.run_request(request)
    if "problem" in document:
        raise sandbox.refusal(file.path, document["problem"])
    return " ".join((document["error"], document["hint"])) if "error" in document else ""


def _document() -> dict:
    return {
        "backbone": hostile_parts.BACKBONE,
        "classes": hostile_parts.CLASSES,
        "image_size": hostile_parts.SIZE,
        "mean": (),
        "std": (),
    }


def try_upload(file: hostile.Hostile) -> str:
    """Read it as the Predict page and `/api/predict` do; why its pictures were not read, "" where one was."""
    from engine.data.decoding import ImageError, load_square
    from engine.data.uploads import read_images

    reasons = []
    for item in read_images([(file.name, file.content)]):
        try:
            if not item.reason:
                load_square(item.content, 224)
                return ""
            reasons.append(item.reason)
        except ImageError as error:
            reasons.append(str(error))
    return reasons[0] if reasons else "nothing in it"


def uploads(seed: int, folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    for file in hostile.files(seed=seed, count=260):
        yield f"upload: {file.kind}: {file.name[:40]!r}", lambda file=file: try_upload(file)


def models(seed: int, folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    for file in hostile_models.files(folder, seed):
        yield file.name, lambda file=file: try_model(file)


def try_command(file: hostile_models.HostileModel) -> str:
    """The exit code and the last line of the command line; "" where it is a sentence and 2."""
    command = [
        "import",
        str(file.path),
        *(["--model", hostile_parts.BACKBONE, "--classes", "a,b,c", "--size", "64"] * (file.kind == "weights")),
    ]
    if file.kind == "onnx":
        command = ["predict", str(file.path), __file__]
    done = subprocess.run([sys.executable, "-m", "engine", *command], capture_output=True, text=True, timeout=300)
    fine = done.returncode == 2 and done.stderr.strip() and "Traceback" not in done.stderr
    return "" if fine else f"exit {done.returncode}: {done.stderr[-300:]}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="those whose name holds this text")
    options.add_argument("--cli", type=int, default=25, help="try every Nth import through the command line (0: none)")
    args = options.parse_args()
    import onnxruntime  # noqa: E401, F401

    import engine.data.decoding
    import engine.export.reading
    import engine.export.session
    import engine.models.model  # noqa: F401 (loaded once, for all)

    counts, wrong, worst = collections.Counter(), [], Outcome("", "", 0, 0)
    with tempfile.TemporaryDirectory(prefix="scenescope-campaign-") as place:
        for make in (models, uploads):
            for name, call in make(args.seed, Path(place)):
                if args.only not in name:
                    continue
                outcome = attempt(call)
                if outcome.seconds > SECONDS or outcome.megabytes > MEGABYTES:
                    outcome = min(outcome, attempt(call), key=lambda one: (one.seconds, one.megabytes))
                counts[outcome.state] += 1
                over = outcome.seconds > SECONDS or outcome.megabytes > MEGABYTES
                if outcome.state == _FAILED or over:
                    wrong.append(name)
                    print(f"WRONG {name}: {outcome}", flush=True)
                elif args.only:
                    print(f"{name}: {outcome}", flush=True)
                worst = Outcome("", "", max(worst.seconds, outcome.seconds), max(worst.megabytes, outcome.megabytes))
        if args.cli:
            folder = Path(place, "cli")
            folder.mkdir()
            os.environ["SCENESCOPE_HOME"] = str(Path(place, "home"))
            imports = [file for file in hostile_models.files(folder, args.seed) if file.kind != "run" and args.only in file.name]
            for file in imports[:: args.cli]:
                counts["through the command line"] += 1
                if problem := try_command(file):
                    wrong.append(file.name)
                    print(f"WRONG {file.name}, command line: {problem}", flush=True)
    states = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    print(
        f"{sum(counts.values())} tries: {states}; {len(wrong)} wrong; at most {worst.seconds:.1f} s and {worst.megabytes:.0f} MB"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
