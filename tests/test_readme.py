"""The README says what the program does."""

import re
from pathlib import Path

import click

from engine.cli.commands import root
from engine.runs.config import fields, help_text
from engine.runs.presets import PRESET_HELP, PRESETS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def field_rows() -> list[str]:
    rows = []
    for name, field in fields().items():
        meta = field.metadata
        bounds = ", ".join(meta["choices"]) or (
            f"{meta['minimum']:g} to {meta['maximum']:g}" if meta["maximum"] is not None else ""
        )
        rows.append(f"| `{name}` | {field.default} | {bounds} | {help_text(name)} |")
    return rows


def preset_rows() -> list[str]:
    changes = {name: ", ".join(f"`{k}={v}`" for k, v in values.items()) for name, values in PRESETS.items()}
    return [f"| `{name}` | {PRESET_HELP[name]} {changes[name]} |" for name in PRESETS]


def commands(group: click.Group = root, *names: str) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with its words: `data add`."""
    context, result = click.Context(group), []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        result += commands(command, *names, name) if isinstance(command, click.Group) else [((*names, name), command)]
    return result


def test_every_field_and_preset_stands_in_the_readme_as_it_is():
    missing = [row for row in field_rows() + preset_rows() if row not in README]
    assert not missing, "Put these rows into README.md:\n" + "\n".join(missing)


def test_every_command_stands_in_the_readme():
    lines = [line for line in README.splitlines() if line.startswith("python -m engine")]
    for words, _ in commands():
        assert any(all(word in line for word in words) for line in lines), words


def test_every_command_and_each_of_its_options_has_a_help_text():
    for words, command in commands():
        assert command.help, words
        assert [param.name for param in command.params if not param.help] == [], words


def flags(command: click.Command) -> set[str]:
    return {flag for param in command.params if isinstance(param, click.Option) for flag in param.opts}


def named_commands(line: str) -> list[click.Command]:
    """The commands that a line such as `runs list | show ID` is about."""
    words = set(re.findall(r"[\w-]+", line.removeprefix("python -m engine ")))
    return [command for names, command in commands() if words.issuperset(names)]


def test_the_readme_names_no_option_that_a_command_does_not_have_and_every_option_that_it_has():
    lines = [line for line in README.splitlines() if line.startswith("python -m engine")]
    for line in lines:
        known = set().union(*map(flags, named_commands(line)))
        assert set(re.findall(r"--[a-z][a-z-]*", line)) <= known, line
    for names, command in commands():
        documented = set().union(*(re.findall(r"--[a-z][a-z-]*", line) for line in lines if command in named_commands(line)))
        assert flags(command) <= documented, names


def test_the_documents_quote_no_command_or_option_that_does_not_exist():
    folder = Path(__file__).parents[1]
    first = {names[0] for names, _ in commands()}
    for file in (folder / "README.md", *(folder / "docs").glob("*.md"), folder / "CONTRIBUTING.md"):
        for quote in re.findall(r"`(?:python -m engine )?([^`\n]+)`", file.read_text(encoding="utf-8")):
            if quote.split()[0] in first and "--" in quote:
                known = set().union(*map(flags, named_commands(quote)))
                assert set(re.findall(r"--[a-z][a-z-]*", quote)) <= known, quote
