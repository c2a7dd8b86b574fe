"""The one cache of the dashboard: `@cached` on a function keeps its results in memory, for all sessions.

What a result depends on follows from the function's arguments:

- its key is the home, the function and the arguments; a run, a dataset or a batch counts by its path;
- its stamp changes with the files behind the arguments: a run's `config.json` (another run in its place is another run) and what
  the decorator names, a dataset's generation, for a filter also the selection and the prediction tables that it refers to.

A parameter whose name begins with an underscore is neither: it follows from the others, or does not change the result.
"""

import contextlib
import functools
import hashlib
import inspect
import pickle
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.app.background import Work, start_thread
from dashboard.app.map_selection import Pick
from dashboard.charts.map_points import Points
from engine.core.file_stamp import file_stamp
from engine.core.limits import limit_bytes
from engine.core.memory_cache import Entry, MemoryCache
from engine.core.paths import home
from engine.core.progress import Progress
from engine.data.catalog import ALL
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings.neighbours import Index
from engine.inference.batch.store import Batch
from engine.runs.config import Config
from engine.runs.run import Run

P = ParamSpec("P")
R = TypeVar("R")

_LIMIT_MB = 1024
_REPORT = "_report"  # the parameter that a long computation calls with its progress; a click ends the computation from there


# A model prepares itself when it is first asked, and a history follows its run.
_memory = MemoryCache(limit_bytes("SCENESCOPE_MEMORY_MB", _LIMIT_MB), growing=True)


def clear() -> None:
    """Drop all results, and those that are being computed, by background threads too."""
    _memory.clear()


def cached(
    *,
    files: tuple[str, ...] = (),
    checkpoint: bool = False,
    stamp: Callable[..., Hashable] | None = None,
    shared: bool = False,
    spinner: str = "",
) -> "Callable[[Callable[P, R]], Cached[P, R]]":
    """Cache a function's results while what they depend on stays the same.

    `files`: names in the folder of each run among the arguments, with other arguments in braces ("predictions-{split}.parquet").
    `checkpoint`: the newest best checkpoint of each run among them. `stamp`: a function of some of the arguments, by their names,
    for what these words cannot say. `shared`: all readers get the same value, which nobody may modify; without it each gets a copy
    of its own, which costs time and memory. `spinner`: what a person reads while the result is computed.
    """
    return lambda function: Cached(function, files, checkpoint, stamp, shared, spinner)


class Cached(Generic[P, R]):
    """A function with cached results. Errors are not cached; equal concurrent calls compute once."""

    def __init__(
        self,
        function: Callable[P, R],
        files: tuple[str, ...],
        checkpoint: bool,
        stamp: Callable[..., Hashable] | None,
        shared: bool,
        spinner: str,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function: Callable[..., R] = function
        self._shared, self._spinner = shared, spinner
        self._files, self._checkpoint, self._stamp_function = files, checkpoint, stamp
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._signature = inspect.signature(function)
        self._stamp_names = tuple(inspect.signature(stamp).parameters) if stamp is not None else ()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        arguments = self._bind(args, kwargs)
        # Before anything is read: a result of files that change meanwhile is computed again at the next call.
        key, stamp = self._key(arguments), self._stamp(arguments)
        entry = _memory.get(key, stamp)
        if entry is None:
            with _show_spinner(self._spinner):
                entry = self._compute(key, stamp, arguments)
        return self._read(entry)

    def has(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether the result is there already."""
        arguments = self._bind(args, kwargs)
        return _memory.get(self._key(arguments), self._stamp(arguments)) is not None

    def _bind(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def _key(self, arguments: dict[str, Any]) -> Hashable:
        values = (identify(value) for name, value in arguments.items() if not name.startswith("_"))
        return str(home()), self._name, *values

    def _stamp(self, arguments: dict[str, Any]) -> Hashable:
        values = [*_flatten(value for name, value in arguments.items() if not name.startswith("_"))]
        filters = [value for value in values if isinstance(value, Filter)] or [ALL]
        parts: list[Hashable] = []
        for value in values:
            if isinstance(value, Run):
                parts.extend(file_stamp(f"{value.path}/{name.format_map(arguments)}") for name in ("config.json", *self._files))
                parts.append(value.checkpoint if self._checkpoint else None)
            elif isinstance(value, Dataset):
                parts.extend(value.catalog.version(conditions) for conditions in filters)
            elif isinstance(value, Batch):
                parts.append(file_stamp(f"{value.path}/batch.json"))
        if self._stamp_function is not None:
            parts.append(self._stamp_function(**{name: arguments[name] for name in self._stamp_names}))
        return tuple(parts)

    def _compute(self, key: Hashable, stamp: Hashable, arguments: dict[str, Any]) -> Entry:
        report = arguments.get(_REPORT)
        if report is None:
            return _memory.compute(key, stamp, lambda: self._make(arguments))

        def record(progress: Progress) -> None:
            _progress[key] = progress
            report(progress)

        def show_progress() -> None:
            # Another session computes the same: this one shows its progress, and a click may end the waiting.
            if (progress := _progress.get(key)) is not None:
                report(progress)

        try:
            return _memory.compute(key, stamp, lambda: self._make({**arguments, _REPORT: record}), show_progress)
        finally:
            _progress.pop(key, None)

    def _make(self, arguments: dict[str, Any]) -> Any:
        result = self._function(**arguments)
        return result if self._shared else pickle.dumps(result, pickle.HIGHEST_PROTOCOL)

    def _read(self, entry: Entry) -> Any:
        return entry.value if self._shared else pickle.loads(entry.value)


_progress: dict[Hashable, Progress] = {}  # of the computations that report it, by key


def identify(value: Any) -> Hashable:
    """What a value counts as in a key: itself, unless it is large or names something that may change."""
    kind = type(value)
    if kind in _IDENTITIES:
        return _IDENTITIES[kind](value)
    return tuple(map(identify, value)) if kind is tuple else value


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


_IDENTITIES: dict[type, Callable[[Any], Hashable]] = {
    Run: lambda run: str(run.path),
    Dataset: lambda data: (str(data.catalog.file), str(data.root)),
    Batch: lambda batch: str(batch.path),
    Config: repr,
    Pick: Pick.to_text,
    Points: lambda points: (points.drawn.version, points.columns.generation),
    Index: lambda index: (str(index.file), index.digest),
    np.ndarray: lambda array: (array.shape, array.dtype.str, _digest(array.tobytes())),
    bytes: _digest,
}


def _flatten(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if type(value) is tuple:
            yield from _flatten(value)
        else:
            yield value


def _show_spinner(text: str) -> contextlib.AbstractContextManager[None]:
    has_page = text and get_script_run_ctx(suppress_warning=True) is not None
    return st.spinner(text) if has_page else contextlib.nullcontext()


def start_background(name: str, work: Work) -> threading.Thread:
    """Run `work` in a thread of the server; what it computes is cached only until the next `clear`."""
    return start_thread(name, _memory.until_cleared(work))
