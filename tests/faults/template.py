"""The home that every fault finds: a dataset, runs in several states, a map, an audit, label edits, things in the trash."""

import json
import os
import re
import shutil
import sqlite3
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from campaign import _CLEANS, Outcome, forked
from commands import Command
from PIL import Image

_COLOURS = {"forest": (40, 120, 50), "sea": (30, 80, 190), "street": (150, 120, 110)}
_LEFT_OVER = re.compile(r"\..+\.[0-9a-f]{12}|\.saving-.*|\.making-.*|\.handing-over-.*|tmp\w{8}|\.images-\w{8}")
# The smallest network: its files are copied and read again for each fault.
MODEL = "timm:mobilenetv3_small_050"
_OLD = b"what was there before"
_OUTPUTS = (
    "points.csv",
    "labels-out.jsonl",
    "table.csv",
    "table.parquet",
    "report.html",
    "report.zip",
    "model.onnx",
    "model.pt",
    "bundle.zip",
)


@dataclass(frozen=True)
class Template:
    home: Path
    images: Path
    work: Path

    def run(self, command: Command, at: int, error: str, mode: str) -> Outcome:
        """Run the command in a fresh copy of the home."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.home, self.work, symlinks=True)
        return self._again(command, at, error, mode)

    def _again(self, command: Command, at: int = 0, error: str = "ENOSPC", mode: str = "once") -> Outcome:
        return forked(self.work, lambda: self._call(command), at, error, mode, self.work.parent / "output")

    def _call(self, command: Command) -> int:
        import engine.training.launcher as launcher
        from engine.cli import main
        from engine.core.errors import UserError
        from engine.training import recorder, worker

        launcher._spawn = _spawn_nothing
        worker.os._exit = os._exit
        recorder._LOOK = recorder._RETRY = 0.01
        if command.call is not None:
            try:
                result = command.call(self.work, self.images)
                return result if isinstance(result, int) else 0
            except UserError as refusal:
                print(refusal)
                return 2
        return main([part.format(home=self.work, images=self.images) for part in command.arguments])

    def problems(self, command: Command, outcome: Outcome, error: str) -> list[str]:
        """What is wrong after a fault: with the command's end, with the home, with the command that is run again."""
        result = []
        if outcome.code not in (0, 2) or "Traceback" in outcome.output:
            result.append(f"it ended with {outcome.code}: {outcome.output[-1500:]}")
        elif outcome.code == 2 and not outcome.output.strip():
            result.append("it was refused without a word")
        result += self._files(command, outcome)
        again = self._again(command)
        if again.code not in (0, 2) or "Traceback" in again.output:
            result.append(f"run again, it ended with {again.code}: {again.output[-1500:]}")
        listed = self._again(Command("list", call=_list))
        if listed.code or "Traceback" in listed.output:
            result.append(f"the home cannot be listed: {listed.output[-500:]}")
        return result

    def _files(self, command: Command, outcome: Outcome) -> list[str]:
        result = []
        for file in self.work.rglob("*"):
            if _LEFT_OVER.fullmatch(file.name) and outcome.failed not in _CLEANS:
                result.append(f"left over: {file.relative_to(self.work)}")
            if file.is_file() and (damage := _damage(file, outcome)):
                result.append(f"{file.relative_to(self.work)} is {damage}")
        for file in self.home.rglob("*"):
            name = file.relative_to(self.home)
            if not os.path.lexists(self.work / name) and not _may_go(name, command):
                result.append(f"lost: {name}")
        before, now = self.home / "data/scenes/labels.jsonl", self.work / "data/scenes/labels.jsonl"
        if now.exists() and not now.read_bytes().startswith(before.read_bytes()):
            result.append("decisions are lost")
        return result


def _list(home: Path, images: Path) -> int:
    from engine.cli import main

    return main(["runs", "list"]) or main(["data", "list"])


def _may_go(name: Path, command: Command) -> bool:
    text = str(name)
    ephemeral = text.endswith(("-wal", "-shm", ".lock", "lease", ".arrow", "/stop")) or text.startswith("cache/maps/")
    return ephemeral or any(text.startswith(prefix) for prefix in command.removes)


def _damage(file: Path, outcome: Outcome) -> str:
    """Whether a file is torn, by its kind."""
    if _LEFT_OVER.fullmatch(file.name) or any(_LEFT_OVER.fullmatch(part) for part in file.parts):
        return ""
    if file.name in _OUTPUTS and file.read_bytes() == _OLD:
        return ""
    try:
        _read(file)
    except Exception as error:
        return f"torn ({type(error).__name__}: {error})"
    return ""


