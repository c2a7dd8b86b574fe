"""The script of a component as one text, joined from the modules that it imports.

Streamlit 1.64 takes an inline component's script as the text of one module and imports it from a blob, from where a relative `import`
leads nowhere. The scripts here are real modules all the same, so that an editor, `tsc` and a linter can check them; they are joined
when Python imports the component, and running the app needs no Node.
"""

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{(?P<names>[\s\w,]+)\} from "(?P<file>\.{1,2}/[\w./-]+\.js)"\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?function |const |class )", re.M)
_MODULE_SYNTAX = re.compile(r"^(?:import|export)\b.*", re.M)
_NAME = re.compile(r"^(?:export )?(?:default )?(?:async )?(?:function|const|let|class) (\w+)", re.M)
# Whole lines only: what stands in the middle of a line may be a string.
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:(?!\*/).)*\*/[ \t]*)\n", re.M | re.S)
_LINE_COMMENT = re.compile(r"^[ \t]*//.*\n", re.M)


def join_modules(entry: Path) -> str:
    """The text of the module `entry` after the texts of all that it imports, each once and without comments.

    All of them share one scope then, so a form that would need more than removing the words `import` and `export` (a default or
    renamed import, a name that two modules declare) raises ValueError. `export default` is the entry's alone.
    """
    texts: dict[Path, str] = {}
    _collect(entry.resolve(), texts)
    owners: dict[str, Path] = {}
    for file, text in texts.items():
        for name in _NAME.findall(text):
            if name in owners:
                raise ValueError(f"{file.name} and {owners[name].name} both declare {name} at the top level.")
            owners[name] = file
    return "\n".join(_strip(file, text, file == entry.resolve()) for file, text in texts.items())


def _collect(file: Path, texts: dict[Path, str], importers: tuple[Path, ...] = ()) -> None:
    if file in texts:
        return
    if file in importers:
        raise ValueError(f"{file.name} imports itself through {importers[-1].name}.")
    text = _COMMENT.sub("", _LINE_COMMENT.sub("", file.read_text(encoding="utf-8")))
    for match in _IMPORT.finditer(text):
        if " as " in match["names"]:
            raise ValueError(f"{file.name} renames what it imports from {match['file']}.")
        _collect((file.parent / match["file"]).resolve(), texts, (*importers, file))
    # After its imports: a constant at the top level may use theirs.
    texts[file] = text


def _strip(file: Path, text: str, is_entry: bool) -> str:
    text = _EXPORT.sub("", _IMPORT.sub("", text))
    for line in _MODULE_SYNTAX.findall(text):
        if not (is_entry and line.startswith("export default function")):
            raise ValueError(f"{file.name} has a line that cannot be joined with other modules: {line}")
    return text.strip() + "\n"
