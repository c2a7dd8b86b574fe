"""The report stands alone, escapes what it is told, and its tables are the prediction table; the commands say the same."""

import io
import json
import re
import zipfile
from html.parser import HTMLParser

import pandas as pd
import pytest

from engine.cli import main
from engine.core.errors import UserError
from engine.core.text_output import plain
from engine.export import report
from engine.export.bundle import bundle_card
from engine.export.description import Description
from engine.runs.metadata import update_metadata
from engine.runs.run import load_run

WITHOUT_END = {"meta", "img", "br"}


class Checked(HTMLParser):
    """Collects elements, addresses and text; every element that is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.open, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def trained(finished):
    return load_run(finished.run_id)


def test_the_report_is_one_file_without_scripts_and_needs_nothing_from_elsewhere(trained):
    steps = []
    text = report.render(trained, ".html", report=lambda progress: steps.append((progress.done, progress.total))).decode()
    result = Checked(text)
    assert {"script", "link", "iframe"} & set(result.tags) == set()
    assert all(address.startswith("data:image/jpeg;base64,") for address in result.addresses)
    assert len(result.addresses) == (trained.predictions("test").table.eval("true != predicted")).sum() > 0
    assert "http" not in re.sub(r"data:image/jpeg;base64,[^\"]*", "", text).replace("http-equiv", "")
    accuracy = trained.results["test"]["accuracy"]
    assert f"Accuracy {accuracy['value']:.1%}" in result.text
    for phrase in ("Confusion matrix", "The test images were scored once", "Per-class metrics", "fingerprint", "image_size"):
        assert phrase in result.text
    assert steps[0][0] == 0
    assert steps[-1][0] == steps[-1][1]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_names_that_are_markup_stay_names(copied_run):
    update_metadata(copied_run.path, name="<img src=x onerror=alert(1)> & **b**", note="</style><script>alert(2)</script>")
    text = report.render(copied_run, ".html").decode()
    assert "script" not in Checked(text).tags
    assert "<img src=x onerror=alert(1)> & **b**" in Checked(text).text
    card = report.render(copied_run, ".md").decode()
    assert "# \\<img src=x onerror=alert(1)\\> \\& \\*\\*b\\*\\*" in card


HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "a | b", "`code` ``` x", "line\nbreak\r\n\r\n# heading",
    "\u202egpj.exe", "\u2066a\u2069\x00\x1b[2J", "[link](javascript:alert(1))", "![image](x)", "1. item", "- item", "---", "$x$ **b** ~~s~~",
    "https://example.org", "www.example.org", "{{ 7 * 7 }}{% for %}", "back\\",
]  # fmt: skip


def html_of_markdown(text):
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_in_every_template(copied_run, name):
    harmless = {kind: report.render(copied_run, kind).decode() for kind in (".html", ".md")}
    config = json.loads((copied_run.path / "config.json").read_text())
    config["classes"] = [f"{name} {i}" if i else name for i in range(len(config["classes"]))]
    (copied_run.path / "config.json").write_text(json.dumps(config))
    update_metadata(copied_run.path, name=name, note=name)
    run = load_run(copied_run.id)
    page, card = report.render(run, ".html").decode(), report.render(run, ".md").decode()
    shown = plain(name)
    for before, after in (
        (Checked(harmless[".html"]), Checked(page)),
        (Checked(html_of_markdown(harmless[".md"])), Checked(html_of_markdown(card))),
    ):
        # The name and the note are one heading and one paragraph more or less; everything else has the elements that it had.
        assert [tag for tag in after.tags if tag != "p"] == [tag for tag in before.tags if tag != "p"]
        assert "".join(after.text.split()).count("".join(shown.split())) >= 2 + 2 * len(config["classes"])
    description = Description(run.classes, 64, (0, 0, 0), (1, 1, 1), 1.0, "one", name, provenance={"dataset": name})
    readme = Checked(html_of_markdown(bundle_card(run, description, {"parity": "equal", "on": name})))
    assert "".join(readme.text.split()).count("".join(shown.split())) == 3 + len(run.classes)
    assert set(readme.tags) == {"h1", "h2", "p", "ul", "li", "code"}
    assert Checked(page).addresses == Checked(harmless[".html"]).addresses
    assert not set("\x00\x1b\u202e\u2066\u2069") & set(page + card)
    assert not re.search(r"https://|www\.", card)


def test_the_model_card_has_what_a_reader_needs(trained):
    card, scores = report.render(trained, ".md").decode(), trained.results["test"]
    assert re.findall("^## (.+)", card, re.M) == [
        "Model", "Intended use", "Data", "Evaluation", "How far to trust the score", "Known weaknesses",
    ]  # fmt: skip
    for index, group in trained.predictions("test").table.groupby("true"):
        recall = (group["predicted"] == index).mean()
        assert re.search(
            rf"^\| {trained.classes[index]} \| [^|]+ \| {recall:.3f} \([^|]+ \| [^|]+ \| {len(group)} \|$", card, re.M
        )
    accuracy = scores["accuracy"]
    assert f"On 24 test images: accuracy {accuracy['value']:.1%} ({100 * accuracy['low']:.1f} to {accuracy['high']:.1%})" in card
    assert f"- Classes: {', '.join(trained.classes)}\n" in card
    assert "`image_size=64`" in card
    assert f"fingerprint `{trained.fingerprint}`" in card
    assert " test, " in card
    assert " validation images), fingerprint" in card
    assert "\n\n\n" not in card


def rewrite_predictions(run, change):
    for split in ("test", "validation"):
        file = run.path / f"predictions-{split}.parquet"
        change(pd.read_parquet(file)).to_parquet(file, index=False)


def test_with_many_classes_the_report_shows_the_weakest_and_no_matrix(copied_run):
    config = json.loads((copied_run.path / "config.json").read_text())
    config["classes"] += [f"empty {i}" for i in range(60)]
    (copied_run.path / "config.json").write_text(json.dumps(config))
    rewrite_predictions(
        copied_run, lambda table: table.assign(probabilities=[[*vector, *[0.0] * 60] for vector in table["probabilities"]])
    )
    result = Checked(report.render(load_run(copied_run.id), ".html").decode())
    assert "The matrix of 64 classes is in the tables of the .zip report" in result.text
    assert "The 40 classes with the lowest F1 of 64." in result.text


def test_a_run_without_errors_has_a_report(copied_run):
    rewrite_predictions(copied_run, lambda table: table[table["true"] == table["predicted"]])
    result = Checked(report.render(load_run(copied_run.id), ".html").decode())
    assert "There are no errors." in result.text
    assert "class A" not in result.text


@pytest.fixture
def copied_run(finished_session, tmp_path, monkeypatch):
    """The finished run in a home of this test's own."""
    import shutil

    shutil.copytree(finished_session.home, tmp_path / "own")
    monkeypatch.setenv("SCENESCOPE_HOME", str(tmp_path / "own"))
    return load_run(finished_session.run_id)


