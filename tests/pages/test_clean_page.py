"""The Clean page: each decision is in the log at once, can be undone, and leads to the next finding."""

import shutil

import numpy as np
import pandas as pd
import pytest
from label_edits import exclude, keep, relabel
from tab import Tab

from dashboard.clean.evidence import _bars
from dashboard.clean.issue_measures import measure_text
from dashboard.clean.review import Review
from dashboard.components.gallery.selection import SelectionState
from engine.core.files import read_json, write_json
from engine.curation import acquisition, store
from engine.curation.findings import make_finding
from engine.data.datasets import load_dataset
from engine.data.filters import Filter
from engine.data.labels import edits


@pytest.fixture
def audited(untrained):
    """The dataset `scenes` with an audit: three doubted labels of sea, and two sets of copies."""
    data = load_dataset("scenes")
    table = pd.concat([data.catalog.frame(split).assign(split=split) for split in ("train", "test")])
    sea, forest = (table[table["class"] == name] for name in ("sea", "forest"))
    findings = [make_finding("label_issue", 0.9 - i / 10, sea.iloc[[i]], f"Doubted {i}.", "glacier") for i in range(3)]
    findings += [make_finding("exact_duplicate", 1.0, forest.iloc[[i, i + 1]], f"Alike {i}.") for i in (0, 2)]
    ids = np.sort(sea["id"].to_numpy()[:3])
    document = {"dataset": "scenes", "made": 1.0, "seconds": 1.0, "fingerprint": data.catalog.fingerprint(), "images": 83,
                "classes": list(data.classes), "model": "efficientnet_lite0"}  # fmt: skip
    store.save_audit(data, findings, document, ids, np.tile([0.1, 0.7, 0.1, 0.1], (3, 1)))
    return data


def actions(data):
    return [entry.action for entry in edits.open_log(data).entries]


def test_before_an_audit_the_page_offers_one_and_no_question_about_its_findings(tab, untrained):
    tab.open("clean")
    assert "changes nothing" in tab.text
    assert "Start the audit" in tab.buttons
    assert not tab.at.get("button_group")
    data = load_dataset("scenes")
    exclude(data, data.catalog.frame("train")["id"].tolist()[:1])
    assert tab.open("clean").at.button_group[0].options == ["Decisions", "Effect of retraining"]


def test_the_images_of_a_set_are_marked_with_it_and_with_their_splits(tab, audited):
    items = tab.open("clean", kind="exact_duplicate", clean="many").items("clean-many")
    assert [item["notes"] for item in items] == [
        ["set 1, 1 of 2", "same pixels"], ["set 1, 2 of 2", "same pixels"], ["set 2, 1 of 2", "same pixels"], ["set 2, 2 of 2", "same pixels"],
    ]  # fmt: skip
    assert [item["badge"] for item in items] == ["train"] * 4
    rows = audited.catalog.rows([item["id"] for item in items])
    assert [rows[item["id"]].split for item in items] == ["train"] * 4


def test_a_doubted_label_says_both_probabilities_and_no_bare_score(tab, audited):
    items = tab.open("clean", kind="label_issue", clean="many").items("clean-many")
    assert [item["notes"] for item in items] == [["train", "glacier 70%, sea 10%"]] * 3
    assert "score" not in str(items)


def test_an_outlier_says_its_distance(audited):
    outlier = make_finding("outlier", 1 - 1 / 4.2, audited.catalog.frame("train").assign(split="train").iloc[[0]], "Far.")
    review = Review(audited, store.load_audit(audited), None, audited.classes, {})
    assert (
        measure_text(review, outlier, audited.catalog.rows(outlier.images)[outlier.images[0]]) == "4.2 times the median distance"
    )


def test_the_bars_have_the_present_label_however_improbable():
    shares = {"a": 0.5, "b": 0.2, "c": 0.1, "d": 0.1, "e": 0.0996, "f": 0.0004}
    bars = _bars(shares, {}, "f")
    assert "<b>f</b> (label)" in bars and "<1%" in bars
    others = _bars(shares, {}, "b")
    assert ("<b>b</b> (label)" in others, "<b>a</b>" in others, ">f<" in others) == (True, False, False)


