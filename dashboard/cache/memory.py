"""A cache for long computations that draw their progress and that a click can stop.

Streamlit's own caches replay what is drawn inside a cached function, and raise an error for a progress bar that was created outside.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import streamlit as st

Result = TypeVar("Result")
_MAX_RESULTS = 256  # heatmaps and covers have 200 KB each: 51 MB in all


@st.cache_resource(show_spinner=False)
def stored_results() -> OrderedDict[Hashable, Any]:
    """The results by key, the least recently used first; one dictionary for all sessions."""
    return OrderedDict()


def compute_once(key: Hashable, compute: Callable[[], Result]) -> Result:
    """The result stored under a key; computed where there is none, and the least recently used results are dropped."""
    results = stored_results()
    if key in results:
        with contextlib.suppress(KeyError):  # another session may be putting it out
            results.move_to_end(key)
            return results[key]
    result = results[key] = compute()
    while len(results) > _MAX_RESULTS:
        with contextlib.suppress(KeyError):
            results.popitem(last=False)
    return result
