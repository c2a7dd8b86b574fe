"""The first signal asks for an end, the second is the end, whatever the process is busy with."""

import os
import signal

import victim


def test_signals_are_heeded_in_the_middle_of_a_long_computation(forks, tmp_path):
    here, there = forks.Pipe(duplex=False)
    process = forks.Process(target=victim.heed_signals, args=(tmp_path, there))
    process.start()
    there.close()
    helper = here.recv()
    # A signal to a forked helper is not one to the process.
    os.kill(helper, signal.SIGINT)
    os.kill(process.pid, signal.SIGTERM)
    assert here.recv() == "asked to stop"
    assert process.is_alive()
    os.kill(process.pid, signal.SIGINT)
    assert here.recv() == "asked to end"
    process.join()
    assert process.exitcode == 7
    os.kill(helper, signal.SIGKILL)
