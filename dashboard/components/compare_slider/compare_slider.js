// An image, and an overlay to the right of a line that is dragged by pointer, finger or arrow keys.

/** @import { FrontendRendererArgs } from "@streamlit/component-v2-lib" */
/** @typedef {{ image: string, overlay: string, alt: string, label: string, opacity: number, waiting: string }} Data */

import { part } from "../dom.js"

/** @param {FrontendRendererArgs<{}, Data>} component */
export default function compareSlider({ data, parentElement: root }) {
  const image = part(root, ".image", HTMLImageElement)
  const overlay = part(root, ".overlay", HTMLImageElement)
  const line = part(root, ".line", HTMLElement)
  const slider = part(root, ".divide", HTMLInputElement)
  const message = part(root, ".message", HTMLElement)
  const stage = part(root, ".stage", HTMLElement)
  /** @param {string} text */
  const showMessage = text => {
    message.textContent = text
    message.hidden = text === ""
  }
  setSource(image, data.image)
  image.alt = data.alt
  image.onerror = () => explain(image, showMessage)
  overlay.style.opacity = String(data.opacity)
  const hasFailed = overlay.dataset.failed === data.overlay
  overlay.hidden = line.hidden = slider.hidden = !data.overlay || hasFailed
  slider.setAttribute("aria-label", data.label)
  slider.oninput = () => moveLine(stage, slider)
  moveLine(stage, slider)
  if (!data.overlay) {
    overlay.removeAttribute("src")
    delete overlay.dataset.source
    showMessage("")
    return
  }
  // The same source again would be loaded again, also where it has failed.
  if (overlay.dataset.source === data.overlay) return
  overlay.alt = data.label
  showMessage(data.waiting)
  overlay.onload = () => showMessage("")
  overlay.onerror = () => {
    overlay.dataset.failed = data.overlay
    line.hidden = slider.hidden = overlay.hidden = true
    explain(overlay, showMessage)
  }
  setSource(overlay, data.overlay)
}

/** @param {HTMLElement} stage @param {HTMLInputElement} slider */
function moveLine(stage, slider) {
  stage.style.setProperty("--at", `${slider.value}%`)
  slider.setAttribute("aria-valuetext", `${slider.value}% plain image`)
}

/** @param {HTMLImageElement} image @param {string} source */
function setSource(image, source) {
  if (image.dataset.source === source) return
  image.dataset.source = source
  image.src = source
}

/**
 * Show why an image is not there, which the server says in words.
 * @param {HTMLImageElement} image
 * @param {(text: string) => void} showMessage
 */
async function explain(image, showMessage) {
  const source = image.getAttribute("src") ?? ""
  const response = await fetch(source).catch(() => null)
  let text = "The server does not answer."
  if (response) text = response.ok ? "This image cannot be shown." : (await response.text()).slice(0, 200)
  // By the time the server answers, another image may have taken the place.
  if (image.getAttribute("src") === source) showMessage(text)
}
