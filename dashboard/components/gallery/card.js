// The hover card: the picture larger, and its facts. It stands beside its tile, never on it, lets the pointer through, and has
// its full size before it appears. The keyboard's focus shows it too; a finger does not.

const WAIT = 450 // ms that a pointer or the focus rests before the card
const NEXT = 90 // ms from card to card while the keyboard walks
const LARGEST = 320
const MARGIN = 10

function hasCard(item) {
  return item.facts.length > 0 || Boolean(item.preview)
}

function hovering(grid) {
  const { list, leave } = grid
  let over = null
  let place = ""
  const soon = (tile, after) => {
    clearTimeout(grid.soon)
    grid.soon = setTimeout(() => showCard(grid, tile), after)
  }
  list.addEventListener("pointermove", event => {
    const moved = place !== (place = `${event.clientX} ${event.clientY}`)
    const tile = event.target.closest(".tile")
    // A page that scrolls under a pointer at rest sends moves as well.
    if (event.pointerType !== "mouse" || !moved || tile === over) return
    over = tile
    hideCard(grid)
    if (tile && !grid.dragging) soon(tile, WAIT)
  })
  list.addEventListener("pointerleave", () => {
    over = null
    hideCard(grid)
  })
  list.addEventListener("focusin", event => {
    const tile = event.target.closest(".tile")
    if (tile?.matches(":focus-visible")) soon(tile, grid.shown ? NEXT : WAIT)
  })
  list.addEventListener("focusout", event => event.relatedTarget?.closest?.(".tile") || hideCard(grid))
  list.addEventListener("pointerdown", () => hideCard(grid))
  addEventListener("scroll", () => hideCard(grid), { capture: true, passive: true, signal: leave.signal })
  addEventListener("keydown", event => event.key === "Escape" && hideCard(grid), { capture: true, signal: leave.signal })
}

function showCard(grid, tile) {
  const item = grid.items.get(tile.dataset.id)
  const small = tile.querySelector("img")
  if (!tile.isConnected || !item || !hasCard(item) || tile.querySelector(".broken, .changed") || !small.naturalWidth) {
    return hideCard(grid)
  }
  const { card } = grid
  const large = new Image()
  const scale = LARGEST / Math.max(small.naturalWidth, small.naturalHeight)
  large.width = Math.round(small.naturalWidth * scale)
  large.height = Math.round(small.naturalHeight * scale)
  large.src = small.currentSrc || small.src
  card.querySelector(".large").replaceChildren(large)
  paint(card, "--frame", item.colour)
  write(card.querySelector(".name"), item.caption)
  card.querySelector("dl").replaceChildren(...item.facts.flatMap(([name, value]) => [fact("dt", name), fact("dd", value)]))
  grid.shown?.removeAttribute("aria-describedby")
  grid.shown = tile
  tile.setAttribute("aria-describedby", "card")
  card.showPopover()
  stand(card, tile.querySelector(".photo").getBoundingClientRect())
  if (item.preview) sharpen(grid, tile, item.preview, large)
}

function stand(card, photo) {
  const { offsetWidth: width, offsetHeight: height } = card
  const beside = photo.right + MARGIN + width <= innerWidth - MARGIN ? photo.right + MARGIN : photo.left - MARGIN - width
  const besideFits = beside >= MARGIN
  const below = photo.bottom + MARGIN + height <= innerHeight ? photo.bottom + MARGIN : photo.top - MARGIN - height
  const clamp = (value, most) => Math.max(MARGIN, Math.min(value, most - MARGIN))
  card.style.left = `${besideFits ? beside : clamp(photo.left, innerWidth - width)}px`
  card.style.top = `${besideFits ? clamp(photo.top, innerHeight - height) : Math.max(MARGIN, below)}px`
}

// The thumbnail stands there at once, in the final size; the sharper picture takes its place when it has come.
function sharpen(grid, tile, source, large) {
  const picture = new Image()
  picture.src = source
  picture.decode().then(() => grid.shown === tile && (large.src = source), () => {})
}

function refreshCard(grid) {
  if (grid.shown && !grid.shown.isConnected) hideCard(grid)
}

function hideCard(grid) {
  clearTimeout(grid.soon)
  if (!grid.shown) return
  grid.shown.removeAttribute("aria-describedby")
  grid.shown = null
  grid.card.hidePopover()
}

function fact(tag, words) {
  const node = text(tag)
  node.textContent = words
  return node
}
