"""Images that stay in their files: the index, decoding against torchvision, and runs that stream them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import SCHEMA_FILE, SCRIPTS, SETTINGS, environment, make_dataset, run_of, run_program
from conftest import run as run_forked_program
from PIL import Image
from scipy.stats import ks_2samp

from anatomy.data import decoding
from anatomy.data.augmentation import Augmenter, Draws
from anatomy.data.batches import evaluation_batch, open_images
from anatomy.data.dataset import channel_statistics, open_dataset, write_dataset
from anatomy.data.decoding import centre_crop, decode, pixels, random_box, resized_crop
from anatomy.data.search_path import DATA_VARIABLE
from anatomy.data.sources.images import prepare
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings
from anatomy.runtime.streams import stream
from anatomy.runtime.torchvision_import import torchvision, v2

CPU = torch.device("cpu")
IMAGES_SCHEMA = read_schema(SCHEMA_FILE)["$defs"]["images"]
SOURCE = {
    "source": "images",
    "path": "pictures",
    "train_folder": "train",
    "test_folder": "val",
    "resize": 40,
    "crop": 32,
}
# Width, height, mode and format of the files that ImageNet holds, and some more.
FILES = {
    "wide.JPEG": (90, 47, "RGB"),
    "tall.JPEG": (41, 77, "RGB"),
    "grey.JPEG": (64, 50, "L"),
    "cmyk.JPEG": (51, 66, "CMYK"),
    "palette.png": (70, 45, "P"),
    "alpha.png": (45, 45, "RGBA"),
    "exact.png": (40, 40, "RGB"),
    "small.png": (9, 21, "RGB"),
    "long.png": (300, 33, "RGB"),
}


def picture(width, height, mode, seed):
    """A smooth random picture, so that scaling and JPEG have something to work on."""
    generator = np.random.default_rng(seed)
    small = Image.fromarray(generator.integers(0, 256, (5, 4, 3), dtype=np.uint8))
    large = small.resize((width, height), Image.Resampling.BICUBIC)
    return large.quantize(32) if mode == "P" else large.convert(mode)


def write_pictures(root, classes=("cat", "dog"), parts=("train", "val"), files=FILES):
    """Write one picture for every file for each class and part; returns `root`."""
    for position, part in enumerate(parts):
        for label, name in enumerate(classes):
            (root / part / name).mkdir(parents=True)
            for seed, (file, shape) in enumerate(files.items()):
                picture(*shape, 100 * position + 10 * label + seed).save(root / part / name / file)
    return root


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder of pictures of many formats, where data are looked for."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    return write_pictures(tmp_path / "pictures")


def prepared(root, **changes):
    """Index `root` beside it; return the data set and its description as a program opens them."""
    settings = Settings({**SOURCE, "path": root.name, **changes}, IMAGES_SCHEMA)
    prepare("pictures", settings, root.parent / "prepared")
    return open_dataset(root.parent / "prepared")


def refusal(root, **changes):
    with pytest.raises(InputError) as caught:
        prepared(root, **changes)
    return str(caught.value)


# --- Pixels ---


@pytest.mark.parametrize(("resize", "crop"), [(40, 32), (37, 37), (256, 224), (33, 20)])
def test_crops_equal_torchvision_to_the_byte(pictures, resize, crop):
    for file in FILES:
        path = pictures / "train/cat" / file
        loaded = torchvision.datasets.folder.pil_loader(path)
        expected = torchvision.transforms.Compose([v2.Resize(resize), v2.CenterCrop(crop)])(loaded)
        image = centre_crop(decode(path.read_bytes(), "RGB", file), resize, crop)
        np.testing.assert_array_equal(pixels(image), v2.functional.pil_to_tensor(expected).numpy(), file)


@pytest.mark.parametrize("file", FILES)
def test_random_crops_equal_torchvision_to_the_byte(pictures, file):
    path = pictures / "train/cat" / file
    image = decode(path.read_bytes(), "RGB", file)
    for seed in range(5):
        box = left, top, right, bottom = random_box(*image.size, np.random.default_rng(seed))
        assert 0 <= left < right <= image.width and 0 <= top < bottom <= image.height
        size = [bottom - top, right - left]
        expected = v2.functional.resized_crop(
            torchvision.datasets.folder.pil_loader(path), top, left, *size, [32, 32]
        )
        np.testing.assert_array_equal(
            pixels(resized_crop(image, box, 32)), v2.functional.pil_to_tensor(expected).numpy()
        )


@pytest.mark.parametrize("size", [(500, 375), (300, 600), (64, 64)])
def test_random_boxes_are_distributed_as_torchvisions(size):
    image, draw = Image.new("RGB", size), torchvision.transforms.RandomResizedCrop.get_params
    torch.manual_seed(0)
    expected = [draw(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(2000)]
    boxes = [random_box(*size, np.random.default_rng(seed)) for seed in range(2000)]
    found = [(top, left, bottom - top, right - left) for left, top, right, bottom in boxes]
    for ours, theirs in zip(zip(*found, strict=True), zip(*expected, strict=True), strict=True):
        assert ks_2samp(ours, theirs).pvalue > 1e-3


@pytest.mark.parametrize("size", [(1000, 20), (20, 1000)])
def test_box_of_an_image_that_no_ratio_fits_is_central(size):
    torch.manual_seed(0)
    draw = torchvision.transforms.RandomResizedCrop.get_params
    top, left, height, width = draw(Image.new("RGB", size), [0.9, 1.0], [3 / 4, 4 / 3])
    boxes = {random_box(*size, np.random.default_rng(seed)) for seed in range(200)}
    assert (left, top, left + width, top + height) in boxes


@pytest.mark.parametrize("size", [(3, 900), (900, 3), (1, 700), (60, 1500)])
def test_a_long_image_is_scaled_where_it_is_seen(size, monkeypatch):
    image = picture(*size, "RGB", 5)
    whole = pixels(centre_crop(image, 40, 32))
    monkeypatch.setattr(decoding, "MOST_SCALED", 40 * 40)
    part = pixels(centre_crop(image, 40, 32))
    assert np.abs(part.astype(int) - whole).max() <= 2


def test_a_long_image_takes_no_more_memory_than_what_is_seen_of_it():
    limited = """