def test_entries_that_do_not_hold_any_more_are_told_apart(tab, audited):
    tab.open("clean", kind="label_issue").press("glacier").press("Exclude").press("Undo")
    image = edits.open_log(audited).entries[0].id
    relabel(audited, [image], "forest")
    table = Tab().open("clean", clean="decided").at.dataframe[0].value
    assert table[["decision", "state"]].to_numpy().tolist() == [
        ["relabelled as forest", "holds"], ["undo", "holds"], ["excluded", "undone"], ["relabelled as glacier", "replaced by a later decision"],
    ]  # fmt: skip
    assert table["when"].str.endswith(" UTC").all()


def test_a_decision_is_in_the_log_and_leads_to_the_next_finding_in_every_tab(tab, audited):
    tab.open("clean", kind="label_issue")
    assert "Doubted 0\\." in tab.text
    tab.press("glacier")
    assert "Doubted 1\\." in tab.text
    [entry] = edits.open_log(audited).entries
    assert (entry.action, entry.old_class, entry.new_class) == ("relabel", "sea", "glacier")
    assert audited.catalog.get(entry.id).class_name == "glacier"
    assert "Doubted 1\\." in Tab().open("clean", kind="label_issue").text
    tab.press("Keep").press("Exclude")
    assert "All 3 findings of this kind have been decided." in tab.text
    assert actions(audited) == ["relabel", "keep", "exclude"]


def test_undo_shows_the_finding_again_and_redo_decides_it_again(tab, audited):
    tab.open("clean", kind="label_issue").press("glacier").press("Exclude").press("Undo")
    assert "Doubted 1\\." in tab.text
    assert tab.press("Undo").url("finding")
    assert "Doubted 0\\." in tab.text
    assert not audited.catalog.count(Filter(edited=("relabelled",)))
    tab.press("Redo").press("Redo")
    assert "Doubted 2\\." in tab.text
    assert audited.catalog.count(Filter(edited=("relabelled",))) == audited.catalog.count(Filter(state="excluded")) == 1


def test_what_a_person_is_not_sure_of_waits(tab, audited):
    tab.open("clean", kind="label_issue").press("Not sure").press("Keep").press("Keep")
    assert "Doubted 0\\." in tab.text, "at the end the ones that were put off come back"
    tab.press("Not sure")
    assert "1 of 1" in tab.text
    tab.press("glacier")
    assert "All 3 findings of this kind have been decided." in tab.text


def test_what_was_relabelled_before_stays_so_when_it_is_kept(tab, audited):
    copy = store.load_audit(audited).findings("exact_duplicate")["images"].iloc[0][0]
    relabel(audited, [copy], "glacier")
    tab.open("clean", kind="exact_duplicate").press("Keep all")
    assert "Alike 2\\." in tab.text
    assert audited.catalog.get(copy).class_name == "glacier"


def test_its_own_class_keeps_an_image(tab, audited):
    tab.open("clean", kind="label_issue").press("sea")
    assert actions(audited) == ["keep"]
    assert "Doubted 1\\." in tab.text


def test_one_of_a_set_is_kept_and_a_bulk_decision_is_one_step(tab, audited):
    tab.open("clean", kind="exact_duplicate")
    next(button for button in tab.at.button if button.key.startswith("clean-only-1-")).click()
    tab.run()
    assert sorted(actions(audited)) == ["exclude", "keep"]
    tab.choose("clean", "many").press("Keep the first of each")
    assert audited.catalog.count(Filter(state="excluded")) == 2
    tab.press("Undo")
    assert audited.catalog.count(Filter(state="excluded")) == 1


def test_images_worth_a_label_are_chosen_and_join_the_training_images_with_it(tab, audited, wait):
    tab.open("clean", clean="many").press("Choose images to label")
    wait(lambda: acquisition.job(audited.name).status().state == "done")
    tab.run()
    assert (tab.url("clean"), tab.url("kind")) == ("one", "unlabelled"), "the page goes to what was asked for"
    assert "3 images chosen" in str([toast.value for toast in tab.at.toast])
    assert "No label yet; the model would say" in tab.text.replace("\\", "")
    assert "Keep" not in tab.buttons
    first = tab.url("finding")
    tab.press("sea")
    [entry] = edits.open_log(audited).entries
    assert (entry.old_class, entry.new_class, audited.catalog.get(entry.id).split) == (None, "sea", "train")
    assert tab.url("finding") not in (None, first)
    tab.press("Exclude").press("Not sure")
    assert actions(audited) == ["relabel", "exclude", "unsure"]


