"""A click ends a long computation inside a fragment or a dialog."""

from dataclasses import replace

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType


def let_clicks_through() -> None:
    """Let a waiting click end the present fragment run when the next element is drawn.

    Why: Streamlit 1.64 (`ScriptRequests.on_scriptrunner_yield`) lets a click inside a fragment interrupt a run only where
    `st.rerun(scope="fragment")` caused it; any other one waits until the fragment has been drawn. A Stop button beside a computation
    of minutes would do nothing. So the waiting click is marked as one of that kind. There is no public way: the names below that begin
    with an underscore are private, and were checked with 1.64.0 only, which requirements.txt pins.

    May go when Streamlit lets a fragment's own clicks interrupt it. `tests/browser/test_stop_computing.py` notices a Streamlit in
    which this no longer works.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or context.script_requests is None or not context.fragment_ids_this_run:
        return
    requests = context.script_requests
    with requests._lock:
        waiting = requests._rerun_data
        # A timer that redraws a part of the page (`run_every`) is no click: it would end the computation, and nothing would start it again.
        if requests._state == ScriptRequestType.RERUN and waiting is not None and not waiting.is_auto_rerun:
            requests._rerun_data = replace(waiting, is_fragment_scoped_rerun=True)
