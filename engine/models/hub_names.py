"""The Hugging Face models that a person named on this machine: the only ones that may be downloaded.

A run's configuration may come from elsewhere; that it names `hf-hub:OWNER/NAME` must not make this program download it.
"""

from engine.core.errors import UserError
from engine.core.files import create_folder, lock_file, read_json, write_json
from engine.core.paths import home

_PREFIX = "hf-hub:"


def remember(model: str) -> None:
    """Remember a name that a person typed or confirmed; other kinds of models are ignored."""
    if not model.startswith(_PREFIX) or model in _known():
        return
    create_folder(home())
    with lock_file(home() / ".hub_models.lock"):
        write_json(home() / "hub_models.json", sorted({*_known(), model}))


def check(model: str) -> None:
    """Raises UserError for a Hugging Face model that nobody has named on this machine."""
    if model.startswith(_PREFIX) and model not in _known():
        raise UserError(
            f"This configuration comes from a run, and nobody has chosen {model[:100]!r} on this machine.",
            f"Start a new run with it if you trust its owner: --model {model[:100]}",
        )


def _known() -> set[str]:
    names = read_json(home() / "hub_models.json", [])
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
