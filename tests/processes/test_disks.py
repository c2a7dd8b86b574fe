"""Full and read-only disks: what is there is read, and what cannot be written is a sentence; each file is whole or as it was."""

import ast
import errno
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from engine.core import database, files
from engine.core.errors import DiskError, UserError
from engine.core.paths import PROJECT, cache_dir
from engine.data import datasets
from engine.data.datasets import load_dataset
from engine.data.labels import edits
from engine.data.thumbnails import load_thumbnail

FAULTS = PROJECT / "tests" / "faults"
WRITERS = ("engine/core/files.py", "engine/core/database.py")
GUARDS = {"replace_file", "explain_disk_errors", "temporary_folder"}
METHODS = {"write_bytes", "write_text", "mkdir", "touch", "unlink", "rename", "rmdir", "symlink_to", "hardlink_to"}
FUNCTIONS = {
    "os": {"replace", "rename", "remove", "unlink", "mkdir", "makedirs", "rmdir", "truncate", "ftruncate", "symlink", "link"},
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move", "rmtree"},
    "sqlite3": {"connect"},
    "np": {"save", "savez", "savez_compressed"},
    "torch": {"save"},
    "pq": {"write_table"},
    "tempfile": {"mkdtemp", "mkstemp", "TemporaryDirectory", "TemporaryFile", "NamedTemporaryFile"},
}
# Where a write is no write of ours to a disk, or is one in a folder that the caller has made for it with `temporary_folder`.
EXCEPTIONS = {
    ("engine/core/lease.py", "_sign"): "suppresses what the disk refuses: the lock is what counts",
    ("engine/embeddings/projection.py", "build_map"): "np.savez into memory",
    ("engine/training/worker.py", "_remove_remains"): "suppresses what the disk refuses",
    ("engine/bench", ""): "measures in temporary folders of its own",
    ("engine/export/bundle.py", "pack"): "inside the temporary folder of the export",
    ("engine/training/distributed.py", ""): "no file",
    ("engine/core/sandbox.py", ""): "a child process answers in a temporary folder that goes with it",
    ("engine/export/reading.py", ""): "the child process writes into the temporary folder of the import",
}


def direct_writes(file):
    """(line, function, call) of each call that writes a file outside of a block that explains the disk's errors."""
    result = []

    def visit(node, function, guarded):
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.With):
            calls = [item.context_expr for item in node.items]
            for call in calls:
                visit(call, function, guarded or any(name_of(each) in GUARDS for each in calls))
            inside = guarded or any(name_of(call) in GUARDS for call in calls)
            for child in node.body:
                visit(child, function, inside)
            return
        if isinstance(node, ast.Call) and not guarded and writes(node):
            result.append((node.lineno, function, ast.unparse(node.func)))
        for child in ast.iter_child_nodes(node):
            visit(child, function, guarded)

    visit(ast.parse(file.read_text()), "", False)
    return result


def name_of(node):
    call = node.func if isinstance(node, ast.Call) else node
    return call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")


def writes(call):
    function = call.func
    if isinstance(function, ast.Name):
        mode = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "mode"), None)
        return function.id == "save_file" or (
            function.id == "open" and isinstance(mode, ast.Constant) and any(letter in mode.value for letter in "wax+")
        )
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if owner in FUNCTIONS:
        return function.attr in FUNCTIONS[owner]
    return function.attr in METHODS and not (
        function.attr == "rename" and any(k.arg == "columns" or k.arg == "index" for k in call.keywords)
    )


def is_excepted(name, function):
    return any(name.startswith(place) and where in ("", function) for place, where in EXCEPTIONS)


def test_every_write_goes_through_the_one_place():
    result = []
    for folder in ("engine", "dashboard", "pages"):
        for file in (PROJECT / folder).rglob("*.py"):
            name = file.relative_to(PROJECT).as_posix()
            if name not in WRITERS:
                result += [
                    f"{name}:{line} {call}" for line, function, call in direct_writes(file) if not is_excepted(name, function)
                ]
    assert result == []