import resource, sys
from PIL import Image
from anatomy.data.decoding import centre_crop
image = Image.new("RGB", (1, 30_000), "red")
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (200 << 20),) * 2)
assert centre_crop(image, 256, 224).getcolors() == [(224 * 224, (255, 0, 0))]
"""
    subprocess.run([sys.executable, "-c", limited], env=environment(), check=True)


# --- The index ---


def test_index_lists_every_image_and_no_pixel(pictures):
    dataset, description = prepared(pictures)
    names = [f"train/{name}/{file}" for name in ("cat", "dog") for file in sorted(FILES)]
    assert [dataset.train.name(index) for index in range(len(dataset.train))] == names
    assert dataset.train.sizes.tolist() == [(pictures / name).stat().st_size for name in names]
    assert dataset.train_labels.tolist() == [0] * len(FILES) + [1] * len(FILES)
    assert dataset.input_shape == (3, 32, 32)
    assert description["classes"] == ["cat", "dog"]
    assert [description[key] for key in ("channels", "height", "width")] == [3, 32, 32]
    assert description["test"] == {"images": 2 * len(FILES), "images_per_class": [len(FILES)] * 2}
    assert (pictures.parent / "prepared/data.safetensors").stat().st_size < 4000


def test_mean_and_std_are_measured_on_the_cropped_training_images(pictures):
    dataset, description = prepared(pictures)
    images = torch.cat(list(open_images(dataset, "train", CPU, 0).plain(7)))
    assert (description["mean"], description["std"]) == channel_statistics(images.numpy())


def test_mean_and_std_of_the_configuration_are_used(pictures):
    given = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    description = prepared(pictures, **given)[1]
    assert {key: description[key] for key in given} == given
    assert description["source"] == {
        "source": "images",
        "path": "pictures",
        "resize": 40,
        "crop": 32,
        **given,
    }


@pytest.mark.parametrize(
    "change", [{"crop": 30}, {"resize": 41}, {"mean": [0.5] * 3, "std": [0.25] * 3}, {"train": 17}]
)
def test_checksum_covers_whatever_decides_the_pixels(pictures, change):
    before = prepared(pictures)[1]["sha256"]
    assert prepared(pictures)[1]["sha256"] == before
    assert prepared(pictures, **change)[1]["sha256"] != before


def test_checksum_does_not_depend_on_where_the_images_lie(pictures, tmp_path, monkeypatch):
    before = prepared(pictures)[1]["sha256"]
    (tmp_path / "else").mkdir()
    moved = pictures.rename(tmp_path / "else/pictures")
    monkeypatch.setenv(DATA_VARIABLE, str(moved.parent))
    assert prepared(moved)[1]["sha256"] == before


def test_fewer_images_are_a_random_choice_in_order(pictures):
    every, few = prepared(pictures)[0], prepared(pictures, train=7, test=3)[0]
    assert (len(few.train), len(few.test)) == (7, 3)
    names = [every.train.name(index) for index in range(len(every.train))]
    chosen = [few.train.name(index) for index in range(7)]
    assert chosen == [name for name in names if name in chosen]
    assert "train is 99, but there are 18 train images" in refusal(pictures, train=99)


def test_missing_folder_says_where_it_was_looked_for_and_how_to_get_it(pictures):
    described = prepared(pictures)[1]
    assert prepared(pictures, homepage="https://image-net.org", label="Pictures")[1] == described
    pictures.rename(pictures.with_name("gone"))
    with pytest.raises(InputError) as caught:
        open_dataset(pictures.parent / "prepared")
    for part in (f"looked for {pictures}", DATA_VARIABLE):
        assert part in str(caught.value)
    message = refusal(pictures, homepage="https://image-net.org")
    assert "Get it from https://image-net.org, then put it" in message


def test_wrong_folders_are_refused(pictures):
    assert "no folder test; expected test/<class>/<image>" in refusal(pictures, test_folder="test")
    (pictures / "val/fish").mkdir()
    message = refusal(pictures)
    assert "val/fish has no counterpart in train/" in message
    (pictures / "train/fish").mkdir()
    assert "class folder train/fish holds no images" in refusal(pictures)
    (pictures / "train/fish/more").mkdir()
    assert "train/fish/more is a folder" in refusal(pictures)


def test_a_part_without_class_folders_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    for part in ("train", "val"):
        (tmp_path / "pictures" / part).mkdir(parents=True)
    assert "train has no class folders" in refusal(tmp_path / "pictures")


def test_an_archive_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    (tmp_path / "pictures").write_bytes(b"an archive")
    assert "is a file; expected a directory" in refusal(tmp_path / "pictures")


def test_a_file_that_is_no_image_is_named_by_the_index(pictures):
    (pictures / "val/dog/notes.JPEG").write_text("no image")
    assert "val/dog/notes.JPEG cannot be decoded as an image" in refusal(pictures)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", ["truncated", "other", "gone"])
def test_an_image_that_cannot_be_read_is_named_when_it_is_used(pictures, damage, workers):
    path = pictures / "train/dog/wide.JPEG"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-400])
        dataset = prepared(pictures, mean=[0.5] * 3, std=[0.2] * 3)[0]
        expected = "cannot be decoded as an image"
    else:
        dataset = prepared(pictures)[0]
        if damage == "gone":
            path.unlink()
            expected = "cannot be read (No such file or directory)"
        else:
            Image.new("RGB", (50, 50)).save(path)
            expected = "bytes but"
    with pytest.raises(InputError) as caught:
        list(open_images(dataset, "train", CPU, workers).plain(4))
    assert str(caught.value).startswith(str(path))
    assert expected in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "longer"])
def test_what_is_no_file_any_more_is_named_and_never_waited_for(pictures, kind, workers):
    path = pictures / "train/dog/wide.JPEG"
    dataset = prepared(pictures)[0]
    size = path.stat().st_size
    if kind == "longer":
        # Of which no more is read than there was: this one would fill the memory.
        os.truncate(path, 1 << 40)
    else:
        path.unlink()
        makers = {
            "pipe": os.mkfifo,
            "device": lambda path: path.symlink_to("/dev/zero"),
            "directory": os.mkdir,
        }
        makers[kind](path)
    expected = {
        "longer": f"has {1 << 40} bytes but {size} when it was indexed",
        "directory": "cannot be read (Is a directory)",
    }.get(kind, f"is a {kind}, expected a file")
    with pytest.raises(InputError) as caught:
        list(open_images(dataset, "train", CPU, workers).plain(4))
    assert str(caught.value).startswith(f"{path} {expected}")


# --- Batches ---


def draws(images, shift):
    return Draws.sample(images, shift, True, stream(0, "test"))


def augmented(images, batches, draws, crops=None):
    """Every batch of an epoch."""
    for index, read in zip(batches, images.read(batches, crops), strict=True):
        yield images.augment(index, draws, *read)


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_batches_are_shifted_and_flipped_as_resident_ones(pictures, workers):
    dataset = prepared(pictures)[0]
    images = torch.cat(list(open_images(dataset, "train", CPU, 0).plain(5)))
    chosen = torch.tensor([0, 2, 3, 5, 8, 11, 17])
    streamed = open_images(dataset, "train", CPU, workers, chosen, shift=4)
    batches = torch.tensor([6, 1, 0, 2, 5, 4, 3]).split(3)
    made = augmented(streamed, batches, draws(7, 4))
    resident = Augmenter(images[chosen], 4)
    for index, batch in zip(batches, made, strict=True):
        assert batch.dtype == torch.uint8
        assert torch.equal(batch, resident.batch(index, draws(7, 4)))


def test_random_crops_depend_on_seed_and_image_alone(pictures):
    dataset = prepared(pictures)[0]

    def crops_of(indices, size, key, workers=0):
        images = open_images(dataset, "train", CPU, workers, torch.tensor(indices))
        batches = torch.arange(len(indices)).split(size)
        plain = Draws.none(len(indices))
        return dict(zip(indices, torch.cat(list(augmented(images, batches, plain, key))), strict=True))

    every = crops_of(list(range(18)), 5, 1)
    for other in (crops_of([9, 3, 14], 2, 1), crops_of(list(range(17, -1, -1)), 7, 1, workers=2)):
        assert all(torch.equal(image, every[index]) for index, image in other.items())
    again = crops_of(list(range(18)), 5, 2)
    assert sum(not torch.equal(image, every[index]) for index, image in again.items()) > 15


def test_random_crops_of_resident_images_are_refused():
    images = open_images(make_dataset(train=4), "train", CPU, 0)
    with pytest.raises(InputError, match="needs a data set of image files"):
        list(images.read([torch.arange(4)], 1))


def test_large_images_are_evaluated_fewer_at_a_time():
    assert [evaluation_batch((3, size, size)) for size in (28, 32, 64, 224)] == [500, 500, 500, 49]
    assert evaluation_batch((3, 32, 32), most=250) == 250
    assert evaluation_batch((3, 5000, 5000)) == 1


def test_reading_draws_nothing_from_the_global_generator(pictures):
    images = open_images(prepared(pictures)[0], "train", CPU, 2)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(images.plain(9))
    assert torch.equal(torch.get_rng_state(), before)


# --- Runs ---


@pytest.fixture
def both(tmp_path, monkeypatch):
    """The same images twice: as PNG files with their index, and as pixels in one file."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    dataset = make_dataset(train=96, test=40)
    for part, folder in (("train", "train"), ("test", "val")):
        images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        order = np.argsort(labels, kind="stable")
        for index in order:
            path = tmp_path / f"pictures/{folder}/{dataset.classes[labels[index]]}/{index:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[index].transpose(1, 2, 0)).save(path)
        images[:], labels[:] = images[order], labels[order]
    write_dataset(dataset, tmp_path / "resident", "shades", {"source": "test"})
    prepared(tmp_path / "pictures", resize=32, crop=32)
    return tmp_path / "resident", tmp_path / "prepared"


