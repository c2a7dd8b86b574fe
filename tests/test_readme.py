"""The README says what the program does."""

import argparse
from pathlib import Path

from engine.cli import parser
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


def commands(top: argparse.ArgumentParser) -> list[list[str]]:
    result = []
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                deeper = commands(below)
                result += [[name, *rest] for rest in deeper] or [[name]]
    return result


def test_every_field_and_preset_stands_in_the_readme_as_it_is():
    missing = [row for row in field_rows() + preset_rows() if row not in README]
    assert not missing, "Put these rows into README.md:\n" + "\n".join(missing)


def test_every_command_stands_in_the_readme():
    lines = [line for line in README.splitlines() if line.startswith("python -m engine")]
    for words in commands(parser()):
        assert any(all(word in line for word in words) for line in lines), words


def test_every_command_has_a_help_text():
    def check(top: argparse.ArgumentParser) -> None:
        for action in top._actions:
            if isinstance(action, argparse._SubParsersAction):
                assert {choice.dest for choice in action._choices_actions if choice.help} == set(action.choices)
                for below in action.choices.values():
                    check(below)

    check(parser())
