"""Long computations end when the person clicks."""

from dataclasses import replace

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType


def let_clicks_through() -> None:
    """Let a click that waits be acted on at the next element that is drawn, in place of what is being computed.

    Inside a fragment or a dialog Streamlit (1.64) keeps a click until the run under way has ended: a Stop button would do nothing
    before all is computed. Timers that redraw a part of the page are no clicks: nothing would begin the computation again. Streamlit has
    no public way to do this; a browser test holds it to what a person sees.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or context.script_requests is None or not context.fragment_ids_this_run:
        return
    requests = context.script_requests
    with requests._lock:
        waiting = requests._rerun_data
        if requests._state == ScriptRequestType.RERUN and not waiting.is_auto_rerun:
            requests._rerun_data = replace(waiting, is_fragment_scoped_rerun=True)
