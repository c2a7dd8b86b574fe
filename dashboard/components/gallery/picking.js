// Selecting: by click and keys, by a rectangle, by a long press. What is selected is held by the server; the browser shows a
// change at once and reports all of it under a rising number. An answer that knows less than was reported is passed over.

const DRAG = 6 // pixels that a hand may tremble
const LONG = 450 // ms of a long press
const EDGE = 56 // pixels from the window's edge where a rectangle begins to scroll the page

function choose(grid, { selected, elsewhere, revision }) {
  if (revision >= grid.revision) {
    grid.revision = revision
    grid.elsewhere = elsewhere
    grid.others = true
    if (!grid.dragging) grid.selected = new Set(selected.map(String))
  }
  mark(grid)
}

function mark(grid) {
  const n = grid.selected.size + grid.elsewhere
  for (const [id, tile] of grid.tiles) {
    if (grid.mode) tile.setAttribute("aria-selected", String(grid.selected.has(id)))
    else tile.removeAttribute("aria-selected")
  }
  grid.list.classList.toggle("any", n > 0)
  grid.bar.hidden = grid.mode !== "many" || grid.items.size + n === 0
  grid.bar.classList.toggle("any", n > 0)
  grid.count.textContent = n > 0 ? said(n, grid.elsewhere) : hint()
}

function said(n, elsewhere) {
  const all = `${n.toLocaleString("en")} selected`
  return elsewhere ? `${all}, ${elsewhere.toLocaleString("en")} of them on other pages` : all
}

function hint() {
  if (matchMedia("(hover: none)").matches) return "Hold a picture to select it."
  return `Select with ${/Mac/.test(navigator.platform) ? "Cmd" : "Ctrl"}+click, Shift+click, or a rectangle.`
}

function set(grid, ids) {
  grid.selected = new Set(ids)
  mark(grid)
}

function report(grid) {
  // In the order of choice: that of the set.
  grid.revision += 1
  grid.report({ ids: Array.from(grid.selected, Number), others: grid.others, revision: grid.revision })
}

function clear(grid) {
  grid.elsewhere = 0
  grid.others = false
  set(grid, [])
  report(grid)
}

function toggle(grid, tile) {
  const id = tile.dataset.id
  const ids = new Set(grid.selected)
  if (!ids.delete(id)) ids.add(id)
  grid.anchor = id
  set(grid, ids)
  report(grid)
}

// From the anchor to here; `also` keeps what was selected before.
function range(grid, tile, also = false) {
  const ids = Array.from(grid.items.keys())
  const from = ids.indexOf(grid.anchor ?? grid.root.activeElement?.dataset?.id ?? tile.dataset.id)
  const to = ids.indexOf(tile.dataset.id)
  const span = ids.slice(Math.min(Math.max(from, 0), to), Math.max(from, to) + 1)
  set(grid, also ? [...grid.selected, ...span] : span)
  report(grid)
}

// Whether the click selected; if not, it opens.
function pick(grid, tile, event) {
  if (grid.mode === "one") {
    set(grid, [tile.dataset.id])
    report(grid)
    return true
  }
  const onCheck = event.target.closest(".check") !== null
  const tapped = grid.pointer === "touch" && event.detail > 0 && grid.selected.size > 0
  if (event.shiftKey) range(grid, tile, event.ctrlKey || event.metaKey || onCheck)
  else if (event.ctrlKey || event.metaKey || onCheck || tapped) toggle(grid, tile)
  else return false
  return true
}

// Whether the key selected.
function pickByKey(grid, tile, event, command) {
  if (event.key === " " && grid.mode === "one") tile.click()
  else if (event.key === " ") toggle(grid, tile)
  else if (command && event.key.toLowerCase() === "a" && grid.mode === "many") {
    set(grid, grid.items.keys())
    report(grid)
  } else return false
  return true
}

