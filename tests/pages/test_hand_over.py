"""Handing a model over from the page Runs: chosen, made in the background, checked, fetched; and a sentence where it cannot be."""

import shutil

import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient
from torchvision import models

from dashboard.components.model_export import ROUTES, file_url
from engine.core.jobs import JobStatus
from engine.core.lease import Lease
from engine.export import job as export_job
from engine.export import session
from engine.export.importing import import_file


def fetched(run_id, format):
    return TestClient(Starlette(routes=ROUTES)).get(file_url(run_id, format))


def test_a_file_is_made_in_the_background_and_its_check_is_told_before_it_is_fetched(tab, copied, wait):
    assert fetched(copied.id, "onnx").status_code == 404
    tab.open("runs", run=copied.id).choose(f"hand-over-{copied.id}", "onnx").press("Create file")
    wait(lambda: export_job.job(copied.id, "onnx").status().state in ("done", "failed"))
    tab.run()
    assert export_job.job(copied.id, "onnx").status().state == "done", tab.text
    assert "the same top class on 28, probabilities differ by at most 0" in tab.text.replace("\\", "")
    assert "Create again" in tab.buttons
    answer = fetched(copied.id, "onnx")
    assert f'filename="{copied.id}.onnx"' in answer.headers["content-disposition"]
    assert answer.content == export_job.exported_file(copied, "onnx").read_bytes()
    assert session.load(export_job.exported_file(copied, "onnx")).meta.classes == copied.classes
    newer = max((copied.path / "checkpoints").glob("best-*"))
    shutil.copytree(newer, newer.with_name("best-999999"))
    assert export_job.result(copied, "onnx") is None
    assert fetched(copied.id, "onnx").status_code == 404


def test_an_export_that_fails_says_why_and_can_be_tried_again(tab, copied):
    for checkpoint in (copied.path / "checkpoints").glob("best-*"):
        (checkpoint / "model.safetensors").write_bytes(b"damaged")
    job = export_job.job(copied.id, "onnx")
    assert job.run(lambda report: export_job.export_and_record(copied, "onnx", report)) == 2
    tab.open("runs", run=copied.id).choose(f"hand-over-{copied.id}", "onnx")
    assert "is damaged" in tab.errors
    assert "Create again" in tab.buttons
    assert fetched(copied.id, "onnx").status_code == 404


def test_progress_is_shown_during_an_export_and_it_can_be_stopped(tab, copied):
    job = export_job.job(copied.id, "bundle")
    job.folder.mkdir(parents=True)
    job._write(JobStatus("working", "testing the file", 32, 200))
    process = Lease(job.folder / "lease")
    assert process.acquire()
    tab.open("runs", run=copied.id).press("Stop")
    process.release()
    assert (job.folder / "stop").exists()


def test_a_run_without_a_model_says_that_there_is_none_yet_and_a_strange_address_is_no_file(tab, copied):
    shutil.rmtree(copied.path / "checkpoints")
    assert "There is no model yet" in tab.open("runs", run=copied.id).text
    for run_id, format in (("..", "onnx"), (copied.id, "exe"), (copied.id, "..%2f..%2fconfig.json")):
        assert fetched(run_id, format).status_code == 404


def test_an_imported_run_is_at_home_on_every_page(tab, untrained, tmp_path):
    torch.save(models.resnet18(num_classes=4).state_dict(), tmp_path / "old.pth")
    result = import_file(tmp_path / "old.pth", "resnet18", ["sea", "forest", "mountain", "glacier"], 64).run
    text = tab.open("runs", run=result.id).text.replace("\\", "")
    assert "imported, not scored yet" in text
    assert "Imported from old.pth" in tab.at.text[0].value
    for page in ("train", "evaluate", "predict", "start"):
        tab.open(page, run=result.id)
        assert not tab.errors, (page, tab.errors)
