"""The tree of commands. What `--help` and completion show loads no command's module but the one that is named."""

from importlib import import_module

import click
from click.shell_completion import CompletionItem

from engine import __version__

# Section of the help -> command -> its module in this package, and its help. The module's function is called NAME_command.
SECTIONS = {
    "Datasets": {
        "data": ("data", "Add, inspect and remove datasets."),
        "map": ("maps", "Draw the map of a dataset: embeddings, neighbours, a 2-D projection."),
        "similar": ("maps", "List the images most similar to an image, with their distances."),
        "audit": ("audit", "Find duplicates, leaks, label errors, outliers and poor-quality images."),
        "choose": ("audit", "Choose the unlabelled images whose labels would help training most (active learning)."),
        "labels": ("labels", "Edit labels; edits are an overlay, and the image files are not changed."),
    },
    "Training": {
        "models": ("models", "List the registered backbones."),
        "augment": ("augmentation", "Apply an augmentation pipeline to an image and write the results."),
        "pipelines": ("augmentation", "List, show, save and delete augmentation pipelines."),
        "train": ("training", "Train a model: start a run and follow it."),
        "lr-find": ("probes", "Find a learning rate with a short training whose learning rate rises from step to step."),
        "runs": ("runs", "List, show, stop, resume, rename and delete runs."),
    },
    "Evaluation": {
        "evaluate": ("evaluate", "Score a run on a split of its dataset, or on a labelled folder."),
        "confusion": ("confusion", "Print the confusion matrix of a run, against the true classes or another run."),
        "pairs": (
            "confusion",
            "Rank the most confused pairs of classes, or show how one pair's errors differ from its correct predictions.",
        ),
        "trust": ("trust", "Calibration, selective prediction, conformal sets, near-duplicates: whether to trust a score."),
        "slices": ("trust", "Find slices in which a run makes more errors than the class mix explains."),
        "compare": ("trust", "Compare two runs: whether B differs from A, in which classes and on which images."),
        "robustness": ("explain", "Measure a run's accuracy on corrupted images, by corruption and severity."),
        "withstand": ("augmentation", "Measure how a run's confidence falls under each step of a pipeline."),
        "proof": ("retraining_effect", "Compare a run from before cleaning with one from after, on both sets of test labels."),
        "report": ("trust", "Write a run's evaluation as one file to keep or to send."),
    },
    "Prediction and export": {
        "predict": ("predict", "Classify images."),
        "explain": ("explain", "Write class activation maps (Grad-CAM and others) of images, for two classes on one scale."),
        "novelty": ("novelty", "Fit a run's out-of-distribution (OOD) detector, which `predict` uses, and measure it."),
        "export": ("export", "Export a run's model as a file, after checking its predictions against the model's."),
        "import": ("export", "Import a bundle, or a state dict with its architecture, as a run."),
    },
    "This program": {
        "jobs": ("jobs", "List what runs in the background, with progress and time left, or stop it."),
        "bench": ("bench", "Measure speed against a plain reference, in alternating rounds."),
        "completion": ("completion", "Print the script with which a shell completes commands, options and values."),
    },
}
_ENTRIES = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class Group(click.Group):
    """A group that lists its commands in the order of their definition, each with its whole help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help or "") for name, command in self.commands.items()])


class _Root(click.Group):
    """The program: imports a command's module when the command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ENTRIES:
            return None
        module, text = _ENTRIES[cmd_name]
        loaded = import_module(f"engine.cli.{module}")
        name = f"{cmd_name.replace('-', '_')}_command"
        command: click.Command = getattr(loaded, name)
        command.help = text
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(n, help=text) for n, (_, text) in _ENTRIES.items() if n.startswith(incomplete)), *options]


@click.group(
    cls=_Root,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110},
)
@click.version_option(__version__, message="%(version)s")
def root() -> None:
    """Scenescope: from a folder of photos to a classifier you can trust."""
