"""`export` and `import` from the command line: what they print, and what they refuse."""

import json


def test_export_prints_what_was_checked_and_import_needs_no_more_than_the_bundle(finished_session, engine, tmp_path):
    home, file = finished_session.home, tmp_path / "model.pt"
    done = engine("export", finished_session.run_id, "--format", "torchscript", "--out", file, "--json", home=home)
    document = json.loads(done.stdout)
    assert (document["format"], document["bytes"]) == ("torchscript", file.stat().st_size)
    assert document["parity"]["same_top"] == document["parity"]["n"] == 28


def test_mistakes_are_told_in_a_sentence(finished_session, engine, tmp_path):
    run, home = finished_session.run_id, finished_session.home
    for arguments, reason in (
        (("export", "no-run"), "There is no run"),
        (("export", run, "--out", tmp_path), "is a folder"),
        (("import", tmp_path / "none.pth", "--model", "resnet18", "--classes", "a,b"), "There is no file"),
        (("import", tmp_path / "none.pth", "--mean", "grey"), "--mean is 'grey'"),
        (("predict", tmp_path / "none.onnx", __file__), "There is no file"),
    ):
        done = engine(*arguments, home=home)
        assert (done.returncode, reason in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr
