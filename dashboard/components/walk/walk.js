// Previous and Next, by click and arrow key. The browser counts where the person is; the server is told the place and not the step, so
// that presses which come while a picture is being drawn are not lost. An answer that knows less than was reported is passed over.

const walks = new WeakMap()
const OWN_KEYS = "input, textarea, select, [contenteditable], [role=slider], [role=combobox], [role=listbox], [role=radiogroup], [role=tablist]"

export default function ({ data, parentElement, setStateValue }) {
  const walk = walks.get(parentElement) ?? mount(parentElement)
  walks.set(parentElement, walk)
  walk.report = said => setStateValue("walked", said)
  walk.count = data.count
  if (data.revision >= walk.revision) {
    walk.revision = data.revision
    walk.place = data.place
  }
  paint(walk)
  return () => {
    walk.leave.abort()
    walks.delete(parentElement)
  }
}

function mount(root) {
  const walk = { buttons: [root.querySelector(".before"), root.querySelector(".after")], place: 0, count: 0, revision: -1, leave: new AbortController() }
  walk.buttons.forEach((button, side) => button.addEventListener("click", () => go(walk, side ? 1 : -1)))
  document.addEventListener("keydown", event => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (!step || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return
    if (event.composedPath()[0].closest?.(OWN_KEYS)) return
    event.preventDefault()
    go(walk, step)
  }, { signal: walk.leave.signal })
  return walk
}

function go(walk, step) {
  const to = walk.place + step
  if (walk.place < 0 || to < 0 || to >= walk.count) return
  walk.place = to
  walk.revision += 1
  walk.report({ place: to, revision: walk.revision })
  paint(walk)
}

function paint(walk) {
  walk.buttons[0].disabled = walk.place <= 0
  walk.buttons[1].disabled = walk.place < 0 || walk.place >= walk.count - 1
}
