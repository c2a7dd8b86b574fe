"""What the script of a component reports: each report counts once, and none is lost.

Streamlit (1.64) drops an event of a component where another message meets it in the queue, and repeats the state of a component with
every later message. So scripts report as state under numbers that rise (`reports.js`), with all that Python has not acknowledged, and
each number is taken once: what Python clears stays cleared although the browser goes on repeating its last report.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st


@dataclass(frozen=True)
class Channel:
    """The reports of the component `key` under one name.

    `lasting`: a report says what holds from then on, so that a session which begins anew (the server was started again) takes it over
    from a tab that stayed open. Any other report counts only in the session that it was made in.
    """

    key: str
    name: str
    lasting: bool = False

    @property
    def revision(self) -> int:
        """The number of the last report that was taken, from which the script goes on; it rises from session to session."""
        return st.session_state.setdefault(f"{self.key}-{self.name}-taken", 0 if self.lasting else round(1000 * time.time()))

    def take(self) -> list[Any]:
        """The values of the reports that are new, in their order. They come from a browser and are not trusted."""
        state = st.session_state.get(self.key)
        reports = state.get(self.name) if isinstance(state, Mapping) else None
        values, last = [], self.revision
        for report in reports if isinstance(reports, list) else ():
            revision = report.get("revision") if isinstance(report, Mapping) else None
            if isinstance(revision, int) and revision > last:
                values.append(report.get("value"))
                last = revision
        st.session_state[f"{self.key}-{self.name}-taken"] = last
        return values


def channel_data(*channels: Channel) -> dict[str, Any]:
    """What the data of a component says of its channels, all of one key."""
    return {"key": channels[0].key, "revisions": {channel.name: channel.revision for channel in channels}}
