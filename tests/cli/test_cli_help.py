"""`--help`: every command has one, and showing it loads next to nothing."""

import json
import subprocess
import sys

import click

from engine.cli import main
from engine.cli.commands import root
from engine.core.paths import PROJECT

# What no help may load; and what it may load only for commands whose defaults are computed from it.
HEAVY, TABLES = {"torch", "torchvision", "timm", "sklearn", "streamlit"}, {"numpy", "pandas", "PIL", "pyarrow"}
WITH_TABLES = {"bench"}


def every_command(group: click.Group = root, *names: str) -> list[tuple[str, ...]]:
    context, result = click.Context(group), [names]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        result += every_command(command, *names, name) if isinstance(command, click.Group) else [(*names, name)]
    return result


def test_every_command_has_help(capsys):
    for names in every_command():
        assert main([*names, "--help"]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"Usage: {' '.join(('python -m engine', *names))} [OPTIONS]")
        assert main([*names, "-h"]) == 0
        assert capsys.readouterr().out == text


def test_help_names_the_sections_the_arguments_the_options_and_every_field(capsys):
    assert main(["--help"]) == 0
    assert {"Datasets:", "Training:", "Evaluation:", "Prediction and export:"} <= set(capsys.readouterr().out.splitlines())
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    for word in (
        "image_size",
        "peak_lr",
        "seed",
        "augmentation",
        "fast",
        "balanced",
        "auto|cpu|cuda|mps",
        "--like ID",
        "[required]",
    ):
        assert word in text
    assert main(["predict", "--help"]) == 0
    assert "PATH...  image files, folders of images or zip archives" in capsys.readouterr().out


def test_help_loads_neither_torch_nor_streamlit_nor_tables():
    script = (
        "import json, sys\n"
        "from engine.cli import main\n"
        "main([*sys.argv[1:], '--help'])\n"
        f"print(json.dumps(sorted({HEAVY | TABLES!r} & set(sys.modules))))"
    )
    for name in ["", *(names[0] for names in every_command() if len(names) == 1)]:
        done = subprocess.run(
            [sys.executable, "-c", script, *filter(None, [name])], cwd=PROJECT, capture_output=True, text=True, check=True
        )
        loaded = set(json.loads(done.stdout.splitlines()[-1]))
        assert loaded <= (TABLES if name in WITH_TABLES else set()), name
