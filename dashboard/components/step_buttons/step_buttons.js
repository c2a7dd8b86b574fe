// Previous and Next, by click and arrow key. The browser counts where the person is; the server is told the place and not the step, so
// that presses which come while a picture is being drawn are not lost. An answer that knows less than was reported is passed over.

const walks = new WeakMap()
const states = (window.scenescopeWalks ??= new Map()) // by the component's key: a component that is mounted anew while a picture is drawn goes on
const OWN_KEYS = "input, textarea, select, [contenteditable], [role=slider], [role=combobox], [role=listbox], [role=radiogroup], [role=tablist]"

export default function ({ data, parentElement, setStateValue }) {
  if (!states.has(data.key)) states.set(data.key, { place: 0, count: 0, revision: -1 })
  const walk = walks.get(parentElement) ?? mount(parentElement, states.get(data.key))
  walks.set(parentElement, walk)
  walk.report = said => setStateValue("moved", said)
  walk.state.count = data.count
  if (data.revision >= walk.state.revision) {
    walk.state.revision = data.revision
    walk.state.place = data.place
  }
  paint(walk)
  return () => {
    walk.leave.abort()
    walks.delete(parentElement)
  }
}

function mount(root, state) {
  const walk = { buttons: [root.querySelector(".before"), root.querySelector(".after")], state, leave: new AbortController() }
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
  const state = walk.state, to = state.place + step
  if (state.place < 0 || to < 0 || to >= state.count) return
  state.place = to
  state.revision += 1
  walk.report({ place: to, revision: state.revision })
  paint(walk)
}

function paint(walk) {
  const { place, count } = walk.state
  walk.buttons[0].disabled = place <= 0
  walk.buttons[1].disabled = place < 0 || place >= count - 1
}
