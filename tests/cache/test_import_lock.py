"""Threads of two tabs, and the one that warms up, import torch's packages at the same moment."""

import subprocess
import sys

_TOGETHER = """
import importlib
import threading
from dashboard.cache import IMPORT_LOCK

names = ["pytorch_grad_cam", "engine.models.augment", "engine.models.model", "torchvision", "engine.inference.explain.cam"]
start, failures = threading.Barrier(len(names)), []

def load(name):
    start.wait()
    try:
        with IMPORT_LOCK:
            importlib.import_module(name)
    except ImportError as error:
        failures.append(str(error))

threads = [threading.Thread(target=load, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not failures, failures
"""


def test_threads_that_import_torch_packages_together_all_get_whole_modules() -> None:
    done = subprocess.run([sys.executable, "-c", _TOGETHER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
