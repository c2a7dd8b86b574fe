"""The keyboard focus stays on a tab while the page is drawn.

Streamlit 1.64 disables a tab between the message that draws the row of tabs and the one that draws the tab, and a disabled element
loses the focus: the next arrow key would go nowhere.
"""

from streamlit.components.v2 import component

_JS = """
// On the window: each time that it is mounted, this module may be a new one.
const shared = (window.scenescopeTabFocus ??= { tab: null, listening: false })

function listen() {
  shared.listening = true
  document.addEventListener("focusin", event => {
    shared.tab = event.target.closest?.("[role=tab]") ?? null
  })
  document.addEventListener("pointerdown", () => { shared.tab = null }, { capture: true, passive: true })
  new MutationObserver(() => {
    const tab = shared.tab
    if (tab?.isConnected && document.activeElement === document.body && tab.tabIndex >= 0) tab.focus({ preventScroll: true })
  }).observe(document.body, { attributes: true, attributeFilter: ["aria-disabled"], subtree: true })
}

export default function () {
  if (!shared.listening) listen()
}
"""


def keep_tab_focus() -> None:
    """Mount the invisible component that returns the focus to the tab."""
    component("scenescope_tab_focus", js=_JS)(key="tab-focus", height=1)
