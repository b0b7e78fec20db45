import logging
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from intriguing import splits
from intriguing.datasets import class_folders, inventory, load
from intriguing.datasets.folder import decode
from intriguing.datasets.root import ROOT_VARIABLE
from intriguing.errors import DataError


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)


def noise(height, width, seed=0, channels=3):
    shape = (height, width, 3) if channels == 3 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def channels_first(pixels):
    return np.atleast_3d(pixels).transpose(2, 0, 1)


@pytest.fixture
def photos(tmp_path):
    """10 classes of 5 images, 6x6 in colour; an image has the seed 10 class + number."""
    for label in range(10):
        for number in range(5):
            pixels = noise(6, 6, 10 * label + number)
            save(tmp_path / "photos" / f"class{label}" / f"{number}.png", pixels)
    return tmp_path


def seeds(images):
    """Which image of `photos` each is."""
    known = {
        channels_first(noise(6, 6, seed)).tobytes(): seed
        for seed in (10 * label + number for label in range(10) for number in range(5))
    }
    pixels = (images * 255).round().to(torch.uint8).numpy()
    return [known[image.tobytes()] for image in pixels]


def test_class_folders_are_split(photos):
    made = load("image_folder", photos, folder="photos", seed=2)
    assert made.name == "image_folder"
    assert made.class_names == tuple(f"class{label}" for label in range(10))
    assert made.train_images.shape == (40, 3, 6, 6) and made.train_images.dtype == torch.float32
    assert made.test_labels.bincount().tolist() == [1] * 10
    train, test = splits.stratified_test(np.arange(10).repeat(5), 0.2, 2)
    assert seeds(made.train_images) == [10 * (row // 5) + row % 5 for row in train]
    assert seeds(made.test_images) == [10 * (row // 5) + row % 5 for row in test]
    for images, labels in (
        (made.train_images, made.train_labels),
        (made.test_images, made.test_labels),
    ):
        assert labels.tolist() == [seed // 10 for seed in seeds(images)]
    pixels = channels_first(noise(6, 6, seeds(made.train_images)[7])).astype(np.float32)
    np.testing.assert_array_equal(made.train_images[7].numpy(), pixels / np.float32(255))


def test_one_image_a_class(tmp_path):
    for label in range(10):
        save(tmp_path / f"class{label}" / "0.png", noise(4, 4, label))
    made = load("image_folder", folder=tmp_path)
    assert len(made.train_labels) == 8 and len(made.test_labels) == 2
    assert sorted([*made.train_labels.tolist(), *made.test_labels.tolist()]) == list(range(10))


def test_own_train_and_test_folders(tmp_path, photos):
    for label in range(10):
        (photos / "both" / "test" / f"class{label}").mkdir(parents=True)
        name = f"class{label}/3.png"
        (photos / "photos" / name).rename(photos / "both" / "test" / name)
    (photos / "photos").rename(photos / "both" / "train")
    made = load("image_folder", photos, folder="both", test_fraction=0.5)
    assert seeds(made.test_images) == [10 * label + 3 for label in range(10)]
    assert made.test_labels.tolist() == list(range(10)) and len(made.train_labels) == 40


def test_where_the_folder_is(photos, monkeypatch):
    wanted = load("image_folder", photos, folder="photos").digest
    assert load("image_folder", "/nowhere", folder=photos / "photos").digest == wanted
    # the variable counts for images whose root is not given
    monkeypatch.setenv(ROOT_VARIABLE, str(photos))
    assert load("image_folder", folder="photos").digest == wanted
    monkeypatch.setenv(ROOT_VARIABLE, "/nowhere")
    assert load("image_folder", photos, folder="photos").digest == wanted
    assert load("image_folder", folder=photos / "photos").digest == wanted


def test_the_inventory_is_what_the_reader_reads(photos):
    """Before any job: classes, and number of images."""

    def numbers(made):
        splits = {"train": made.train_labels, "test": made.test_labels}
        return {name: labels.bincount().tolist() for name, labels in splits.items()}

    folder = photos / "photos"
    (folder / "class3" / "4.png").unlink()
    (folder / "class3" / ".DS_Store").touch()
    (folder / "class4" / "more").mkdir()
    for number in range(7):
        save(folder / "class4" / "more" / f"{number}.png", noise(6, 6))
    for fraction in (0.2, 0.5, 0.9):
        made = load("image_folder", folder=folder, test_fraction=fraction)
        known = inventory.of_folder(folder, fraction)
        assert known.class_names == made.class_names and known.splits == numbers(made)
    # drawn from all alike: only the classes are known
    assert inventory.of_folder(folder, 0.01).splits == {}
    (photos / "both").mkdir()
    folder.rename(photos / "both" / "train")
    for label in range(10):
        save(photos / "both" / "test" / f"class{label}" / "0.png", noise(6, 6, label))
    made = load("image_folder", folder=photos / "both")
    known = inventory.of_folder(photos / "both", 0.2)
    assert known.class_names == made.class_names and known.splits == numbers(made)


@pytest.mark.parametrize(
    "names", [("train/a", "train/b"), ("Train/a", "Test/a"), ("a",), ("train/a", "TRAIN/b"), ()]
)
def test_an_unusual_folder_is_left_to_the_reader(tmp_path, names):
    for name in names:
        save(tmp_path / name / "0.png", noise(4, 4))
    assert inventory.of_folder(tmp_path, 0.2) is None
    assert inventory.of_folder(tmp_path / "nowhere", 0.2) is None


def test_links_are_followed(photos):
    (photos / "linked").mkdir()
    for label in range(3):
        (photos / "linked" / f"c{label}").symlink_to(photos / "photos" / f"class{label}")
    assert sum(inventory.of_folder(photos / "linked", 0.2).splits["train"]) == 12
    (photos / "photos" / "class1" / "more").symlink_to(photos / "photos" / "class2")
    assert sum(map(sum, inventory.of_folder(photos / "linked", 0.2).splits.values())) == 20
    (photos / "photos" / "class1" / "back").symlink_to(photos / "photos" / "class1")
    assert inventory.of_folder(photos / "linked", 0.2) is None


def test_only_the_kept_images_are_decoded(photos):
    whole = load("image_folder", photos, folder="photos")
    few = load("image_folder", photos, folder="photos", train_count=12, test_count=3)
    kept = splits.sample(40, 12, seed=0)
    assert torch.equal(few.train_images, whole.train_images[kept])
    assert torch.equal(few.train_labels, whole.train_labels[kept])
    assert torch.equal(few.test_images, whole.test_images[splits.sample(10, 3, seed=0)])
    train, _ = splits.stratified_test(np.arange(10).repeat(5), 0.2, 0)
    dropped = train[np.setdiff1d(np.arange(40), kept)[0]]
    path = photos / "photos" / f"class{dropped // 5}" / f"{dropped % 5}.png"
    path.write_bytes(b"no image")
    again = load("image_folder", photos, folder="photos", train_count=12, test_count=3)
    assert again.digest == few.digest
    with pytest.raises(DataError, match=path.name):
        load("image_folder", photos, folder="photos")
    with pytest.raises(DataError, match=r"data.train_count is 41, but .* has 40 images"):
        load("image_folder", photos, folder="photos", train_count=41)


def test_litter_and_hidden_files_are_no_images(photos):
    wanted = load("image_folder", photos, folder="photos").digest
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".trash/old.png"):
        path = photos / "photos" / "class3" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"?")
    (photos / "photos" / ".ipynb_checkpoints").mkdir()
    (photos / "photos" / "README.txt").write_text("about these images")
    assert load("image_folder", photos, folder="photos").digest == wanted


@pytest.mark.parametrize("name", ["class3/notes.txt", "class3/0.svg", "class3/deep/image"])
def test_files_that_are_no_images_are_named(photos, name):
    path = photos / "photos" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"?")
    with pytest.raises(
        DataError, match=rf"{path} is not an image that can be read .*convert it, or"
    ):
        load("image_folder", photos, folder="photos")


def test_an_image_in_no_class(photos):
    save(photos / "photos" / "stray.png", noise(6, 6))
    with pytest.raises(DataError, match=r"stray.png is in no class folder: move it"):
        load("image_folder", photos, folder="photos")


def test_folders_of_another_form(tmp_path):
    def read():
        return load("image_folder", tmp_path, folder="a")

    with pytest.raises(DataError, match=r"data.folder is missing"):
        load("image_folder", tmp_path)
    with pytest.raises(DataError, match=r"a is not a folder: set data.folder .*INTRIGUING_DATA"):
        read()
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match=r"a has no class folders: put the images of each"):
        read()
    save(tmp_path / "a" / "cat" / "0.png", noise(4, 4))
    with pytest.raises(DataError, match=r"a has only the class folder cat: put"):
        read()
    (tmp_path / "a" / "dog").mkdir()
    with pytest.raises(DataError, match=r"dog has no images: add some, or delete it"):
        read()
    save(tmp_path / "a" / "dog" / "0.png", noise(4, 4))
    with pytest.raises(DataError, match=r"data.test_fraction 0.2 of 2 images leaves 2 to train"):
        read()


def test_train_and_test_folders_of_another_form(tmp_path):
    def read():
        return load("image_folder", folder=tmp_path)

    for name in ("cat", "dog", "elk"):
        save(tmp_path / "train" / name / "0.png", noise(4, 4))
    with pytest.raises(DataError, match=r"has train/ but no test/: add test/"):
        read()
    for name in ("cat", "elk"):
        save(tmp_path / "test" / name / "0.png", noise(4, 4))
    with pytest.raises(DataError, match=r"test lacks the class dog, which .*train has"):
        read()
    for name in ("dog", "fox"):
        save(tmp_path / "test" / name / "0.png", noise(4, 4))
    with pytest.raises(DataError, match=r"train lacks the class fox, which .*test has"):
        read()
    save(tmp_path / "train" / "fox" / "0.png", noise(4, 4))
    assert read().class_names == ("cat", "dog", "elk", "fox")


def test_train_may_be_a_class(tmp_path):
    for name in ("train", "tram"):
        for number in range(5):
            save(tmp_path / name / f"{number}.png", noise(4, 4))
    assert load("image_folder", folder=tmp_path).class_names == ("train", "tram")


def test_a_truncated_image_is_named(photos):
    path = save(photos / "photos" / "class5" / "5.jpg", noise(6, 6), quality=95)
    assert len(load("image_folder", photos, folder="photos").train_labels) == 41
    content = path.read_bytes()
    for damaged in (content[: len(content) - 40], content[:30], b""):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{path} cannot be read \(.*replace it by an intact"):
            load("image_folder", photos, folder="photos")


def test_a_truncated_png_and_a_broken_link_are_named(tmp_path):
    path = save(tmp_path / "0.png", noise(50, 50))
    path.write_bytes(path.read_bytes()[:-2000])
    (tmp_path / "1.png").symlink_to(tmp_path / "gone.png")
    for name in ("0.png", "1.png"):
        with pytest.raises(DataError, match=f"{name} cannot be read"):
            decode([tmp_path / name])


def test_several_pictures_in_one_file(tmp_path):
    frames = [Image.fromarray(noise(4, 4, seed)) for seed in range(3)]
    frames[0].save(tmp_path / "scan.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"scan.tif holds 3 pictures: save each"):
        decode([tmp_path / "scan.tif"])
    frames[0].save(tmp_path / "camera.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert decode([tmp_path / "camera.jpg"]).shape == (1, 3, 4, 4)


@pytest.mark.parametrize("extension", ["gif", "png", "webp"])
def test_an_animation_is_several_pictures(tmp_path, extension):
    path = tmp_path / f"0.{extension}"
    frames = [Image.fromarray(noise(4, 4, seed)) for seed in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(DataError, match=rf"0.{extension} holds 3 pictures: save each as a file of"):
        decode([path])
    frames[0].save(path, save_all=True, lossless=True)
    with Image.open(path) as image:
        wanted = channels_first(np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(decode([path])[0], wanted)


def test_every_name_of_a_format_that_is_read(photos):
    folder = photos / "photos" / "class0"
    grey, other = (Image.new("RGB", (6, 6), (level,) * 3) for level in (50, 200))
    grey.save(folder / "camera.MPO", "MPO", save_all=True, append_images=[other])
    formats = {"a.gif": "GIF", "b.jfif": "JPEG", "c.jpe": "JPEG", "d.apng": "PNG", "e.pnm": "PPM"}
    for name, form in formats.items():
        grey.save(folder / name, form)
    made = load("image_folder", photos, folder="photos", test_fraction=0.2)
    assert len(made.train_labels) + len(made.test_labels) == 50 + 6
    assert (decode([folder / name for name in (*formats, "camera.MPO")]) == 50).all()


@pytest.mark.parametrize("form", ["JPEG2000", "AVIF"])
def test_a_format_that_may_be_deeper_behind_another_name(tmp_path, form):
    Image.fromarray(noise(16, 16)).save(tmp_path / "0.png", form)
    with pytest.raises(DataError, match=rf"0.png is in the format {form}, whatever its name: con"):
        decode([tmp_path / "0.png"])


def by_hand(pixels, resize, size):
    """Shorter side to ``resize`` and the middle of it, by Pillow alone."""
    image = Image.fromarray(pixels)
    short = min(image.size)
    width, height = (int(resize * side / short) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return channels_first(np.asarray(image.crop((left, top, left + size, top + size))))


@pytest.mark.parametrize("shape", [(40, 60), (61, 40), (7, 10), (40, 40)])
@pytest.mark.parametrize("resize", [None, 20])
def test_resize_and_crop(tmp_path, shape, resize):
    pixels = noise(*shape)
    made = decode([save(tmp_path / "0.png", pixels)], size=16, resize=resize)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made[0], by_hand(pixels, resize or 16, 16))


def test_shrinking_averages(tmp_path):
    board = np.indices((64, 64)).sum(0) % 2 * 255
    made = decode([save(tmp_path / "0.png", board.astype(np.uint8))], size=8)
    assert abs(made.astype(int) - 127).max() <= 4


def test_an_image_of_the_right_size_is_left_alone(tmp_path):
    pixels = noise(16, 16)
    made = decode([save(tmp_path / "0.png", pixels)], size=16, resize=20)
    np.testing.assert_array_equal(made[0], channels_first(pixels))


def test_images_of_one_size_need_no_size(tmp_path):
    paths = [save(tmp_path / f"{seed}.png", noise(5, 8, seed)) for seed in range(3)]
    assert decode(paths).shape == (3, 3, 5, 8)
    paths.append(save(tmp_path / "3.png", noise(8, 5)))
    with pytest.raises(DataError, match=r"0.png has 8x5 pixels and .*3.png 5x8: set data.size"):
        decode(paths)
    assert decode(paths, size=5).shape == (4, 3, 5, 5)


def test_grey_and_colour(tmp_path):
    grey, colour = noise(5, 5, channels=1), noise(5, 5)
    paths = [save(tmp_path / "grey.png", grey), save(tmp_path / "colour.png", colour)]
    np.testing.assert_array_equal(decode(paths[:1]), grey[None, None])
    np.testing.assert_array_equal(decode(paths[1:])[0], channels_first(colour))
    with pytest.raises(DataError, match=r"grey.png is grey and .*colour.png is in colour: set dat"):
        decode(paths)
    both = decode(paths, channels=3)
    np.testing.assert_array_equal(both[0], np.stack([grey] * 3))
    np.testing.assert_array_equal(both[1], channels_first(colour))
    both = decode(paths, channels=1)
    np.testing.assert_array_equal(both[0, 0], grey)
    luma = colour @ [0.299, 0.587, 0.114]
    assert abs(both[1, 0] - luma).max() <= 1


def test_other_modes(tmp_path):
    colour = noise(6, 6)
    image = Image.fromarray(colour)
    image.convert("RGBA").save(tmp_path / "alpha.png")
    image.convert("CMYK").save(tmp_path / "cmyk.tif")
    palette = image.quantize(16)
    palette.save(tmp_path / "palette.png")
    palette.save(tmp_path / "clear.png", transparency=bytes(range(16)))
    two = Image.fromarray(noise(6, 6, channels=1) > 127)
    two.save(tmp_path / "two.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = decode(
            [tmp_path / f"{name}" for name in ("alpha.png", "cmyk.tif", "palette.png", "clear.png")]
        )
    np.testing.assert_array_equal(made[0], channels_first(colour))
    np.testing.assert_array_equal(made[1], channels_first(colour))
    quantised = channels_first(np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(made[2], quantised)
    np.testing.assert_array_equal(made[3], quantised)
    np.testing.assert_array_equal(decode([tmp_path / "two.png"])[0, 0], np.asarray(two) * 255)


@pytest.mark.parametrize(
    "kind, name", [("uint16", "0.png"), ("int32", "0.tif"), ("float32", "1.tif")]
)
def test_more_than_8_bits_are_not_clipped(tmp_path, kind, name):
    path = save(tmp_path / name, np.full((4, 4), 3000).astype(kind))
    for channels in (None, 1, 3):
        with pytest.raises(DataError, match=rf"{name} has more than 8 bits a pixel .*convert it"):
            decode([path], channels=channels)


def png(depth, colour, samples):
    """A black PNG image of 2x2 pixels."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 2, 2, depth, colour, 0, 0, 0)
    rows = bytes(1 + 2 * samples * depth // 8) * 2
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def tiff(bits, photometric, samples, *, planes=False, extra=None):
    """A black TIFF image of 2x2 pixels; ``planes``: the channels one after the other."""
    size = 2 * 2 * bits // 8
    strips = [size] * samples if planes else [size * samples]
    tags = {
        256: [2],
        257: [2],
        258: [bits] * samples,
        259: [1],
        262: [photometric],
        273: [8 + sum(strips[:strip]) for strip in range(len(strips))],
        277: [samples],
        278: [2],
        279: strips,
        284: [2 if planes else 1],
    }
    if extra is not None:
        tags[338] = [extra]
    start = 8 + sum(strips)
    after = start + 2 + 12 * len(tags) + 4
    entries, long_values = b"", b""
    for tag, values in tags.items():
        packed = struct.pack(f"<{len(values)}H", *values)
        if len(packed) > 4:
            packed, long_values = struct.pack("<I", after + len(long_values)), long_values + packed
        entries += struct.pack("<HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, start) + bytes(sum(strips)) + directory + long_values


def ppm(kind, largest):
    pixels = b"0 " * 12 if kind == b"P3" else bytes(24 if largest > 255 else 12)
    return kind + b" 2 2 %d " % largest + pixels


DEPTHS = {
    "RGB.png": lambda bits: png(bits, 2, 3),
    "grey_alpha.png": lambda bits: png(bits, 4, 2),
    "RGBA.png": lambda bits: png(bits, 6, 4),
    "RGB.tif": lambda bits: tiff(bits, 2, 3),
    "planes.tif": lambda bits: tiff(bits, 2, 3, planes=True),
    "RGBA.tif": lambda bits: tiff(bits, 2, 4, extra=2),
    "padded.tif": lambda bits: tiff(bits, 2, 4, extra=0),
    "CMYK.tif": lambda bits: tiff(bits, 5, 4),
    "binary.ppm": lambda bits: ppm(b"P6", 2**bits - 1),
    "text.ppm": lambda bits: ppm(b"P3", 2**bits - 1),
    "12_bits.ppm": lambda bits: ppm(b"P6", 2 ** (bits - 4) - 1),
}


@pytest.mark.parametrize("name", DEPTHS)
def test_more_than_8_bits_in_colour_are_not_cut(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DEPTHS[name](8))
    assert decode([path]).shape == (1, 3, 2, 2)
    path.write_bytes(DEPTHS[name](16))
    for channels in (None, 1, 3):
        with pytest.raises(DataError, match=rf"{name} has more than 8 bits a pixel .*convert it"):
            decode([path], channels=channels)


def test_a_bmp_file_of_16_bits_a_pixel_has_fewer_in_a_channel(tmp_path):
    header = struct.pack("<2sIII", b"BM", 74, 0, 66)
    header += struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 16, 3, 8, 0, 0, 0, 0)
    header += struct.pack("<III", 31 << 11, 63 << 5, 31)  # where red, green and blue are
    pixels = struct.pack("<4H", 0, 31, 63 << 5, 31 << 11)  # the lower row first
    (tmp_path / "0.bmp").write_bytes(header + pixels)
    wanted = [[[0, 255], [0, 0]], [[255, 0], [0, 0]], [[0, 0], [0, 255]]]
    assert decode([tmp_path / "0.bmp"])[0].tolist() == wanted


ALPHA = np.full((6, 6), 255, dtype=np.uint8)
HOLES = np.where(np.indices((6, 6)).sum(0) < 4, 0, ALPHA).astype(np.uint8)


def with_alpha(alpha, channels=3):
    return Image.fromarray(np.dstack([noise(6, 6, 1, channels), alpha]))


@pytest.mark.parametrize(
    "name, opaque, transparent",
    [
        ("RGBA.png", (with_alpha(ALPHA), {}), (with_alpha(HOLES), {})),
        ("RGBA.tif", (with_alpha(ALPHA), {}), (with_alpha(HOLES), {})),
        ("grey.png", (with_alpha(ALPHA, 1), {}), (with_alpha(HOLES, 1), {})),
        *(
            (f"one_colour.{extension}", (image, {}), (image, {"transparency": colour}))
            for extension, image, colour in [
                ("gif", Image.fromarray(noise(6, 6, 1)).quantize(16), 0),
                ("png", Image.fromarray(noise(6, 6, 1)).quantize(16), 0),
                ("png", Image.fromarray(noise(6, 6, 1)), tuple(noise(6, 6, 1)[0, 0].tolist())),
                ("png", Image.fromarray(noise(6, 6, 1, 1)), int(noise(6, 6, 1, 1)[0, 0])),
            ]
        ),
    ],
)
def test_transparency_is_dropped_and_named_once(tmp_path, caplog, name, opaque, transparent):
    paths = [tmp_path / f"{number}_{name}" for number in range(3)]
    for path, (image, options) in zip(paths, (opaque, transparent, transparent), strict=True):
        image.save(path, **options)
    made = decode(paths)
    np.testing.assert_array_equal(made[1], made[0])
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert record.levelno == logging.WARNING
    assert f"2 of 3 images have transparent pixels, the first is {paths[1]}: " in record.message


def test_orientation(tmp_path):
    grey = np.repeat(np.repeat(noise(2, 4, channels=1), 8, 0), 8, 1)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    path = save(tmp_path / "0.png", grey, exif=exif)
    np.testing.assert_array_equal(decode([path])[0, 0], np.rot90(grey, -1))
    path = save(tmp_path / "0.jpg", grey, exif=exif, quality=100)
    assert abs(decode([path])[0, 0].astype(int) - np.rot90(grey, -1)).max() < 10


@pytest.mark.parametrize(
    "options, words",
    [
        ({"channels": 4}, r"data.channels is 4: give 1 \(grey\) or 3"),
        ({"size": 0}, "data.size is 0"),
        ({"resize": 10}, "data.resize is 10 without data.size"),
        ({"size": 20, "resize": 10}, "data.resize is 10, less than data.size, 20"),
    ],
)
def test_geometry_that_cannot_be(photos, options, words):
    with pytest.raises(DataError, match=words):
        load("image_folder", photos, folder="photos", **options)


def test_geometry_reaches_the_images(photos):
    made = load("image_folder", photos, folder="photos", size=3, resize=5, channels=1)
    first = seeds(load("image_folder", photos, folder="photos").train_images)[0]
    wanted = decode(
        [photos / "photos" / f"class{first // 10}" / f"{first % 10}.png"],
        size=3,
        resize=5,
        channels=1,
    )
    assert made.train_images.shape == (40, 1, 3, 3)
    assert torch.equal(made.train_images[:1], torch.from_numpy(wanted).float().div(255))


def test_progress_is_logged(tmp_path, caplog):
    paths = [save(tmp_path / f"{seed}.png", noise(4, 4, seed)) for seed in range(3)]
    with caplog.at_level(logging.INFO):
        decode(paths)
    assert "decoding: 3 of at most 3 images" in caplog.text


def test_listing_is_sorted(photos):
    names, found = class_folders.listing(photos / "photos")
    assert list(found.paths) == sorted(str(p) for p in (photos / "photos").glob("*/*.png"))
    assert found.labels.tolist() == np.arange(10).repeat(5).tolist()
    assert list(names) == sorted(names)
