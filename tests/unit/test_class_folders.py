"""Which images of a folder belong to which class and set, links and names as they come."""

import hashlib
import logging
import os
import shutil
import unicodedata
from itertools import count

import numpy as np
import pytest
from PIL import Image

from intriguing.datasets import class_folders, load
from intriguing.datasets.root import ROOT_VARIABLE, contents_hash
from intriguing.errors import DataError


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)


def fill(folder, *classes, images=2):
    """Put different grey images into folders."""
    grey = count(len(classes))
    for name in classes or ("",):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(images):
            pixels = np.full((3, 3), next(grey), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def read(folder):
    return load("image_folder", folder=folder, test_fraction=0.5)


# ---- sets


@pytest.mark.parametrize(
    "train, test",
    [
        ("train", "test"),
        ("Training", "Testing"),
        ("TRAIN", "TEST"),
        ("Train", "validation"),
        ("training", "Valid"),
        ("train", "val"),
        ("train", "dev"),
        ("train", "eval"),
        ("training_set", "test_set"),
        ("Train Images", "Test Images"),
        ("train-data", "testdata"),
    ],
)
def test_names_of_sets(tmp_path, caplog, train, test):
    fill(tmp_path / train, "cat", "dog", images=3)
    fill(tmp_path / test, "cat", "dog")
    fill(tmp_path / "__MACOSX" / train, "cat")
    made = read(tmp_path)
    assert made.class_names == ("cat", "dog")
    assert made.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert made.test_labels.tolist() == [0, 0, 1, 1]
    assert not warnings_in(caplog)


def test_a_validation_set_beside_a_test_set_is_left_out_and_named(tmp_path, caplog):
    fill(tmp_path / "train", "cat", "dog")
    fill(tmp_path / "test", "cat", "dog", images=3)
    fill(tmp_path / "val", "cat", "dog", images=5)
    (tmp_path / "annotations").mkdir()
    made = read(tmp_path)
    assert len(made.train_labels) == 4 and len(made.test_labels) == 6
    (record,) = warnings_in(caplog)
    assert record.levelno == logging.WARNING
    assert "only train and test are used, not annotations, val" in record.message


@pytest.mark.parametrize(
    "folders, words",
    [
        (["Train/cat", "training/cat", "test/cat"], "has Train/ and training/, both for the train"),
        (["train/cat", "Test/cat", "test/cat"], "has Test/ and test/, both for the test set"),
        (["train/cat", "val/cat", "dev/cat"], "has dev/ and val/, both for the test set"),
        (["Training/cat"], "has Training/ but no test/: add test/ .* if Training is a class, ren"),
        (["validation/cat", "other/cat"], "has validation/ but no train/: add train/"),
        (["train", "val"], "has train/ and val/ without class folders: .* or rename the two if"),
        (["train/cat", "train/dog", "test"], "test has no class folders: put the images"),
        (["seg_train/a", "seg_test/a", "seg_pred"], "seg_train/ and seg_test/, which seem to be"),
        (["train2017", "val2017"], "train2017/ and val2017/, which seem .* if they are classes"),
        (["cat/train", "cat/test", "dog/train"], "cat has a training and a test set of its own"),
    ],
)
def test_sets_that_could_be_classes_are_refused(tmp_path, folders, words):
    fill(tmp_path, *folders)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("train", "tram"),
        ("control", "test"),
        ("invalid", "valid"),
        ("bus_station", "test_tube", "train_station"),
        ("trainer", "tester"),
    ],
)
def test_classes_whose_names_could_be_sets(tmp_path, names):
    assert read(fill(tmp_path, *names)).class_names == tuple(sorted(names))


# ---- names


def test_accents_are_composed(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    # the e of the decomposed name is before the z, that of the composed one after it
    fill(tmp_path / "train", decomposed, "cafz")
    fill(tmp_path / "test", composed, "cafz")
    made = read(tmp_path)
    assert made.class_names == ("cafz", composed)
    assert made.train_labels.tolist() == made.test_labels.tolist() == [0, 0, 1, 1]
    fill(tmp_path / "train", composed)
    with pytest.raises(DataError, match=f"train has two folders {composed}, whose accents"):
        read(tmp_path)


def test_a_name_that_is_no_text(tmp_path):
    fill(tmp_path, "cat", os.fsdecode(b"\xe9lan"))
    with pytest.raises(DataError, match=r"a folder '\\udce9lan', whose name is not in UTF-8"):
        read(tmp_path)
    assert len(contents_hash(tmp_path)) == 16


# ---- litter


@pytest.mark.parametrize("litter", ["__MACOSX", "@eaDir", ".thumbnails"])
def test_litter_is_ignored_at_every_level(tmp_path, litter):
    wanted = read(fill(tmp_path, "cat", "dog", images=4)).digest
    for place in (tmp_path, tmp_path / "cat", tmp_path / "dog" / "deep"):
        fill(place / litter, "cat")
        (place / litter / "._0.png").write_bytes(b"?")
    assert read(tmp_path).digest == wanted


# ---- links


@pytest.fixture
def linked(tmp_path):
    """A class folder, one that is a link, and one with links to a folder and to a file."""
    fill(tmp_path / "store", "dog", "more", "single")
    folder = fill(tmp_path / "images", "cat", "elk")
    (folder / "dog").symlink_to("../store/dog")
    (folder / "elk" / "more").symlink_to(tmp_path / "store" / "more")
    (folder / "elk" / "9.png").symlink_to(tmp_path / "store" / "single" / "0.png")
    return folder


def test_images_behind_links_are_read(linked):
    names, found = class_folders.listing(linked)
    assert names == ("cat", "dog", "elk")
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 2]


