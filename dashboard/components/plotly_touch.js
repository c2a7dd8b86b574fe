// Keeps touches on charts from plotly; the browser then sends it mouse events, hover first.

const SEEN = "scenescopeTouch"

export default function listenOnce() {
  if (document.documentElement.dataset[SEEN]) return
  document.documentElement.dataset[SEEN] = "1"
  const keepFromPlotly = (/** @type {TouchEvent} */ event) => {
    if (event.target instanceof Element && event.target.closest(".js-plotly-plot")) event.stopPropagation()
  }
  const options = { capture: true, passive: true }
  document.addEventListener("touchstart", keepFromPlotly, options)
  document.addEventListener("touchmove", keepFromPlotly, options)
  document.addEventListener("touchend", keepFromPlotly, options)
}