def test_the_tables_are_the_prediction_table_in_two_formats(trained):
    with zipfile.ZipFile(io.BytesIO(report.render(trained, ".zip"))) as archive:
        names = set(archive.namelist())
        assert {"report.html", "model-card.md"} <= names
        exact = pd.read_parquet(io.BytesIO(archive.read("tables/predictions.parquet")))
        text = pd.read_csv(io.BytesIO(archive.read("tables/predictions.csv")))
        confusion = pd.read_csv(io.BytesIO(archive.read("tables/confusion.csv"))).set_index("true")
    table = trained.predictions("test").table
    assert exact["predicted"].tolist() == text["predicted"].tolist() == [trained.classes[i] for i in table["predicted"]]
    assert exact[[f"p {name}" for name in trained.classes]].to_numpy()[0].tolist() == pytest.approx(
        table["probabilities"][0].tolist()
    )
    assert confusion.to_numpy().sum() == len(table)
    assert {
        f"tables/{name}.{end}" for name in ("classes", "reliability", "coverage", "slices") for end in ("csv", "parquet")
    } <= names


def test_without_the_dataset_the_report_says_what_is_left_out(copied_run, tmp_path):
    import shutil

    shutil.rmtree(tmp_path / "own" / "datasets" / "scenes", ignore_errors=True)
    for entry in (tmp_path / "own").iterdir():
        if entry.name not in ("runs",):
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()
    text = Checked(report.render(copied_run, ".html").decode()).text
    assert "Slices, near-duplicates and images are therefore missing" in text
    assert "Per-class metrics" in text