def rewritten(path):
    fill(path.parent)
    os.utime(path, ns=(1, 1))


def warnings_in(caplog):
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def led_elsewhere(link):
    """The link leads to copies with the same names, sizes and times."""
    target = link.resolve()
    other = target.with_name("other")
    (shutil.copytree if target.is_dir() else shutil.copy2)(target, other)
    link.unlink()
    link.symlink_to(other)


CHANGES = {
    "a new image": lambda store, images: fill(store / "dog", "new"),
    "a new image in a folder of a class": lambda store, images: fill(store / "more", "new"),
    "a changed image": lambda store, images: rewritten(store / "dog" / "0.png"),
    "a changed image, linked itself": lambda store, images: rewritten(store / "single" / "0.png"),
    "an image less": lambda store, images: (store / "more" / "1.png").unlink(),
    "another folder": lambda store, images: led_elsewhere(images / "dog"),
    "another folder, deep": lambda store, images: led_elsewhere(images / "elk" / "more"),
    "another file": lambda store, images: led_elsewhere(images / "elk" / "9.png"),
    "nothing there": lambda store, images: (store / "dog").rename(store / "gone"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_behind_links_are_noticed(linked, change):
    before = contents_hash(linked)
    assert contents_hash(linked) == before
    change(linked.parent / "store", linked)
    assert contents_hash(linked) != before


def test_the_hash_of_a_folder_without_links_stays(tmp_path):
    fill(tmp_path, "cat", "dog", "cat/deep", "cat-2", ".hidden", "__MACOSX")
    digest = hashlib.sha256()
    for path in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        status = path.stat()
        facts = (path.relative_to(tmp_path).as_posix(), status.st_size, status.st_mtime_ns)
        digest.update("".join(f"{fact}\0" for fact in facts).encode())
    assert contents_hash(tmp_path) == digest.hexdigest()[:16]
    (tmp_path.parent / "link").symlink_to(tmp_path)
    assert contents_hash(tmp_path.parent / "link") == contents_hash(tmp_path)
    assert contents_hash(tmp_path / "gone") == "missing"


@pytest.mark.parametrize(
    "link, target",
    [
        ("cat/again", "."),
        ("cat/deep/again", ".."),
        ("cat/again", "../.."),
        ("dog/again", "/"),
        ("again", "."),
    ],
)
def test_links_in_circles(linked, link, target):
    (linked / link).parent.mkdir(exist_ok=True)
    (linked / link).symlink_to(target)
    before = contents_hash(linked)
    with pytest.raises(DataError, match="again is a link to a folder that it lies in: delete it"):
        read(linked)
    fill(linked.parent / "store" / "dog", "new")
    assert contents_hash(linked) != before


def test_folders_that_lead_to_each_other(linked):
    (linked / "cat" / "dog").symlink_to("../dog")
    assert len(class_folders.listing(linked)[1]) == 11
    (linked / "dog" / "cat").symlink_to(linked / "cat")
    with pytest.raises(DataError, match="is a link to a folder that it lies in"):
        read(linked)
    assert len(contents_hash(linked)) == 16


def test_a_class_whose_link_leads_nowhere(linked):
    (linked / "fox").symlink_to("../store/fox")
    with pytest.raises(DataError, match=r"fox is a link to \.\./store/fox, which is not there: co"):
        read(linked)
    (linked / "fox").unlink()
    (linked / "fox").symlink_to("fox")
    with pytest.raises(DataError, match="fox is a link to fox, which is not there"):
        read(linked)
    (linked / "fox").rename(linked / ".fox")
    assert read(linked).class_names == ("cat", "dog", "elk")


def test_a_folder_that_cannot_be_listed(linked, monkeypatch):
    listed = os.scandir

    def refused(path):
        if os.fspath(path).endswith("more"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match=r"more cannot be listed \(Permission denied\): make it r"):
        read(linked)