def finished(folder, workers=0, **changes):
    """Train to the end in this process: final weights and history."""
    run = run_of(*open_dataset(folder), workers=workers, batch_size=32, **changes)
    while run.epoch < run.settings.epochs:
        run.advance()
    history = [(record.train_loss, record.validation_loss) for record in run.history]
    return run.whole_state_dict(), history


def assert_same(one, other):
    assert one[1] == other[1]
    assert all(torch.equal(tensor, other[0][name]) for name, tensor in one[0].items())


def test_a_run_is_the_same_resident_or_streamed_by_any_number_of_workers(both):
    resident, indexed = both
    expected = finished(resident, epochs=2)
    for workers in (0, 2):
        assert_same(finished(indexed, workers, epochs=2), expected)


def test_a_run_with_random_crops_does_not_depend_on_workers(both):
    augmentation = {"shift": 0, "flip": True, "random_resized_crop": True}
    alone = finished(both[1], 0, epochs=1, augmentation=augmentation)
    assert_same(finished(both[1], 2, epochs=1, augmentation=augmentation), alone)
    centre = finished(both[1], 0, epochs=1, augmentation={**augmentation, "random_resized_crop": False})
    assert centre[1] != alone[1]


def test_programs_prepare_train_and_reset_the_same_from_files_and_from_pixels(both, tmp_path):
    resident, indexed = both
    settings = {**SOURCE, "resize": 32, "crop": 32}
    entry = ("--name", "pictures", "--settings", json.dumps(settings), "--schema", SCHEMA_FILE)
    run_program("prepare_dataset", *entry, "--output", tmp_path / "again")
    for name in ("data.safetensors", "dataset.json"):
        assert (tmp_path / "again" / name).read_bytes() == (indexed / name).read_bytes()
    table, weights = {}, {}
    options = json.dumps({**SETTINGS, "epochs": 1, "snapshots": [0, 1]})
    for folder, workers in ((resident, 0), (indexed, 2)):
        run = tmp_path / f"{folder.name}-{workers}"
        common = ("--dataset", folder, "--workers", workers, "--schema", SCHEMA_FILE)
        seed = ("--experiment", "test", "--seed", 0, "--settings", options, "--output", run)
        run_program("train_network", *common, *seed)
        reset = ("--run", run, "--snapshots", run / "snapshots/epoch=0.safetensors", "--rand")
        run_program("reinitialise_layers", *common, *reset, "--output", tmp_path / f"{run.name}.csv")
        table[run.name] = (tmp_path / f"{run.name}.csv").read_text()
        weights[run.name] = (run / "final.safetensors").read_bytes()
    assert len(set(table.values())) == len(set(weights.values())) == 1
    assert len(table["resident-0"].splitlines()) == 1 + 2 * 8


def test_program_names_a_missing_image_in_one_line(both, tmp_path):
    (tmp_path / "pictures/train/class 1/001.png").unlink()
    options = json.dumps({**SETTINGS, "epochs": 1, "snapshots": [0, 1]})
    arguments = ("--dataset", both[1], "--workers", 2, "--experiment", "test", "--seed", 0)
    arguments += ("--settings", options, "--schema", SCHEMA_FILE, "--output", tmp_path / "run")
    result = run_forked_program(SCRIPTS / "train_network.py", *arguments)
    assert result.returncode == 1
    assert "001.png cannot be read (No such file or directory); put it back" in result.stderr
    assert "Traceback" not in result.stderr
