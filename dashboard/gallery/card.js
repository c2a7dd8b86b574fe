// The hover card: the picture larger, and its facts. It stands beside its tile, never on it, lets the pointer through, and has
// its full size before it appears. The keyboard's focus shows it too; a finger does not.

const WAIT = 450 // ms before the first card: a pointer that only passes by calls none
const NEXT = 90 // ms from card to card
const LARGEST = 320
const MARGIN = 10

function hasCard(item) {
  return item.facts.length > 0 || Boolean(item.preview)
}

function hovering(grid) {
  const { list, leave } = grid
  const soon = tile => {
    clearTimeout(grid.soon)
    const item = tile && grid.items.get(tile.dataset.id)
    if (!item || !hasCard(item) || grid.dragging) return hideCard(grid)
    grid.soon = setTimeout(() => showCard(grid, tile), grid.shown ? NEXT : WAIT)
  }
  list.addEventListener("pointerover", event => event.pointerType === "mouse" && soon(event.target.closest(".tile")))
  list.addEventListener("pointerleave", () => hideCard(grid))
  list.addEventListener("pointerdown", () => hideCard(grid))
  list.addEventListener("focusin", event => event.target.matches(":focus-visible") && soon(event.target.closest(".tile")))
  list.addEventListener("focusout", () => hideCard(grid))
  addEventListener("scroll", event => event.target !== grid.card && hideCard(grid), { capture: true, passive: true, signal: leave.signal })
  addEventListener("keydown", event => event.key === "Escape" && hideCard(grid), { capture: true, signal: leave.signal })
}

function showCard(grid, tile) {
  const item = grid.items.get(tile.dataset.id)
  const small = tile.querySelector("img")
  if (!tile.isConnected || !item || tile.querySelector(".broken, .changed") || !small.naturalWidth) return
  const { card } = grid
  const large = card.querySelector("img")
  const scale = LARGEST / Math.max(small.naturalWidth, small.naturalHeight)
  large.width = Math.round(small.naturalWidth * scale)
  large.height = Math.round(small.naturalHeight * scale)
  large.src = small.src
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
  picture.decode().then(() => { if (grid.shown === tile) large.src = source }, () => {})
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
