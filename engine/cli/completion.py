"""`completion`: the scripts for bash, zsh and fish, and the answers to what they ask when TAB is pressed.

The program may be several words, such as `python -m engine`: the scripts leave every other use of the first word to the shell. They pass
the command line, as far as the cursor, as one text.
"""

import os
from typing import ClassVar

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete, split_arg_string

from engine.cli.parameters import Choice

REQUEST = "_SCENESCOPE_COMPLETE"  # the environment variable that names the shell that asks
_LINE = "_SCENESCOPE_LINE"


class _LineComplete(ShellComplete):
    script: ClassVar[str]
    word = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ[_LINE]
        words = split_arg_string(line)
        self.word = "" if line[-1:].isspace() else words.pop()
        return words[len(self.prog_name.split()) :], self.word

    def format_completion(self, item: CompletionItem) -> str:
        # click completes the value in --name=value, but the shell replaces the whole word.
        name, equals, _ = self.word.partition("=")
        if equals and name.startswith("--") and item.type == "plain":
            item.value = f"{name}={item.value}"
        return super().format_completion(item)


class _Bash(_LineComplete, BashComplete):
    # No space after `field=`, because the value follows.
    script = """\
_scenescope_completion() {
    local kind value IFS
    if [[ $COMP_CWORD -le %(count)s || "${COMP_WORDS[*]:1:%(count)s}" != "%(rest)s" ]]; then
        compopt -o bashdefault -o default
        return
    fi
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$(printf %%q "$value")")
                [[ $value == *= ]] && compopt -o nospace
                ;;
        esac
    done < <(%(request)s=bash %(line)s="${COMP_LINE:0:COMP_POINT}" "$1" %(rest)s 2>/dev/null)
}
complete -F _scenescope_completion %(names)s
"""

    def format_completion(self, item: CompletionItem) -> str:
        kind, _, value = super().format_completion(item).partition(",")
        # Bash replaces only what follows the last `=` or `:` of a word.
        end = max(self.word.rfind("="), self.word.rfind(":")) + 1
        return f"{kind},{value[end:] if value.startswith(self.word[:end]) else value}"


class _Zsh(_LineComplete, ZshComplete):
    script = """\
#compdef %(names)s
_scenescope_completion() {
    local kind value text
    local -a plain described suffix
    if (( CURRENT <= %(last)s )) || [[ "${words[2,%(last)s]}" != "%(rest)s" ]]; then
        if (( $+functions[_%(name)s] )); then _%(name)s "$@"; else _default "$@"; fi
        return
    fi
    for kind value text in "${(@f)$(%(request)s=zsh %(line)s="${(j: :)words[1,CURRENT]}" ${words[1]} %(rest)s 2>/dev/null)}"; do
        [[ $value == *= ]] && suffix=(-S '')
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain) if [[ $text == _ ]]; then plain+=("$value"); else described+=("$value:$text"); fi ;;
        esac
    done
    (( $#described )) && _describe -V values described -U "${suffix[@]}"
    (( $#plain )) && compadd -U -V values "${suffix[@]}" -a plain
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _scenescope_completion "$@"
else
    compdef _scenescope_completion %(names)s
fi
"""


class _Fish(_LineComplete, FishComplete):
    script = """\
function _scenescope_completion
    set -l words (commandline -opc)
    for answer in (env %(request)s=fish %(line)s=(commandline -cp | string collect) $words[1] %(rest)s 2>/dev/null)
        set -l item (string split -m 1 , -- $answer)
        switch $item[1]
            case dir
                __fish_complete_directories $item[2]
            case file
                __fish_complete_path $item[2]
            case plain
                echo $item[2]
        end
    end
end
function _scenescope_is_called
    set -l words (commandline -opc)
    test (count $words) -gt %(count)s; and string match -q -- "*%(spaced_rest)s" "$words[1..%(last)s]"
end
for name in %(names)s
    complete --no-files --command $name --condition _scenescope_is_called --arguments '(_scenescope_completion)'
end
"""


_SHELLS: dict[str, type[_LineComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def complete(root: click.Command, program: str) -> int:
    """Print what can stand at the cursor, in the form that the script of the shell reads; return exit code 0."""
    print(_SHELLS[os.environ[REQUEST]](root, {}, program, REQUEST).complete())
    return 0


def completion_script(shell: str, program: str) -> str:
    """The script that makes the shell complete the arguments of `program`."""
    name, *rest = program.split()
    return _SHELLS[shell].script % {
        "name": name,
        "names": "python python3" if name == "python" else name,
        "rest": " ".join(rest),
        "spaced_rest": "".join(f" {word}" for word in rest),
        "count": len(rest),
        "last": len(rest) + 1,
        "request": REQUEST,
        "line": _LINE,
    }


@click.command(
    epilog="""\b
bash: source <(python -m engine completion bash)
zsh:  source <(python -m engine completion zsh)
fish: python -m engine completion fish | source

Put the line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish to have it in every shell."""
)
@click.argument("shell", type=Choice(list(_SHELLS)), help="the shell that is to run the script")
@click.option("--program", metavar="COMMAND", help="what you type before the arguments (default: as called now)")
@click.pass_context
def completion_command(context: click.Context, shell: str, program: str | None) -> None:
    print(completion_script(shell, program or context.find_root().info_name or ""), end="")
