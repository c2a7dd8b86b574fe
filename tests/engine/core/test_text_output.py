"""Text output: no CSV cell is a formula and every cell reads back; a line stays one line; file names fit."""

import csv
import io
import os

import pandas as pd
import pytest

from engine.core.files import file_name, replace_file
from engine.core.paths import PROJECT
from engine.core.text_output import csv_cell, csv_text, from_csv_cell, one_line
from engine.data import datasets
from engine.data.export import csv_rows
from engine.data.filters import Filter

FORMULAS = ['=HYPERLINK("http:a","b").jpg', '-,"q".jpg', "+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''@x"]
PLAIN = ["a.jpg", "sea/-1.jpg", "it's", "'tis", "", "1e3", "naïve 海"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_like_a_formula_and_it_reads_back(text):
    assert csv_cell(text) == f"'{text}"
    assert from_csv_cell(csv_cell(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_stays_as_it_is(text):
    assert csv_cell(text) == from_csv_cell(text) == text


def test_a_table_reads_back_with_its_numbers():
    frame = pd.DataFrame({"path": [*FORMULAS, *PLAIN], "=class": "@sea", "loss": -0.5, "n": -3})
    rows = list(csv.reader(io.StringIO(csv_text(frame), newline="")))
    assert [from_csv_cell(name) for name in rows[0]] == list(frame.columns)
    assert [from_csv_cell(row[0]) for row in rows[1:]] == list(frame["path"])
    assert {tuple(row[1:]) for row in rows[1:]} == {("'@sea", "-0.5", "-3")}


def test_the_table_that_explore_exports_holds_no_formula(home, tmp_path, write_class):
    for kind, name in (("sea", "=1+1"), ("forest", "\rSUM(A1)")):
        write_class(tmp_path / "odd" / name, kind, 3)
    data, _ = datasets.add_dataset(str(tmp_path / "odd"), "odd")
    rows = list(csv.reader(io.StringIO("".join(csv_rows(data.catalog, Filter())), newline="")))
    place = {name: number for number, name in enumerate(rows[0])}
    assert {row[place["class"]] for row in rows[1:]} == {"'=1+1", "'\rSUM(A1)"}
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@" and cell]
    assert {from_csv_cell(row[place["path"]]) for row in rows[1:]} == {row.path for row in data.catalog.page(size=100)}


def test_every_csv_is_written_through_these_functions():
    """A new writer goes through `csv_text`, or joins this list with its cells made by `csv_cell`."""
    writers = {"to_csv(": set(), "csv.writer(": set()}
    for file in (file for folder in ("engine", "dashboard", "pages") for file in (PROJECT / folder).rglob("*.py")):
        for word, files in writers.items():
            if word in file.read_text(encoding="utf-8"):
                files.add(file.relative_to(PROJECT).as_posix())
    assert writers == {"to_csv(": {"engine/core/text_output.py"}, "csv.writer(": {"engine/cli/maps.py", "engine/data/export.py"}}
    assert all("csv_cell(" in (PROJECT / file).read_text(encoding="utf-8") for file in writers["csv.writer("])


def test_a_line_stays_one_line():
    assert one_line("a\nb\r\N{RIGHT-TO-LEFT OVERRIDE}c\x1b[31m") == "a\\nb\\r\\u202ec\\x1b[31m"
    assert one_line("naïve 海 👩‍🚀.jpg") == "naïve 海 👩‍🚀.jpg"


@pytest.mark.parametrize("stem", ["x" * 250, "海" * 83, "e\N{COMBINING ACUTE ACCENT}" * 80, os.fsdecode(b"\xff" * 250), "short"])
def test_a_name_fits_and_keeps_its_number_and_its_ending(tmp_path, stem):
    name = file_name("0007-", stem, "-grad-cam.png")
    assert name.startswith("0007-") and name.endswith("-grad-cam.png")
    assert len(os.fsencode(name)) <= 255
    (tmp_path / name).write_bytes(b"")
    assert name == f"0007-{stem}-grad-cam.png" or len(os.fsencode(name)) > 250


def test_a_file_with_a_long_name_is_replaced_whole(tmp_path):
    file = tmp_path / ("海" * 83 + ".csv")
    with replace_file(file) as temporary:
        temporary.write_text("whole")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [(file.name, "whole")]
