"""A picture that was copied elsewhere is pasted on the page, and goes the way of an upload.

Streamlit 1.64 takes pasted files in its chat input alone. The pictures are handed to the uploader on the page, as a drop would be: all
its checks hold. Text that is pasted, addresses among it, is left alone.
"""

import streamlit as st

_JS = """
const SEEN = "scenescopePaste"

export default function () {
  if (document.documentElement.dataset[SEEN]) return
  document.documentElement.dataset[SEEN] = "1"
  document.addEventListener("paste", event => {
    const input = document.querySelector("[data-testid=stMain] [data-testid=stFileUploaderDropzoneInput]")
    const pictures = [...(event.clipboardData?.files ?? [])].filter(file => file.type.startsWith("image/"))
    if (!input || pictures.length === 0) return
    event.preventDefault()
    const held = new DataTransfer()
    pictures.forEach(picture => held.items.add(picture))
    input.files = held.files
    input.dispatchEvent(new Event("change", { bubbles: true }))
  })
}
"""


def accept_pasted_images() -> None:
    """Hand pasted pictures to the file uploader, once for the tab. It shows nothing."""
    st.components.v2.component("scenescope_paste", js=_JS)(key="take_pasted", height=1)
