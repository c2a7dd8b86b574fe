"""A rerun ends with a full garbage collection: what the server imported must not be gone through each time."""

import subprocess
import sys

from engine.core.paths import PROJECT


def test_once_the_server_has_started_a_full_collection_finds_little_to_do():
    script = (
        "import gc\n"
        "from dashboard.http import routes\n"
        "before = len(gc.get_objects())\n"
        "routes._prepare_first_page()\n"
        "print(before, len(gc.get_objects()), gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    before, after, enabled = done.stdout.split()
    assert int(before) > 50_000
    assert int(after) < 1_000
    assert enabled == "True"
