"""Ctrl-C, and what a cluster or a container sends, while `train` follows its run."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from engine.core.paths import PROJECT

pytestmark = pytest.mark.slow
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
SETTINGS = ["--preset", "balanced", "--set", "image_size=32", "--set", "epochs=1000", "--set", "patience=0"]


def test_ctrl_c_saves_and_stops_the_run_that_is_followed(finished_session, tmp_path, wait):
    home = shutil.copytree(finished_session.home, tmp_path / "home")
    command = subprocess.Popen(
        [sys.executable, "-m", "engine", "train", "--dataset", "scenes", *SETTINGS, "--json"],
        cwd=PROJECT, env={**os.environ, **ONE_THREAD, "SCENESCOPE_HOME": str(home)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        events = home / "runs" / "balanced-2" / "events.jsonl"
        wait(lambda: events.is_file() and '"kind": "step"' in events.read_text())
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=60)
    finally:
        command.kill()
    assert command.returncode == 130
    assert json.loads(out)["state"] == "stopped"
    assert "The batch is finished and saved; Ctrl-C again ends the run at once." in err
    assert "Traceback" not in err
    assert list(events.parent.glob("checkpoints/last-*/manifest.json"))
