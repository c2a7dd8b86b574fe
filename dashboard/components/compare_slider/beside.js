// A picture, and what lies over it to the right of a line that is drawn by pointer, finger or arrow keys.

export default function ({ data, parentElement: root }) {
  const part = name => root.querySelector(name)
  const [stage, picture, over, line, divide, said] = [".stage", ".picture", ".over", ".line", ".divide", ".said"].map(part)
  const show = words => {
    said.textContent = words
    said.hidden = words === ""
  }
  put(picture, data.picture)
  picture.alt = data.alt
  picture.onerror = () => explain(picture, show)
  over.style.opacity = data.opacity
  const failed = over.dataset.failed === data.over
  over.hidden = line.hidden = divide.hidden = !data.over || failed
  divide.setAttribute("aria-label", data.label)
  divide.oninput = () => move(stage, divide)
  move(stage, divide)
  if (!data.over) {
    over.removeAttribute("src")
    delete over.dataset.source
    return show("")
  }
  if (over.dataset.source === data.over) return
  over.dataset.source = data.over
  over.alt = data.label
  show(data.waiting)
  over.onload = () => show("")
  over.onerror = () => {
    over.dataset.failed = data.over
    line.hidden = divide.hidden = over.hidden = true
    explain(over, show)
  }
  over.src = data.over
}

function move(stage, divide) {
  stage.style.setProperty("--at", `${divide.value}%`)
  divide.setAttribute("aria-valuetext", `${divide.value}% plain picture`)
}

function put(image, source) {
  if (image.dataset.source === source) return
  image.dataset.source = source
  image.src = source
}

// The server says in words why a picture is not there. By the time it answers, another picture may have taken the place.
async function explain(image, show) {
  const source = image.getAttribute("src")
  const answer = await fetch(source).catch(() => null)
  let words = "The server does not answer."
  if (answer) words = answer.ok ? "This picture cannot be shown." : (await answer.text()).slice(0, 200)
  if (image.getAttribute("src") === source) show(words)
}
