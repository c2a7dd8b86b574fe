"""Every test of a process has a home of its own, and computes with one thread."""

from engine_fixtures import _own_home, forks, memory, one_thread  # noqa: F401 - fixtures
