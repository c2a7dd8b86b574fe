"""Images pasted anywhere on the page are treated like uploads.

Streamlit 1.64 accepts pasted files in its chat input only. So the images are handed to the page's file uploader, as if they had been
dropped on it, and pass the same checks. Pasted text, such as an address, is left alone.
"""

from streamlit.components.v2 import component

_JS = """
const SEEN = "scenescopePaste"

export default function () {
  if (document.documentElement.dataset[SEEN]) return
  document.documentElement.dataset[SEEN] = "1"
  document.addEventListener("paste", event => {
    const input = document.querySelector("[data-testid=stMain] [data-testid=stFileUploaderDropzoneInput]")
    const images = [...(event.clipboardData?.files ?? [])].filter(file => file.type.startsWith("image/"))
    if (!input || images.length === 0) return
    event.preventDefault()
    const transfer = new DataTransfer() // the only way to make a FileList
    images.forEach(image => transfer.items.add(image))
    input.files = transfer.files
    input.dispatchEvent(new Event("change", { bubbles: true }))
  })
}
"""


def accept_pasted_images() -> None:
    """Hand pasted images to the file uploader from now on. Draws nothing visible."""
    component("scenescope_paste", js=_JS)(key="take_pasted", height=1)