function picking(grid) {
  const { list, stage } = grid
  grid.bar.querySelector(".clear").addEventListener("click", () => clear(grid))
  stage.addEventListener("pointerdown", event => {
    grid.pointer = event.pointerType
    grid.dragged = false
    if (grid.mode !== "many") return
    if (event.pointerType === "touch") hold(grid, event)
    else if (event.button === 0 && event.pointerType === "mouse") drag(grid, event)
  })
  // After a long press, the browser would offer to save the picture.
  list.addEventListener("contextmenu", event => grid.mode === "many" && grid.pointer === "touch" && event.preventDefault())
}

function hold(grid, down) {
  const tile = down.target.closest(".tile")
  if (!tile) return
  const done = new AbortController()
  const timer = setTimeout(() => {
    grid.dragged = true // the tap that ends it does not open
    navigator.vibrate?.(10)
    toggle(grid, tile)
  }, LONG)
  const stop = () => {
    clearTimeout(timer)
    done.abort()
  }
  const on = (name, what) => addEventListener(name, what, { signal: done.signal, capture: true })
  on("pointermove", event => distance(event, down) > DRAG && stop())
  for (const name of ["pointerup", "pointercancel", "scroll"]) on(name, stop)
}

function drag(grid, down) {
  const begin = within(grid, down)
  const before = grid.selected
  const added = down.ctrlKey || down.metaKey || down.shiftKey ? before : new Set()
  const done = new AbortController()
  let last = down
  let boxes = null

  const draw = () => {
    const end = within(grid, last)
    const box = { left: Math.min(begin.x, end.x), top: Math.min(begin.y, end.y), right: Math.max(begin.x, end.x), bottom: Math.max(begin.y, end.y) }
    Object.assign(grid.lasso.style, {
      left: `${box.left}px`, top: `${box.top}px`, width: `${box.right - box.left}px`, height: `${box.bottom - box.top}px`,
    })
    const hit = boxes.filter(b => b.left < box.right && b.right > box.left && b.top < box.bottom && b.bottom > box.top)
    set(grid, [...added, ...hit.map(b => b.id)])
  }
  const start = () => {
    boxes = Array.from(grid.tiles, ([id, tile]) => placed(grid, id, tile.querySelector(".photo")))
    grid.dragging = grid.dragged = true
    grid.lasso.hidden = false
    grid.stage.setPointerCapture(down.pointerId)
    hideCard(grid)
    edge()
  }
  const edge = () => {
    if (!grid.dragging) return
    const by = last.clientY < EDGE ? last.clientY - EDGE : Math.max(0, last.clientY - innerHeight + EDGE)
    if (by) {
      scroller(grid).scrollBy(0, by / 3)
      draw()
    }
    requestAnimationFrame(edge)
  }
  const finish = () => {
    done.abort()
    grid.lasso.hidden = true
    grid.dragging = false
  }
  const on = (name, what) => addEventListener(name, what, { signal: done.signal, capture: true })
  on("pointermove", event => {
    last = event
    if (!boxes && distance(event, down) > DRAG) start()
    if (boxes) draw()
  })
  on("pointerup", () => {
    finish()
    if (!boxes) return
    report(grid)
    // A rectangle that began in a gap leaves the focus elsewhere, and Escape would not be heard here.
    if (!grid.root.activeElement) tilesOf(grid).find(tile => tile.tabIndex === 0)?.focus({ preventScroll: true })
  })
  on("pointercancel", () => {
    finish()
    set(grid, before)
  })
  on("keydown", event => {
    if (event.key !== "Escape" || !boxes) return
    event.stopPropagation()
    finish()
    set(grid, before)
  })
}

function within(grid, event) {
  const box = grid.stage.getBoundingClientRect()
  return { x: Math.min(Math.max(event.clientX - box.left, 0), box.width), y: Math.min(Math.max(event.clientY - box.top, 0), box.height) }
}

function placed(grid, id, node) {
  const stage = grid.stage.getBoundingClientRect()
  const box = node.getBoundingClientRect()
  return { id, left: box.left - stage.left, right: box.right - stage.left, top: box.top - stage.top, bottom: box.bottom - stage.top }
}

function distance(a, b) {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)
}

function scroller(grid) {
  for (let node = grid.root.host; node; node = node.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(node).overflowY) && node.scrollHeight > node.clientHeight) return node
  }
  return document.scrollingElement
}
