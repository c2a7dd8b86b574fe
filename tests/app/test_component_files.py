"""Scripts of components: modules in files, joined to the one text that Streamlit takes."""

import re
import shutil
import subprocess

import pytest

from dashboard.app.component_files import join_modules
from engine.core.paths import PROJECT

ENTRIES = sorted(file for file in PROJECT.glob("dashboard/**/*.js") if "\nexport default " in file.read_text(encoding="utf-8"))


@pytest.fixture
def write(tmp_path):
    def write(**modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
        return tmp_path / "entry.js"

    return write


def test_a_module_stands_after_what_it_imports_and_each_one_once(write):
    entry = write(
        entry='import { draw } from "./draw.js"\nimport { size } from "./size.js"\n\nexport default function entry() {\n  draw(size)\n}\n',
        draw='import {\n  size,\n} from "./size.js"\n\nexport function draw() {\n  return size\n}\n',
        size="export const size = 1\n",
    )
    assert join_modules(entry) == (
        "const size = 1\n\nfunction draw() {\n  return size\n}\n\nexport default function entry() {\n  draw(size)\n}\n"
    )


def test_comments_are_not_sent_and_strings_that_look_like_them_are(write):
    entry = write(
        entry='// Why.\n/** @type {string} */\nconst site = "http://a/*b*/c" // ends\n/**\n * Two\n */\nexport default function entry() {}\n'
    )
    assert join_modules(entry) == 'const site = "http://a/*b*/c" // ends\nexport default function entry() {}\n'


@pytest.mark.parametrize(
    ("other", "line", "message"),
    [
        ("const a = 1\nexport function b() {}\n", "const a = 2\n", "both declare a"),
        ("export const b = 1\n", 'import { b as c } from "./other.js"\n', "renames"),
        ("export const b = 1\n", 'import * as c from "./other.js"\n', "cannot be joined"),
        ('import { c } from "./entry.js"\nexport const b = 1\n', "", "imports itself"),
        ("export default function b() {}\n", "", "cannot be joined"),
    ],
)
def test_what_would_break_in_one_scope_is_refused(write, other, line, message):
    entry = write(entry=f'import {{ b }} from "./other.js"\n{line}export default function entry() {{}}\n', other=other)
    with pytest.raises(ValueError, match=message):
        join_modules(entry)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda file: file.stem)
def test_the_script_of_each_component_is_one_valid_module(entry, tmp_path):
    text = join_modules(entry)
    assert not re.findall(r"^import |^export (?!default )", text, re.M)
    assert len(re.findall("^export default function", text, re.M)) == 1
    if shutil.which("node"):
        file = tmp_path / "joined.mjs"
        file.write_text(text, encoding="utf-8")
        subprocess.run(["node", "--check", file], check=True, timeout=60)
