"""What a person selected with a component: one owner holds it, the component shows it and reports what is selected instead."""

from typing import Protocol, TypeVar

T = TypeVar("T")


class Selection(Protocol[T]):
    """A value that is read anywhere, and written in a callback or before the component is drawn.

    A `Parameter` of the address is one (the cells of a matrix, the area of a map), and so is what a gallery holds in the session.
    """

    def read(self) -> T: ...
    def write(self, value: T, /) -> None: ...
    def clear(self) -> None: ...
