// Typed look-ups in the page, for all components.

/**
 * The first descendant of `root` that matches, as an instance of `type`; an error where the component's HTML does not hold it.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
export function part(root, selector, type) {
  const element = root.querySelector(selector)
  if (element instanceof type) return element
  throw new Error(`The component has no ${type.name} ${selector}.`)
}

/**
 * The element that an event began at or the nearest one around it that matches, else null.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function closest(event, selector) {
  // Not `event.target`: a listener on the document would see the component's host there.
  const [origin] = event.composedPath()
  const element = origin instanceof Element ? origin.closest(selector) : null
  return element instanceof HTMLElement ? element : null
}

/**
 * The canvas's 2D context.
 * @param {HTMLCanvasElement} canvas
 * @returns {CanvasRenderingContext2D}
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d")
  if (context) return context
  throw new Error("The browser cannot draw on a canvas.")
}

/** The bytes that Python wrote as base 64. @param {string} text */
export function decodeBytes(text) {
  const raw = atob(text)
  // A loop: `Uint8Array.from` with a function takes several times as long, and a map of 30,000 images sends 240 kB.
  const bytes = new Uint8Array(raw.length)
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i)
  return bytes
}

/** The name of the key that adds to a selection. */
export function commandKey() {
  return /Mac/.test(navigator.platform) ? "Cmd" : "Ctrl"
}
