// plotly.js draws the difference between two figures into the chart that is there: the element is never replaced.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @typedef {{ figure: string, height: number, ink: string, source: string, label: string }} Data */
/** @typedef {{ plot: HTMLElement, data: Data, repaint: () => void }} Chart */

import { part } from "../dom.js"

/** @type {WeakMap<HTMLElement, Chart>} */
const charts = new WeakMap()
const DARK = matchMedia("(prefers-color-scheme: dark)")
const CONFIG = { displayModeBar: false, scrollZoom: false, doubleClick: false, showTips: false, responsive: true }
const THEME_DELAY = 300 // ms; the colours that are read are Streamlit's, which change after the same event

/** @param {FrontendRendererArgs<{}, Data>} component */
export default function liveChart({ data, parentElement }) {
  const plot = part(parentElement, ".plot", HTMLElement)
  // The room is kept while the library is loaded.
  plot.style.height = `${data.height}px`
  plot.setAttribute("aria-label", data.label)
  const chart = charts.get(plot) ?? mount(plot, data)
  chart.data = data
  draw(chart)
  return () => {
    if (plot.isConnected) return
    DARK.removeEventListener("change", chart.repaint)
    window.Plotly?.purge(plot)
    charts.delete(plot)
  }
}

/** @param {HTMLElement} plot @param {Data} data @returns {Chart} */
function mount(plot, data) {
  /** @type {Chart} */
  const chart = { plot, data, repaint: () => setTimeout(() => draw(chart), THEME_DELAY) }
  DARK.addEventListener("change", chart.repaint)
  charts.set(plot, chart)
  return chart
}

/** @param {Chart} chart */
async function draw(chart) {
  const library = await loadLibrary(chart.data.source)
  // Read after the wait: another poll may have brought newer data meanwhile.
  const { plot, data } = chart
  if (!plot.isConnected) return
  const theme = getComputedStyle(plot)
  const [text, ground, border] = ["text", "background", "border"].map(name => theme.getPropertyValue(`--st-${name}-color`))
  const figure = JSON.parse(data.figure.replaceAll(data.ink, text))
  figure.layout.font = { ...figure.layout.font, family: theme.fontFamily }
  figure.layout.hoverlabel = { ...figure.layout.hoverlabel, bgcolor: ground, bordercolor: border }
  figure.layout.autosize = true
  library.react(plot, figure.data, figure.layout, CONFIG)
}

/** plotly.js, loaded once per tab. @param {string} source @returns {Promise<Plotly>} */
function loadLibrary(source) {
  window.scenescopePlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.onload = () => {
      if (window.Plotly) resolve(window.Plotly)
      else reject(new Error(`${source} is not plotly.js.`))
    }
    script.onerror = reject
    script.src = source
    document.head.append(script)
  })
  return window.scenescopePlotly
}
