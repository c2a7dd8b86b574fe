const SEEN = "scenescopePaste"

export default function listenOnce() {
  if (document.documentElement.dataset[SEEN]) return
  document.documentElement.dataset[SEEN] = "1"
  document.addEventListener("paste", handOver)
}

/** Give pasted images to the page's uploader, as a drop would. @param {ClipboardEvent} event */
function handOver(event) {
  const input = document.querySelector("[data-testid=stMain] [data-testid=stFileUploaderDropzoneInput]")
  const images = [...(event.clipboardData?.files ?? [])].filter(file => file.type.startsWith("image/"))
  if (!(input instanceof HTMLInputElement) || images.length === 0) return
  event.preventDefault()
  const transfer = new DataTransfer() // the only way to make a FileList
  for (const image of images) transfer.items.add(image)
  input.files = transfer.files
  input.dispatchEvent(new Event("change", { bubbles: true }))
}
