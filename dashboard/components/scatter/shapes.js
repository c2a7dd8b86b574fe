// Plain geometry, in pixels or in the map's own units.

// By the even-odd rule, edge for edge the sum that engine/embeddings/projection.py makes: the answer is the server's.
function within(polygon, x, y) {
  let held = false
  for (let i = 0; i < polygon.length; i++) {
    const [ax, ay] = polygon[i]
    const [bx, by] = polygon[(i + 1) % polygon.length]
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) held = !held
  }
  return held
}

// Fewer corners, none of those left out farther than `slack` from the line that replaces it (Douglas and Peucker, 1973).
function simplified(path, slack) {
  const keep = new Uint8Array(path.length)
  keep[0] = keep[path.length - 1] = 1
  const open = [[0, path.length - 1]]
  while (open.length) {
    const [from, to] = open.pop()
    let worst = slack
    let at = -1
    for (let i = from + 1; i < to; i++) {
      const off = distanceToLine(path[i], path[from], path[to])
      if (off > worst) [worst, at] = [off, i]
    }
    if (at < 0) continue
    keep[at] = 1
    open.push([from, at], [at, to])
  }
  return path.filter((_, i) => keep[i])
}

function distanceToLine([x, y], [ax, ay], [bx, by]) {
  const long = Math.hypot(bx - ax, by - ay)
  return long ? Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / long : Math.hypot(x - ax, y - ay)
}

function box([ax, ay], [bx, by]) {
  return [[ax, ay], [bx, ay], [bx, by], [ax, by]]
}

function bytes(text) {
  const raw = atob(text)
  const found = new Uint8Array(raw.length)
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i)
  return found
}
