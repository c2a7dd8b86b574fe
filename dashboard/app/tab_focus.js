// On the window: each time that it is mounted, this module may be a new one.
window.scenescopeTabFocus ??= { tab: null, listening: false }
const shared = window.scenescopeTabFocus

export default function listenOnce() {
  if (shared.listening) return
  shared.listening = true
  document.addEventListener("focusin", event => {
    const tab = event.target instanceof Element ? event.target.closest("[role=tab]") : null
    shared.tab = tab instanceof HTMLElement ? tab : null
  })
  const forget = () => {
    shared.tab = null
  }
  document.addEventListener("pointerdown", forget, { capture: true, passive: true })
  const observer = new MutationObserver(refocus)
  observer.observe(document.body, { attributes: true, attributeFilter: ["aria-disabled"], subtree: true })
}

function refocus() {
  const { tab } = shared
  if (tab?.isConnected && document.activeElement === document.body && tab.tabIndex >= 0) tab.focus({ preventScroll: true })
}
