"""kill -9, and the power, at any moment: the last checkpoint loads, no event is lost, nothing stays "training"."""

import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import victim

from engine.core.errors import UserError
from engine.core.files import write_json
from engine.runs import checkpoint
from engine.runs.history import build_history
from engine.runs.run import Run

DIRECTORIES, KILLS = 8, 15  # random kills: one after the other in a directory, several directories at a time


def new_run(folder):
    folder.mkdir()
    write_json(folder / "config.json", {})
    return Run(folder.name, folder)


def receive_all(connection):
    """All messages that an ended process has sent."""
    messages = []
    try:
        while connection.poll():
            messages.append(connection.recv())
    except EOFError:
        pass
    return messages


def recorded_steps(run):
    steps = build_history(run.events()[0]).steps
    return steps["step"].tolist() if len(steps) else []


def saved_step(run):
    """The step of the checkpoint that loads, its weights being the ones of that step; 0 where none was ever saved."""
    try:
        loaded = checkpoint.load(run.path, "last")
    except UserError as error:
        assert "no last checkpoint yet" in error.message
        return 0
    assert loaded.notes == ()
    assert torch.equal(loaded.model["weight"], victim.weights(loaded.step)["weight"])
    assert loaded.training == {"step": loaded.step}
    return loaded.step


def check_nothing_lost(run, acknowledged):
    """After an end without warning, the last save that had returned being that of step `acknowledged`."""
    status = run.status
    assert status.state == "interrupted"
    step = saved_step(run)
    assert step in (acknowledged, acknowledged + 1)
    assert set(range(1, step + 1)) <= set(recorded_steps(run))
    sequence = [event["seq"] for event in run.events()[0]]
    assert sequence == list(range(1, len(sequence) + 1))


def killed_at_random(forks, run, seed):
    """The steps that were acknowledged at each of so many kills; the next process goes on where the last was killed."""
    moments, reached = random.Random(seed), []
    for _ in range(KILLS):
        here, there = forks.Pipe(duplex=False)
        process = forks.Process(target=victim.train, args=(run.path, 10**9, there))
        process.start()
        there.close()
        # What it goes on from, and some saves.
        seen = [here.recv() for _ in range(1 + moments.choice([0, 0, 1, 2]))]
        time.sleep(moments.uniform(0, 0.01))
        process.kill()
        process.join()
        reached.append(max(seen + receive_all(here)))
        check_nothing_lost(run, reached[-1])
    return reached


@pytest.mark.slow
def test_a_hundred_kills_cost_no_more_than_the_save_that_was_under_way(forks, memory):
    runs = [new_run(memory / f"fast-{number}") for number in range(DIRECTORIES)]
    with ThreadPoolExecutor(4) as pool:
        reached = list(pool.map(lambda pair: killed_at_random(forks, pair[1], pair[0]), enumerate(runs)))
    assert DIRECTORIES * KILLS >= 100
    assert all(one == sorted(one) for one in reached)
    assert sum(one[-1] for one in reached) > DIRECTORIES * KILLS / 3, "hardly anything was saved between the kills"
    for run in runs:
        # What each killed process left behind does not pile up.
        assert len(list(run.path.iterdir())) <= 5 + KILLS
        assert len(list((run.path / "checkpoints").iterdir())) <= 4


def test_the_process_may_end_before_any_operation_on_the_file_system(forks, memory):
    """Twice a step is saved; the process ends before operation 1, 2, 3, ... and a power cut takes what was not synced."""
    run, last, ended = new_run(memory / "fast-1"), 0, False
    while not ended:
        last += 1
        messages = died_at(forks, run, last)
        ended = ("end",) in messages
        if ended:
            break
        acknowledged = saved_by(messages)
        check_nothing_lost_or_not_begun(run, acknowledged)
        cut_power(run.path, messages)
        check_nothing_lost_or_not_begun(run, acknowledged)
        shutil.rmtree(run.path)
        new_run(run.path)
    assert last > 40, "most operations were not seen"


def died_at(forks, run, last):
    here, there = forks.Pipe(duplex=False)
    process = forks.Process(target=victim.train_until_operation, args=(run.path, last, there))
    process.start()
    there.close()
    messages = []
    try:
        while True:
            messages.append(here.recv())
    except EOFError:
        process.join()
    assert process.exitcode in (0, 9)
    return messages


def saved_by(messages):
    """The step of the last save whose rename had reached the disk."""
    saves = 0
    renamed = False
    for word in messages:
        if word[0] == "renamed" and "/last-" in word[2]:
            renamed = True
        if word[0] == "synced" and word[3].endswith("/checkpoints") and renamed:
            saves, renamed = saves + 1, False
    return saves


def check_nothing_lost_or_not_begun(run, acknowledged):
    if acknowledged or recorded_steps(run):
        check_nothing_lost(run, acknowledged)
    else:
        assert run.status.state == "interrupted"


def cut_power(path, messages):
    """Take back what no fsync had made sure of: the ends of files, and new names in folders."""
    synced = {word[1]: word[2] for word in messages if word[0] == "synced"}
    for file in path.rglob("*"):
        if file.is_file() and file.name != "config.json":
            os.truncate(file, min(synced.get(file.stat().st_ino, 0), file.stat().st_size))
    last_sync = {word[3]: at for at, word in enumerate(messages) if word[0] == "synced"}
    for at, word in reversed(list(enumerate(messages))):
        new = word[0] == "renamed" and "/checkpoints/last-" in word[2]
        if new and last_sync.get(str(Path(word[2]).parent), -1) < at:
            Path(word[2]).rename(word[1])


@pytest.mark.parametrize("size", [100, 4096, 9000, victim.SIZE * 4 - 1, victim.SIZE * 4 + 60])
def test_the_process_may_be_killed_in_the_middle_of_a_write(forks, memory, size):
    """The system ends it at the byte `size` of whatever file grows so large: the model, at the latest."""
    run = new_run(memory / "fast-1")
    process = forks.Process(target=victim.train, args=(run.path, 2))
    process.start()
    process.join()
    process = forks.Process(target=victim.train_until_size, args=(run.path, size))
    process.start()
    process.join()
    assert process.exitcode == -25, "SIGXFSZ"
    assert saved_step(run) == 2
    process = forks.Process(target=victim.train, args=(run.path, 1))
    process.start()
    process.join()
    assert (process.exitcode, saved_step(run), recorded_steps(run)) == (0, 3, [1, 2, 3])