def test_the_log_is_shown_and_a_version_can_be_restored(tab, audited):
    exclude(audited, audited.catalog.frame("train")["id"].tolist()[:2], reason="by <b>hand</b>")
    tab.open("clean", clean="decided").press("Restore")
    assert not audited.catalog.count(Filter(state="excluded"))
    assert "Export the log" in [element.proto.label for element in tab.at.get("download_button")]


def test_the_proof_is_offered_once_a_label_is_another(tab, copied):
    data = load_dataset("scenes")
    assert "there is no effect to measure" in tab.open("clean", clean="helped").text
    exclude(data, data.catalog.frame("test")["id"].tolist()[:1])
    tab.run()
    assert "1 test image excluded" in tab.text
    assert "part of any gain in the score comes from the changed test labels" in tab.text
    assert f"Train {copied.id.replace('-', chr(92) + '-')} again on the cleaned labels" in tab.buttons


def test_a_proof_says_of_which_labels_it_is_and_is_not_offered_twice(tab, copied):
    data, name = load_dataset("scenes"), copied.id.replace("-", "\\-")
    exclude(data, data.catalog.frame("train")["id"].tolist()[:1])
    after = shutil.copytree(copied.path, copied.path.parent / "again")
    now = {"fingerprint": data.catalog.fingerprint(), "labels": edits.open_log(data).version()}
    write_json(after / "config.json", {**read_json(after / "config.json"), **now})
    write_json(after / "proof.json", {"before": copied.id})
    tab.open("clean", run=copied.id, clean="helped")
    assert "24 test images: accuracy changes by 0.0 points (95% interval 0.0 to 0.0)" in tab.text.replace("\\", "")
    assert f"{name} has already been retrained on exactly these labels: again, below." in tab.text
    assert "which have been edited since" not in tab.text
    keep(data, data.catalog.frame("train")["id"].tolist()[:1])
    assert "which have been edited since" not in tab.run().text, "a label that is kept changes no label"
    exclude(data, data.catalog.frame("test")["id"].tolist()[:1])
    assert f"Measured on version {now['labels']} of the labels, which have been edited since" in tab.run().text
    assert f"Train {name} again on the cleaned labels" in tab.buttons


def test_an_image_that_is_gone_gives_a_sentence_and_no_decision(tab, audited):
    tab.open("clean", kind="label_issue")
    with audited.catalog.connect() as connection:
        connection.execute("UPDATE images SET state = 'missing', reason = 'the file is gone' WHERE class = 'sea'")
    tab.press("Exclude")
    assert "is not in scenes any more" in str([toast.value for toast in tab.at.toast])
    assert actions(audited) == []


def test_of_two_tabs_the_second_is_told_that_a_finding_is_decided_and_goes_on(tab, audited):
    other = Tab().open("clean", kind="label_issue")
    tab.open("clean", kind="label_issue").press("glacier")
    other.press("Exclude")
    assert actions(audited) == ["relabel"], "nothing is overwritten"
    assert "has already been decided" in str([toast.value for toast in other.at.toast])
    assert "Doubted 1\\." in other.text
    other.press("Exclude")
    assert actions(audited) == ["relabel", "exclude"]


def test_a_bulk_decision_is_about_what_is_selected_when_it_is_pressed(tab, audited):
    tab.open("clean", kind="label_issue", clean="many")
    first, second, third = (item["id"] for item in tab.items("clean-many"))
    tab.at.session_state["clean-many-selection"] = SelectionState(scope="scenes", ids=(first, second))
    tab.run()
    tab.at.session_state["clean-many-selection"] = SelectionState(scope="scenes", ids=(second, third))
    tab.press("Exclude")
    assert [entry.id for entry in edits.open_log(audited).entries] == [second, third]
    assert not tab.at.session_state["clean-many-selection"].ids


def test_a_bulk_decision_leaves_what_another_tab_decided_meanwhile(tab, audited):
    tab.open("clean", kind="label_issue", clean="many")
    first, second, _ = (item["id"] for item in tab.items("clean-many"))
    tab.at.session_state["clean-many-selection"] = SelectionState(scope="scenes", ids=(first, second))
    tab.run()
    Tab().open("clean", kind="label_issue", clean="one").press("glacier")
    tab.press("Exclude")
    assert [(entry.id, entry.action) for entry in edits.open_log(audited).entries] == [(first, "relabel"), (second, "exclude")]
    assert "1 of 2 images have been decided meanwhile" in str([toast.value for toast in tab.at.toast])
