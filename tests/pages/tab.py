"""A browser tab without a browser: the whole app in AppTest, each page by its address."""

import json
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

PAGES = ("start", "explore", "augment", "train", "runs", "evaluate", "clean", "predict")
_MAIN = Path(__file__).resolve().parents[2] / "dashboard" / "app" / "main.py"


def find_widget(at: AppTest, key: str) -> Any:
    """The element of this key, or the widget that `bind_value` bound under this name."""
    bindings = at.session_state.get("widget-bindings", {})
    return at.get_by_key(bindings[key].key if key in bindings else key)


class Tab:
    """Opens pages by address, presses and chooses, and holds what every page must keep to: it failed nowhere."""

    def __init__(self) -> None:
        self.at = AppTest.from_file(_MAIN, default_timeout=60)
        self.panels: set[str] = set()  # keys of those that are open

    def open(self, page: str, /, **query: str) -> "Tab":
        """The page, at its address with these parameters."""
        self.at.query_params.clear()  # as the browser does on the way to another page
        self.at.query_params.update(query)
        self.at.switch_page(f"../../pages/{page}.py")
        return self.run()

    def run(self) -> "Tab":
        for key in self.panels:  # AppTest knows no popovers: it would close them
            self.at.session_state[key] = True
        self.at.run()
        assert not self.at.exception, [element.value for element in self.at.exception]
        assert "This page failed" not in self.text
        return self

    def press(self, label: str) -> "Tab":
        result = [button for button in self.at.button if button.label == label]
        assert result, f"no button {label!r} among {self.buttons}"
        result[0].click()
        return self.run()

    def choose(self, key: str, value: object) -> "Tab":
        """Set the widget of this key."""
        self.widget(key).set_value(value)
        return self.run()

    def widget(self, key: str) -> Any:
        """The widget of this key, or that `bind_value` bound under this name."""
        return find_widget(self.at, key)

    def open_panel(self, key: str) -> "Tab":
        """Open the popover or the expander of this key: its content is drawn only then."""
        self.panels.add(key)
        return self.run()

    @property
    def text(self) -> str:
        """All words of the page: prose, messages, labels of links."""
        at = self.at
        kinds = (at.title, at.subheader, at.markdown, at.caption, at.info, at.error, at.warning, at.success, at.code)
        return "\n".join([str(element.value) for kind in kinds for element in kind] + self.links)

    @property
    def errors(self) -> str:
        return "\n".join(element.value for element in self.at.error)

    @property
    def buttons(self) -> list[str]:
        return [button.label for button in self.at.button]

    @property
    def links(self) -> list[str]:
        return [element.proto.label for element in self.at.get("page_link")]

    def url(self, key: str) -> str | None:
        return self.at.session_state["address"].get(key)

    def data(self, key: str) -> dict:
        """What the component of this key is given."""
        return json.loads(self.at.get_by_key(key).proto.json)

    def items(self, key: str) -> list[dict]:
        """What the gallery of this key shows."""
        return self.data(key)["items"]

    def figure(self, key: str) -> dict:
        """The plotly figure of this key, as it goes to the browser: an element of Streamlit's, or a live chart."""
        proto = self.at.get_by_key(key).proto
        return json.loads(proto.spec if hasattr(proto, "spec") else json.loads(proto.json)["figure"])

    def pictures(self) -> list[str]:
        """The addresses of the pictures: named by their content."""
        return [image.url for element in self.at.image for image in element.proto.imgs]
