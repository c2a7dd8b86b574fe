"""Which process is alive is known from the lock, never from a file alone."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from engine.core.lease import Lease, holder, is_held
from engine.core.paths import PROJECT

HOLD = """
import sys, time
from pathlib import Path
from engine.core.lease import Lease
lease = Lease(Path(sys.argv[1]))
print(lease.acquire(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """A live process that holds the lease at `tmp_path / "lease"`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lease")], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()


def test_a_live_process_holds_it_and_nobody_else_gets_it(tmp_path, other):
    assert is_held(tmp_path / "lease")
    assert holder(tmp_path / "lease").pid == other.pid
    assert Lease(tmp_path / "lease").acquire() is False
    assert holder(tmp_path / "lease").pid == other.pid


def test_kill_9_frees_it_at_once(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert not is_held(tmp_path / "lease")
    assert holder(tmp_path / "lease") is None
    lease = Lease(tmp_path / "lease")
    assert lease.acquire()
    assert holder(tmp_path / "lease").pid == os.getpid()
    lease.release()
    assert not is_held(tmp_path / "lease")


def test_a_lease_that_was_never_taken_is_free(tmp_path):
    assert not is_held(tmp_path / "lease")
    assert holder(tmp_path / "lease") is None
    assert not (tmp_path / "lease").exists()


def test_readers_do_not_take_each_other_for_the_holder(tmp_path):
    (tmp_path / "lease").touch()
    results = []

    def read():
        results.extend(is_held(tmp_path / "lease") for _ in range(500))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [False] * 2000


def test_a_reader_does_not_keep_a_process_from_its_lease(tmp_path):
    (tmp_path / "lease").touch()
    done = threading.Event()

    def read():
        while not done.is_set():
            is_held(tmp_path / "lease")
            time.sleep(0.0002)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(300):
            lease = Lease(tmp_path / "lease")
            assert lease.acquire()
            lease.release()
    finally:
        done.set()
        reader.join()


@pytest.mark.parametrize("signature", [{"pid": os.getpid(), "start_time": 1.0}, {"pid": 2**22 + 1, "start_time": 1.0}, {}])
def test_a_pid_alone_is_not_believed(tmp_path, signature):
    lease = Lease(tmp_path / "lease")
    assert lease.acquire()
    (tmp_path / "lease").write_text(json.dumps(signature))
    assert is_held(tmp_path / "lease")
    assert holder(tmp_path / "lease") is None
    (tmp_path / "lease").write_text(json.dumps({"pid": os.getpid(), "start_time": psutil.Process().create_time()}))
    assert holder(tmp_path / "lease").pid == os.getpid()
    lease.release()
