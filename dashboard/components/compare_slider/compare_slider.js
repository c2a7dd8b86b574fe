// A picture, and what lies over it to the right of a line that is dragged by pointer, finger or arrow keys.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @typedef {{ picture: string, over: string, alt: string, label: string, opacity: number, waiting: string }} Data */

import { part } from "../dom.js"

/** @param {FrontendRendererArgs<{}, Data>} component */
export default function compareSlider({ data, parentElement: root }) {
  const picture = part(root, ".picture", HTMLImageElement)
  const over = part(root, ".over", HTMLImageElement)
  const line = part(root, ".line", HTMLElement)
  const slider = part(root, ".divide", HTMLInputElement)
  const message = part(root, ".message", HTMLElement)
  const stage = part(root, ".stage", HTMLElement)
  /** @param {string} text */
  const showMessage = text => {
    message.textContent = text
    message.hidden = text === ""
  }
  setSource(picture, data.picture)
  picture.alt = data.alt
  picture.onerror = () => explain(picture, showMessage)
  over.style.opacity = String(data.opacity)
  const hasFailed = over.dataset.failed === data.over
  over.hidden = line.hidden = slider.hidden = !data.over || hasFailed
  slider.setAttribute("aria-label", data.label)
  slider.oninput = () => moveLine(stage, slider)
  moveLine(stage, slider)
  if (!data.over) {
    over.removeAttribute("src")
    delete over.dataset.source
    showMessage("")
    return
  }
  // The same source again would be loaded again, also where it has failed.
  if (over.dataset.source === data.over) return
  over.alt = data.label
  showMessage(data.waiting)
  over.onload = () => showMessage("")
  over.onerror = () => {
    over.dataset.failed = data.over
    line.hidden = slider.hidden = over.hidden = true
    explain(over, showMessage)
  }
  setSource(over, data.over)
}

/** @param {HTMLElement} stage @param {HTMLInputElement} slider */
function moveLine(stage, slider) {
  stage.style.setProperty("--at", `${slider.value}%`)
  slider.setAttribute("aria-valuetext", `${slider.value}% plain picture`)
}

/** @param {HTMLImageElement} image @param {string} source */
function setSource(image, source) {
  if (image.dataset.source === source) return
  image.dataset.source = source
  image.src = source
}

/**
 * Show why a picture is not there, which the server says in words.
 * @param {HTMLImageElement} image
 * @param {(text: string) => void} showMessage
 */
async function explain(image, showMessage) {
  const source = image.getAttribute("src") ?? ""
  const response = await fetch(source).catch(() => null)
  let text = "The server does not answer."
  if (response) text = response.ok ? "This picture cannot be shown." : (await response.text()).slice(0, 200)
  // By the time the server answers, another picture may have taken the place.
  if (image.getAttribute("src") === source) showMessage(text)
}
