"""First come first served, in as many places as there are, and nobody dead stands in the way."""

import pytest
import victim

from engine.core.errors import UserError
from engine.core.lease import Lease
from engine.runs import queue


@pytest.fixture
def live(tmp_path):
    """live(id): a run whose lease is held, in the queue; its path and its lease."""
    leases = []

    def make(run_id):
        path = tmp_path / run_id
        path.mkdir(exist_ok=True)
        lease = Lease(path / "lease")
        assert lease.acquire()
        leases.append(lease)
        queue.join(path)
        return path, lease

    yield make
    for lease in leases:
        lease.release()


def test_who_came_first_is_ahead(live):
    first, second, third = (live(run_id)[0] for run_id in ("balanced-10", "fast-2", "fast-1"))
    assert queue.runs_ahead(first) == []
    assert queue.runs_ahead(second) == ["balanced-10"]
    assert queue.runs_ahead(third) == ["balanced-10", "fast-2"]
    queue.leave(first)
    assert (queue.runs_ahead(second), queue.runs_ahead(third)) == ([], ["fast-2"])
    assert queue.runs_ahead(first) is None


def test_a_dead_process_frees_its_place_at_once_without_a_word(live):
    (_, lease), (second, _) = live("fast-1"), live("fast-2")
    assert queue.runs_ahead(second) == ["fast-1"]
    lease.hand_over()
    assert queue.runs_ahead(second) == []


def test_a_run_that_comes_back_queues_up_at_the_end(live):
    (first, lease), (second, _) = live("fast-1"), live("fast-2")
    lease.hand_over()
    live("fast-1")
    assert queue.runs_ahead(first) == ["fast-2"]
    assert queue.runs_ahead(second) == []


def test_the_tickets_of_the_dead_are_swept_away(live, tmp_path):
    for _ in range(5):
        for run_id in ("fast-1", "fast-2"):
            live(run_id)[1].hand_over()
    last, _ = live("fast-3")
    tickets = [file.name for file in (tmp_path / ".queue").iterdir() if not file.name.startswith(".")]
    assert len(tickets) == 1
    assert queue.runs_ahead(last) == []


def test_eight_that_queue_up_at_once_get_eight_places(forks, memory):
    """All start together; each says who was ahead, and stays until the last has said it."""
    start = forks.Barrier(8)
    pipes = [forks.Pipe(duplex=False) for _ in range(8)]
    processes = [
        forks.Process(target=victim.queue_up, args=(memory / f"fast-{i}", start, there)) for i, (_, there) in enumerate(pipes)
    ]
    for process, (_, there) in zip(processes, pipes, strict=True):
        process.start()
        there.close()
    ahead = [here.recv() for here, _ in pipes]
    for process in processes:
        process.kill()
        process.join()
    assert sorted(len(ids) for ids in ahead) == list(range(8))
    longest = max(ahead, key=len)
    assert all(ids == longest[: len(ids)] for ids in ahead)


@pytest.mark.parametrize(("text", "slots"), [(None, 1), ("", 1), ("1", 1), ("4", 4)])
def test_the_number_of_places_is_a_setting(monkeypatch, text, slots):
    monkeypatch.delenv("SCENESCOPE_SLOTS", raising=False)
    if text is not None:
        monkeypatch.setenv("SCENESCOPE_SLOTS", text)
    assert queue.slots() == slots


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_number_of_places_that_is_none_is_told(monkeypatch, text):
    monkeypatch.setenv("SCENESCOPE_SLOTS", text)
    with pytest.raises(UserError, match="SCENESCOPE_SLOTS is '.*', which is not a number of runs. Set it to 1 or more."):
        queue.slots()
