// plotly.js draws the difference between two figures into the chart that is there: the element is never replaced.

const charts = new WeakMap()
const DARK = matchMedia("(prefers-color-scheme: dark)")
const CONFIG = { displayModeBar: false, scrollZoom: false, doubleClick: false, showTips: false, responsive: true }

export default function ({ data, parentElement }) {
  const plot = parentElement.querySelector(".plot")
  // The place is kept while the library is loaded.
  plot.style.height = `${data.height}px`
  plot.setAttribute("aria-label", data.label)
  const chart = charts.get(plot) ?? { plot, repaint: () => setTimeout(() => draw(chart), 300) }
  if (!charts.has(plot)) DARK.addEventListener("change", chart.repaint)
  charts.set(plot, chart)
  chart.data = data
  draw(chart)
  return () => {
    if (plot.isConnected) return
    DARK.removeEventListener("change", chart.repaint)
    window.Plotly?.purge(plot)
    charts.delete(plot)
  }
}

async function draw(chart) {
  const library = await load(chart.data.source)
  const { plot, data } = chart // the newest, if another poll has come meanwhile
  if (!plot.isConnected) return
  const theme = getComputedStyle(plot)
  const [text, ground, border] = ["text", "background", "border"].map(name => theme.getPropertyValue(`--st-${name}-color`))
  const figure = JSON.parse(data.figure.replaceAll(data.ink, text))
  figure.layout.font = { ...figure.layout.font, family: theme.fontFamily }
  figure.layout.hoverlabel = { ...figure.layout.hoverlabel, bgcolor: ground, bordercolor: border }
  figure.layout.autosize = true
  library.react(plot, figure.data, figure.layout, CONFIG)
}

function load(source) {
  return (window.scenescopePlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.onload = () => resolve(window.Plotly)
    script.onerror = reject
    script.src = source
    document.head.append(script)
  }))
}