def test_a_direct_write_is_found(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text(
        "def f(p):\n    p.write_text('x')\n    with replace_file(p) as t:\n        t.write_text('x')\n    open(p, 'w')\n"
    )
    assert direct_writes(file) == [(2, "f", "p.write_text"), (5, "f", "open")]


@pytest.fixture
def scenes(kaggle):
    datasets.add_dataset(str(kaggle))
    return load_dataset("scenes")


@pytest.fixture
def mount(tmp_path):
    """mount(*arguments): mount something on a folder of its own, for the time of the test."""
    mounted = []

    def on(*arguments):
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        if os.getuid() != 0 or subprocess.run(["mount", *arguments, folder], capture_output=True, check=False).returncode:
            pytest.skip("a file system cannot be mounted here")
        mounted.append(folder)
        return folder

    yield on
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(params=["read-only", "full"])
def disk(request, mount, scenes, home, monkeypatch):
    """The home, on a disk that takes nothing more; what is in it was written before."""
    edits.decide(scenes, edits.DecisionGroup([edits.Decision(3, "exclude", None)]))
    if request.param == "read-only":
        folder = mount("--bind", str(home))
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    else:
        folder = mount("-t", "tmpfs", "-o", "size=4m", "tmpfs")
        shutil.copytree(home, folder, dirs_exist_ok=True)
        fill(folder)
    monkeypatch.setenv("SCENESCOPE_HOME", str(folder))
    return folder


def fill(folder):
    for size in (1 << 16, 4096, 1):
        with open(folder / f"filler-{size}", "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(size))


def test_what_is_there_is_read(disk):
    data = load_dataset("scenes")
    assert len(data.catalog.view()) == 82
    assert data.catalog.get(3).state == "excluded", "a decision that the catalog does not say yet"
    assert data.catalog.fingerprint()
    row = data.catalog.get(1)
    assert load_thumbnail(row, data.root, 32).startswith(b"\xff\xd8")
    word = data.catalog.select([1, 2])
    assert data.catalog.check(selected(word))[1] == []


def selected(word):
    from engine.data.filters import Filter

    return Filter(selection=word)


def test_what_cannot_be_written_is_a_sentence_and_changes_nothing(disk):
    data, before = load_dataset("scenes"), contents(disk)
    full = "is full" if shutil.disk_usage(disk).free == 0 else "is read-only"
    for action in (
        lambda: edits.decide(data, edits.DecisionGroup([edits.Decision(4, "exclude", None)] * 1, reason="x" * 5000)),
        lambda: files.write_json(disk / "big.json", "x" * 100_000),
        lambda: datasets.add_dataset(str(data.root), "other"),
    ):
        with pytest.raises(DiskError) as refused:
            action()
        assert full in refused.value.message
        assert str(disk) in refused.value.message
        assert refused.value.hint.startswith(
            ("Free some space, or set SCENESCOPE_HOME", "Make it writable, or set SCENESCOPE_HOME")
        )
    assert {name: value for name, value in contents(disk).items() if name in before} == before


def contents(folder):
    """What is in each file that somebody would miss."""
    result = folder.rglob("*")
    return {str(f): f.read_bytes() for f in result if f.is_file() and f.suffix in (".json", ".jsonl", ".parquet", ".png")}


def test_the_bytes_needed_and_free_are_named(mount):
    folder = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs")
    with pytest.raises(DiskError) as refused:
        files.write_bytes(folder / "large", bytes(3_000_000))
    assert refused.value.message == f"The disk that holds '{folder}/large' is full: 3.0 MB are needed, 1.0 MB are free."
    assert list(folder.iterdir()) == []


def test_a_database_is_read_with_what_stands_in_its_log(tmp_path):
    """As a killed process leaves it, on a disk where the log cannot be taken over: no lock table can be made."""
    writer = sqlite3.connect(tmp_path / "a.sqlite")
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("CREATE TABLE t (x)")
    writer.commit()
    for i in range(500):
        writer.execute("INSERT INTO t VALUES (?)", ("x" * i,))
    writer.commit()
    log = (tmp_path / "a.sqlite-wal").read_bytes()
    copy = tmp_path / "copy.sqlite"
    shutil.copy(tmp_path / "a.sqlite", copy)
    for cut, rows in ((len(log), 500), (len(log) - 1000, 0)):  # whole; the last transaction torn
        (tmp_path / "copy.sqlite-wal").write_bytes(log[:cut])
        connection = database.memory_copy(copy, version=cut)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (rows,)
        connection.close()
    writer.close()


def test_a_missing_and_a_damaged_catalog_are_sentences(scenes):
    scenes.catalog.file.write_bytes(b"no database at all" * 100)
    with pytest.raises(UserError, match="is damaged") as refused:
        scenes.catalog.count()
    assert "label edits are kept in labels.jsonl" in refused.value.hint
    scenes.catalog.file.unlink()
    with pytest.raises(UserError, match="is missing"):
        scenes.catalog.count()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full: "),
        (errno.EDQUOT, "has no space left for this account (quota): "),
        (errno.EROFS, "is read-only."),
        (errno.EACCES, "cannot be written: permission denied."),
        (errno.EIO, "cannot be written: the disk reports an error."),
        (errno.ENOENT, "is missing."),
    ],
)
def test_each_refusal_of_the_system_is_a_sentence_that_leaves_nothing_behind(number, words, home, monkeypatch):
    home.mkdir()
    files.write_text(home / "a", "old")

    def refuse(*arguments):
        raise OSError(number, os.strerror(number), str(arguments[0]))

    monkeypatch.setattr(files.os, "replace", refuse)
    with pytest.raises(DiskError) as refused:
        files.write_text(home / "a", "new")
    monkeypatch.undo()
    assert words in refused.value.message
    assert repr(str(home / "a")) in refused.value.message, "the temporary file's name says nothing to anybody"
    assert (home / "a").read_text() == "old"
    assert [file.name for file in home.iterdir()] == ["a"]


def test_a_cache_that_cannot_be_written_is_passed_over(home):
    home.mkdir()
    (home / "cache").write_text("in the way")
    from engine.core.content_cache import ContentCache

    table = ContentCache(cache_dir("x") / "a.sqlite", "t", ["v"])
    assert not table.put([("a", b"1")])
    assert list(table.get(["a"])) == []


@pytest.mark.slow
def test_faults_in_commands_leave_nothing_torn():
    """A sample of `tests/faults/campaign.py`, which tries every call of every command."""
    if shutil.which("cc") is None or not sys.platform.startswith("linux"):
        pytest.skip("a C compiler on Linux is needed")
    done = subprocess.run(
        [sys.executable, FAULTS / "campaign.py", "--only", "labels exclude", "--errors", "ENOSPC", "EROFS", "--sample", "4"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert " 0 problems." in done.stdout
