"""What takes long and can be ended by a click: remembered for all sessions, without Streamlit's own caches.

Those would play back the progress bar, which is drawn outside of them, and refuse to.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import streamlit as st

_MOST = 256  # results that are kept; heatmaps and covers have 200 KB each


@st.cache_resource(show_spinner=False)
def stored_results() -> OrderedDict[tuple, Any]:
    """The results by key, the least recently used first."""
    return OrderedDict()


def compute_once(key: tuple, compute: Callable[[], Any]) -> Any:
    """The result of this key; where there is none it is computed, and the least recently used one goes."""
    results = stored_results()
    if key in results:
        with contextlib.suppress(KeyError):  # another session may be putting it out
            results.move_to_end(key)
            return results[key]
    result = results[key] = compute()
    while len(results) > _MOST:
        with contextlib.suppress(KeyError):
            results.popitem(last=False)
    return result