def _read(file: Path) -> None:
    kind = file.suffix
    if file.name.startswith("manifest"):
        from engine.runs.checkpoint import _damage as damage_of

        assert not damage_of(file.parent), damage_of(file.parent)
    if kind == ".json":
        json.loads(file.read_text())
    elif kind == ".jsonl":
        text = file.read_bytes()
        assert text.endswith(b"\n") or not text, "a torn last line"
        [json.loads(line) for line in text.splitlines()]
    elif kind == ".parquet":
        pq.read_table(file)
    elif kind == ".sqlite" and file.stat().st_size:
        connection = sqlite3.connect(file)
        try:
            (word,) = connection.execute("PRAGMA integrity_check").fetchone()
            assert word == "ok", word
        finally:
            connection.close()
    elif kind in (".npy", ".npz"):
        np.load(file, mmap_mode="r" if kind == ".npy" else None)
    elif kind in (".png", ".jpg"):
        Image.open(file).load()
    elif kind == ".zip":
        assert zipfile.ZipFile(file).testzip() is None
    elif kind == ".html":
        assert file.read_text().rstrip().endswith("</html>")


def _spawn_nothing(*arguments: object) -> None:
    pass


def make(place: Path) -> Template:
    images, home, work = place / "images", place / "home", place / "work"
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 3), ("test", 3)):
        for kind, colour in _COLOURS.items():
            folder = images / split / kind
            folder.mkdir(parents=True)
            for i in range(count):
                _paint(rng, colour).save(folder / f"{i}.png")
    _paint(rng, (200, 10, 10)).save(place / "strange.png")
    made = Template(home, images, home)
    for command in _PREPARATION:
        outcome = made._again(Command(" ".join(command), command))
        assert outcome.code == 0, f"{command}: {outcome.output}"
    _finish(home)
    os.replace(home / "bundle.zip", place / "bundle.zip")
    os.replace(home / "labels.jsonl", place / "labels.jsonl")
    for name in _OUTPUTS:
        (home / name).write_bytes(_OLD)
    return Template(home, images, work)


_PREPARATION = (
    ("data", "add", "{images}", "--name", "scenes"),
    ("labels", "exclude", "5", "--dataset", "scenes"),
    ("labels", "unsure", "6", "--dataset", "scenes"),
    ("labels", "export", "--dataset", "scenes", "--out", "{home}/labels.jsonl"),
    ("pipelines", "save", "saved", "--pipeline", "flip"),
    ("train", "--dataset", "scenes", "--prepare", "--model", MODEL, "--set", "image_size=32", "--set", "weights=none"),
    ("train", "--dataset", "scenes", "--prepare", "--model", MODEL, "--set", "image_size=32", "--set", "weights=none"),
    ("train", "--dataset", "scenes", "--preset", "balanced", "--prepare", "--model", MODEL, "--set", "image_size=32", "--set", "weights=none",
     "--set", "epochs=2", "--set", "batch_size=12", "--set", "trainable=0.1", "--set", "initial_size=0"),
    ("train", "--dataset", "scenes", "--prepare", "--model", MODEL, "--set", "image_size=32", "--set", "weights=none"),
)  # fmt: skip


def _finish(home: Path) -> None:
    """Train two of the runs and delete one, in forked processes, which leave the rest as it is."""
    from engine.training import worker

    for name in ("fast-1", "fast-2"):
        outcome = forked(home, lambda name=name: worker.main(home / "runs" / name), 0, "ENOSPC", "once", home.parent / "output")
        assert outcome.code == 0, outcome.output
    made = Template(home, home.parent / "images", home)
    for text in ("export fast-1 --format bundle --out {home}/bundle.zip", "runs delete fast-2"):
        outcome = made._again(Command(text, tuple(text.split())))
        assert outcome.code == 0, outcome.output
    (home / "runs" / "balanced-3" / "status.json").write_text(
        json.dumps({"state": "stopped", "detail": "stopped on request", "updated": time.time()})
    )


def _paint(rng: np.random.Generator, colour: tuple[int, int, int]) -> Image.Image:
    pixels = np.array(colour) + rng.normal(0, 15, 3) + rng.normal(0, 25, (40, 40, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
