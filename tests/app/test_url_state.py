"""An address that a person goes back to brings its view; what it does not speak of stays as it is."""

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from dashboard.app import url_state
    from dashboard.app.url_state import Parameter, page_parameter
    from engine.core.address import Choice

    result, left = {"kind": "sea", "page": "3"}, {"kind": "forest", "page": "2", "note": "x"}
    st.button("back", on_click=url_state.show_address, args=(result, left))
    st.button("further back", on_click=url_state.show_address, args=({"kind": "sea", "page": "1"}, result))
    kind = url_state.choose(st.selectbox, "Kind", Parameter("kind", Choice(("forest", "sea")), "forest"))
    number = url_state.choose_page(5, kind, page_parameter("page"))
    st.text(f"{kind} {number} {url_state.recall('note')} {url_state.recall('other')}")


def _opened() -> AppTest:
    at = AppTest.from_function(_page)
    at.query_params.update({"kind": "forest", "page": "2", "note": "x", "other": "kept"})
    return at.run()


def test_an_address_is_its_view():
    assert _opened().text[0].value == "forest 2 x kept"


def test_going_back_brings_choices_and_page_and_leaves_the_rest():
    at = _opened()
    at.button[0].click().run()
    assert at.text[0].value == "sea 3 None kept"
    assert at.selectbox[0].value == "sea"
    at.button[1].click().run()
    assert at.text[0].value == "sea 1 None kept"


def test_a_choice_after_going_back_begins_at_its_first_page():
    at = _opened()
    at.button[0].click().run()
    at.selectbox[0].set_value("forest").run()
    assert at.text[0].value == "forest 1 None kept"
