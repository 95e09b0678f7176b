"""Data sets by name, subsets of their classes, and enlarged images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from command_line_runs import command_line_run, pillow, seen
from conftest import make_dataset
from official_files import serve
from PIL import Image

from anatomy.data.batches import open_images
from anatomy.data.dataset import write_dataset
from anatomy.data.upscaling import UpscaledImages
from anatomy.runtime.errors import InputError
from anatomy.runtime.torchvision_import import v2
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice, open_named
from anatomy.studies.arrangements.hp_arrangements.names import DATASETS

pytestmark = pytest.mark.usefixtures("inside")

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100", "MNIST"])
def test_the_same_classes_are_kept_in_every_part(name, server, monkeypatch):
    serve(name, server, monkeypatch, 200 if name == "CIFAR100" else 20)
    choice = DataChoice(name.lower(), Path("data"))
    whole, _ = open_named(choice)
    for seed in (None, 4):
        data = seen(choice, class_subset={"count": 6} if seed is None else {"count": 6, "seed": seed}).dataset
        kept = [whole.classes.index(known) for known in data.classes]
        assert len(set(kept)) == 6
        assert (kept == list(range(6))) == (seed is None)
        for part in ("train", "test"):
            labels, before = getattr(data, f"{part}_labels"), getattr(whole, f"{part}_labels")
            chosen = np.isin(before, kept)
            assert np.array_equal(np.array(kept)[labels], before[chosen])
            images = getattr(whole, f"{part}_images")[chosen]
            assert np.array_equal(getattr(data, f"{part}_images"), images)


@pytest.mark.parametrize(
    ("side", "size", "border"), [(32, 224, 0), (32, 112, 56), (28, 224, 0), (300, 224, 0)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_upscaling_equals_pillow(side, size, border, channels):
    images = np.random.default_rng(0).integers(0, 256, (4, channels, side, side + 5), dtype=np.uint8)
    images[0] = 255
    ours = next(UpscaledImages(torch.from_numpy(images), size, border).plain(4)).numpy()
    assert np.array_equal(ours, pillow(images, size, border))


def test_upscaled_images_are_augmented_after_it_and_normalised_as_theirs(server, monkeypatch):
    serve("CIFAR10", server, monkeypatch, 4)
    run = command_line_run("--dataset", "cifar10", "--upscale-padding", "--augmentation")
    assert run.facts["statistics"][0] == [0.1229, 0.1206, 0.1117]
    run = run.run(run.settings)
    run.start_epoch(1)
    index = torch.tensor([7, 0, 19])
    images = run.task.images.augment(index, run.draws)
    large = np.pad(pillow(run.task.images.images.numpy(), 112, 56), ((0, 0), (0, 0), (4, 4), (4, 4)))
    for image_index, image in zip(index.tolist(), images, strict=True):
        top, left = run.draws.top[image_index], run.draws.left[image_index]
        window = large[image_index, :, top : top + 224, left : left + 224]
        assert np.array_equal(image, window[..., ::-1] if run.draws.flip[image_index] else window)


def test_statistics_of_a_prepared_data_set_are_measured_after_upscaling(shades):
    task = seen(DataChoice("shades"), upscaling="plain", class_subset={"count": 2})
    assert task.input_shape == (1, 224, 224)
    large = pillow(shades.train_images, 224, 0) / 255
    # A black pixel and a white one, of all classes.
    black, white = task.normalise(torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)).ravel()
    assert black.item() == pytest.approx(-large.mean() / large.std(), rel=1e-5)
    assert white.item() == pytest.approx((1 - large.mean()) / large.std(), rel=1e-5)


def test_subsampled_classes_are_renumbered(tmp_path):
    data = make_dataset(test=40, classes=4)
    write_dataset(data, tmp_path, "shades", {"source": "test"})
    choice = DataChoice(str(tmp_path))
    first = seen(choice, class_subset={"count": 2}).dataset
    assert sorted(set(first.test_labels)) == [0, 1]
    shuffled = np.arange(4)
    np.random.RandomState(5).shuffle(shuffled)
    chosen = seen(choice, class_subset={"count": 2, "seed": 5}).dataset
    for new, old in enumerate(shuffled[:2]):
        images = chosen.test_images[chosen.test_labels == new]
        assert np.array_equal(images, data.test_images[data.test_labels == old])
    with pytest.raises(InputError, match="5 classes are asked for, but data set shades has 4"):
        seen(choice, class_subset={"count": 5})


@pytest.mark.parametrize("upscale", ["plain", "padded"])
def test_upscaled_images_are_torchvisions(tmp_path, upscale):
    data = make_dataset(test=10, classes=10)
    write_dataset(data, tmp_path, "shades", {"source": "test"})
    choice = DataChoice("cifar10", tmp_path)
    enlarged = seen(choice, upscaling=upscale).dataset
    assert enlarged.input_shape == (3, 224, 224)
    assert choice.statistics(upscale) != DATASETS["cifar10"].plain
    images = torch.cat(list(open_images(enlarged, "test", CPU, 0).plain(4)))
    for image, small in zip(images, data.test_images, strict=True):
        picture = Image.fromarray(small.transpose(1, 2, 0))
        side = 224 if upscale == "plain" else 112
        expected = v2.functional.pil_to_tensor(v2.functional.resize(picture, [side, side]))
        assert torch.equal(image, v2.functional.pad(expected, [(224 - side) // 2] * 4))


def test_imagenet_without_training_images_is_tested(tmp_path):
    generator = np.random.default_rng(0)
    for name in ("n01", "n02"):
        (tmp_path / "val" / name).mkdir(parents=True)
        picture = generator.integers(0, 255, (300, 280, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / "val" / name / "x.png")
    dataset, _ = open_named(DataChoice("imagenet", tmp_path), test_only=True)
    assert dataset.test_labels.tolist() == [0, 1]
    (images,) = open_images(dataset, "test", CPU, 0).plain(2)
    assert images.shape == (2, 3, 224, 224)
    one = seen(DataChoice("imagenet", tmp_path), test_only=True, class_subset={"count": 1}).dataset
    assert one.test_labels.tolist() == [0]
    with pytest.raises(InputError, match="has no folder train"):
        open_named(DataChoice("imagenet", tmp_path))


def test_prepared_data_sets_in_directories_of_one_name_keep_theirs(tmp_path):
    for name in ("light", "dark"):
        write_dataset(make_dataset(), tmp_path / name / "prepared", name, {"source": "test"})
        choice = DataChoice(str(tmp_path / name / "prepared"))
        assert choice.name == open_named(choice)[1]["name"] == name


def test_data_that_do_not_fit_their_name_are_refused(tmp_path):
    data = make_dataset(channels=1, size=28, classes=10)
    write_dataset(data, tmp_path, "shades", {"source": "test"})
    for name, message in (
        ("cifar100", r"\(10, 1\), cifar100 has \(100, 3\)"),
        ("cifar10", r"\(10, 1\), cifar10 has \(10, 3\)"),
        ("cifar", "neither a name nor the directory"),
    ):
        with pytest.raises(InputError, match=message):
            open_named(DataChoice(name, tmp_path))
