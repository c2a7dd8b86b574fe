"""What a shell shows when TAB is pressed."""

import shutil
import subprocess
import sys

import pytest
from command_line import run_command

from engine.cli.completion import completion_script
from engine.core.paths import PROJECT

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def complete(finished_session):
    """complete("runs sh"): what can stand at the cursor behind `python -m engine runs sh`; in bash."""

    def complete(line, shell="bash"):
        variables = {"SCENESCOPE_HOME": str(finished_session.home)}
        requested = {"_SCENESCOPE_COMPLETE": shell, "_SCENESCOPE_LINE": f"python -m engine {line}"}
        done = run_command([], variables | requested)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return complete


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("ru", ["runs"]),
        ("runs st", ["stop"]),
        ("completion ", [*SHELLS]),
        ("models --j", ["--json"]),
        ("runs show ", ["RUN"]),
        ("compare RUN ", ["RUN"]),
        ("predict RUN --with ", ["RUN"]),
        ("data show s", ["scenes"]),
        ("audit --dataset ", ["scenes"]),
        ("train --preset b", ["balanced", "best"]),
        ("train --preset=b", ["balanced", "best"]),
        ("train --model resnet1", ["resnet18", "resnet101"]),
        ("train --set sched", ["schedule="]),
        ("train --set schedule=co", ["constant", "cosine"]),
        ("similar scenes 3 --split te", ["test"]),
        ("evaluate RUN --split ", ["test", "validation", "train"]),
        ("export RUN --format t", ["torchscript"]),
        ("explain RUN x.png --classes s", ["sea"]),
        ("pairs RUN sea ", ["forest", "glacier", "mountain", "sea"]),
        ("labels relabel 1 --dataset scenes --to m", ["mountain"]),
        ("augment x.png --pipeline s", ["standard", "strong", "seed"]),
        ("runs restore ", []),
    ],
)
def test_values_are_completed(complete, finished_session, line, values):
    answer = complete(line.replace("RUN", finished_session.run_id))
    expected = [f"plain,{value.replace('RUN', finished_session.run_id)}" for value in values]
    assert [text for text in answer if text] == expected


def test_paths_are_left_to_the_shell(complete, finished_session):
    assert complete(f"predict {finished_session.run_id} pic") == ["file,pic"]
    assert complete(f"predict {finished_session.run_id} x.png --cam ov") == ["dir,ov"]


def test_zsh_and_fish_get_the_whole_word_and_a_word_on_it(complete):
    assert complete("train --preset=fa", "zsh")[:2] == ["plain", "--preset=fast"]
    assert complete("train --set method=f", "fish") == ["plain,method=finetune"]
    (run,) = complete("runs show ", "fish")
    assert run.endswith("\tforest, glacier, mountain, sea")


def test_completion_loads_no_tables(finished_session):
    script = (
        "import sys\nfrom engine.cli import main\nmain()\n"
        "assert not {'numpy', 'pandas', 'torch', 'streamlit'} & set(sys.modules), 'completion must answer at once'"
    )
    variables = {
        "_SCENESCOPE_COMPLETE": "bash",
        "_SCENESCOPE_LINE": "python -m engine runs show ",
        "SCENESCOPE_HOME": str(finished_session.home),
    }
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"plain,{finished_session.run_id}\n"), done.stderr


# Bash splits words at `=` and `:` as well, and replaces only the last piece.
_ASK_BASH = """
compopt() { :; }  # outside of a completion it would complain
ask() {
    COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
    read -ra COMP_WORDS <<< "$(sed 's/[=:]/ & /g' <<< "$1")"
    [[ $1 == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _scenescope_completion "${COMP_WORDS[0]}"
    echo "${COMPREPLY[*]}"
}
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_itself_completes_the_program_and_no_other(finished_session, tmp_path):
    program = tmp_path / "scenescope"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from engine.__main__ import run; run(program=\'scenescope\')" "$@"\n'
    )
    program.chmod(0o755)
    for name, command in (("python -m engine", f"{sys.executable} -m engine"), ("scenescope", str(program))):
        lines = [f"{command} ru", f"{command} runs show ", f"{command} train --set method=f"]
        assert _ask_bash(name, lines, finished_session.home) == ["runs", finished_session.run_id, "finetune"]
    assert _ask_bash("python -m engine", [f"{sys.executable} -m http.s"], finished_session.home) == [""]


def _ask_bash(program, lines, home):
    script = completion_script("bash", program) + _ASK_BASH + "".join(f"ask '{line}'\n" for line in lines)
    environment = {"SCENESCOPE_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("program", ["python -m engine", "scenescope"])
def test_the_script_is_valid_in_its_shell(engine, tmp_path, shell, program):
    done = engine("completion", shell, "--program", program, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "%" not in done.stdout.replace("printf %q", "")  # every placeholder is filled in
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    (tmp_path / "script").write_text(done.stdout)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_the_script_is_for_the_program_as_it_was_called(engine, tmp_path):
    assert "complete -F _scenescope_completion python python3" in engine("completion", "bash", home=tmp_path).stdout