def test_a_run_without_answers_or_an_ending_that_is_none_is_refused(trained, tmp_path):
    with pytest.raises(UserError, match="cannot be written as .pdf"):
        report.render(trained, ".pdf")
    with pytest.raises(UserError, match="no predictions for train"):
        report.render(trained, ".html", "train")
    with pytest.raises(UserError, match="There is no folder"):
        report.write(trained, tmp_path / "nowhere" / "report.md")


def run_json(capsys, *arguments):
    code = main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_commands_say_as_json_what_the_page_says(trained, capsys, tmp_path):
    code, document = run_json(capsys, "trust", trained.id, "--coverage", 0.8, "--sets", "classwise")
    assert (code, document["n"], document["prediction_sets"]["method"]) == (0, 24, "classwise")
    assert document["protocol"]["test_scored"] == 1
    assert document["near_copies"]["exact"] == 0
    code, document = run_json(capsys, "slices", trained.id, "--by", "class")
    assert sum(row["n"] for row in document["slices"]) == 24
    code, document = run_json(capsys, "slices", trained.id, "--filter", "class_sea")
    assert [row["n"] for row in document["slices"]] == [6]
    code, document = run_json(capsys, "compare", trained.id, trained.id)
    assert document["verdict"].endswith("no difference on 24 images.")
    assert document["mcnemar_p"] == 1.0
    code, document = run_json(capsys, "report", trained.id, "--out", tmp_path / "card.md")
    assert document["bytes"] == (tmp_path / "card.md").stat().st_size
    assert (tmp_path / "card.md").read_text().startswith(f"# {trained.id}")
    for arguments in (["trust", trained.id], ["slices", trained.id], ["compare", trained.id, trained.id]):
        assert main(arguments) == 0
        assert trained.id in capsys.readouterr().out or arguments[0] == "trust"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trust", "nothing"], "There is no run 'nothing'."),
        (["trust", "RUN", "--coverage", "2"], "The coverage must be from 0.5 to 0.999 (got 2)."),
        (["trust", "RUN", "--accuracy", "98"], "--accuracy is 98."),
        (["slices", "RUN", "--by", "mood"], "There is no column 'mood'."),
        (["slices", "RUN", "--filter", "mood_3"], "The filter 'mood_3' in the address was not understood"),
        (["slices", "RUN", "--by", "class", "--filter", "class_sea"], "--by and --filter cannot be combined."),
        (["compare", "RUN", "nothing"], "There is no run 'nothing'."),
        (["compare", "RUN", "RUN", "--split", "train"], "has no predictions for train"),
        (["report", "RUN", "--out", "report"], "cannot be written as a file without an extension"),
    ],
)
def test_bad_input_gets_a_sentence_and_exit_2(trained, capsys, arguments, sentence):
    assert main([argument.replace("RUN", trained.id) for argument in arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_a_table_that_was_cut_short_is_written_again_by_evaluate_as_its_message_says(copied_run, capsys):
    file = copied_run.path / "predictions-test.parquet"
    before, content = copied_run.predictions("test").table, file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert main(["trust", copied_run.id]) == 2
    assert f"python -m engine evaluate {copied_run.id} --split test" in capsys.readouterr().err
    code, document = run_json(capsys, "evaluate", copied_run.id)
    assert (code, document["n"]) == (0, 24)
    assert copied_run.predictions("test").table["predicted"].tolist() == before["predicted"].tolist()
