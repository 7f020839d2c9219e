"""python -m pytest python/numpy/tests: labels equal the command's, whose tests compare it with PyTorch. VMUNET_LIGHT_BINARY names the command."""
import os
import pathlib
import shutil
import subprocess
import threading

import numpy as np
import pytest

vmunet = pytest.importorskip("vmunet", reason="the package is not built: pip install ./python/numpy")
ROOT = pathlib.Path(__file__).resolve().parents[3]
COMMAND = os.environ.get("VMUNET_LIGHT_BINARY", str(ROOT / "vmunet"))
SHIPPED = ROOT / "Weights" / "isic17.safetensors"


def predict(*arguments):
    subprocess.run([COMMAND, "predict", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def picture():
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(ROOT / "Sources/VMUNetBrowser/Page/example.jpg").convert("RGB"))


def test_a_picture_has_the_commands_mask(picture, tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(picture).save(tmp_path / "picture.png")
    predict(tmp_path / "picture.png", "--output", tmp_path / "out", "--probabilities", "--weights", SHIPPED)
    found = vmunet.segment(picture)
    mask = np.asarray(image.open(tmp_path / "out" / "picture.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert np.array_equal(found.labels, mask // 255)
    probability = np.asarray(image.open(tmp_path / "out" / "picture_probability.png"))
    assert np.array_equal(np.round(found.probability * 255), probability)
    assert found.names == ("background", "lesion")
    assert found.share() == pytest.approx((mask == 255).mean())


def test_grey_opacity_and_strides(picture):
    grey = np.ascontiguousarray(picture[..., 1])
    labels = vmunet.segment(np.repeat(grey[..., None], 3, axis=2)).labels
    assert np.array_equal(vmunet.segment(grey).labels, labels)
    assert np.array_equal(vmunet.segment(grey[..., None]).labels, labels)
    opaque = np.dstack([picture, np.full(picture.shape[:2], 7, np.uint8)])
    assert np.array_equal(vmunet.segment(opaque).labels, vmunet.segment(picture).labels)
    every_other = picture[::2, ::-2]
    assert np.array_equal(vmunet.segment(every_other).labels, vmunet.segment(every_other.copy()).labels)


def test_named_weights_settings_and_facts(picture):
    model = vmunet.Model(SHIPPED, image_size=128, threshold=0.9)
    assert model.facts["classes"] == 2 and model.facts["image_size"] == 128 and model.facts["input"] == "pictures"
    assert np.count_nonzero(model.segment(picture).labels) < np.count_nonzero(vmunet.segment(picture).labels)


def test_threads_share_a_model(picture):
    model, found = vmunet.Model(), [None] * 4
    expected = model.segment(picture).labels

    def work(index):
        found[index] = model.segment(picture).labels

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(np.array_equal(labels, expected) for labels in found)


@pytest.mark.parametrize("array, word", [
    (np.zeros((4, 4), np.float32), "uint8"),
    (np.zeros((4, 4, 2), np.uint8), "1, 3 or 4"),
    (np.zeros((0, 4), np.uint8), "pixels"),
    (np.zeros(4, np.uint8), "uint8"),
])
def test_arrays_that_are_no_pictures(array, word):
    with pytest.raises(vmunet.Error, match=word) as told:
        vmunet.segment(array)
    assert_one_line(told)


@pytest.mark.parametrize("settings, word", [
    (dict(weights="nowhere.safetensors"), "nowhere.safetensors"),
    (dict(weights=__file__), "test_segment.py"),
    (dict(image_size=33), "multiple of 32"),
    (dict(image_size=-32), "multiple of 32"),
    (dict(image_size=0), "multiple of 32"),
    (dict(image_size="a"), "multiple of 32"),
    (dict(image_size=64.0), "multiple of 32"),
    (dict(threshold=1.5), "0.000001 to 0.999999"),
    (dict(threshold=0), "0.000001 to 0.999999"),
    (dict(threshold=float("nan")), "0.000001 to 0.999999"),
    (dict(threshold="a"), "0.000001 to 0.999999"),
    (dict(threshold=[0.5]), "0.000001 to 0.999999"),
    (dict(threads=-1), "threads"),
    (dict(threads=1.5), "threads"),
    (dict(weights=""), "a path"),
    (dict(weights=3), "a path"),
    (dict(weights=ROOT), "checkpoints/best.safetensors"),
])
def test_bad_settings(settings, word):
    for function in (vmunet.Model, lambda **settings: vmunet.segment(np.zeros((8, 8), np.uint8), **settings)):
        with pytest.raises(vmunet.Error, match=word) as told:
            function(**settings)
        assert_one_line(told)


def assert_one_line(told):
    """Without advice that only the command's user can follow, or that is about something else."""
    text = str(told.value)
    assert "\n" not in text and "--slice-axis" not in text and "NAME_0000" not in text and "sizes and the class count" not in text


def test_a_runs_folder(tmp_path, picture):
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(SHIPPED, tmp_path / "checkpoints" / "best.safetensors")
    assert np.array_equal(vmunet.segment(picture, tmp_path).labels, vmunet.segment(picture, SHIPPED).labels)


def test_another_network(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file({"x": np.zeros(3, np.float32)}, tmp_path / "unet.safetensors", metadata=dict(format_version="1", network="unet"))
    with pytest.raises(vmunet.Error, match="of the kind unet.*vmunet-train predict") as told:
        vmunet.Model(tmp_path / "unet.safetensors")
    assert_one_line(told)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """A small network of nine classes with random weights, as if trained on CT in LPS."""
    safetensors = pytest.importorskip("safetensors.numpy")
    tensors = safetensors.load_file(ROOT / "Tests/VMUNetTests/Fixtures/model_small9_weights.safetensors")
    file = tmp_path_factory.mktemp("weights") / "ct.safetensors"
    facts = dict(format_version="1", input="volumes", modality="CT", window="-100,240", voxel_order="LPS", value_range="0,1", image_size="64")
    safetensors.save_file(tensors, file, metadata=facts)
    return file


def test_a_volume_has_the_commands_labels(volumes, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    values = np.random.default_rng(0).integers(-300, 400, (40, 36, 5)).astype(np.int16)  # columns, rows, slices
    affine = np.array([[0, -1.5, 0, 10], [0.75, 0, 0, -3], [0, 0, 4, 7], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "ct.nii.gz")
    predict(tmp_path / "ct.nii.gz", "--output", tmp_path / "out", "--weights", volumes)
    expected = np.asarray(nibabel.load(tmp_path / "out" / "ct.nii.gz").dataobj)
    model = vmunet.Model(volumes)
    found = model.segment(values.T, affine)
    assert found.labels.shape == (5, 36, 40) and found.probability is None
    assert len(np.unique(expected)) > 1
    assert np.array_equal(found.labels, expected.T)
    assert np.array_equal(model.segment(values.T[None].astype(np.float64), affine[:3]).labels, found.labels)
    assert not np.array_equal(model.segment(values.T).labels, found.labels)  # as it lies, in another order than LPS


@pytest.mark.parametrize("array, affine, word", [
    (np.zeros((2, 5, 36, 40)), None, "2 channels"),
    (np.zeros((5, 36)), None, "volume is numbers"),
    (np.full((5, 36, 40), np.nan), None, "not finite"),
    (np.zeros((5, 36, 40)), np.zeros((4, 4)), "places no voxels"),
    (np.zeros((5, 36, 40)), np.eye(3), "3×4 or 4×4"),
    (np.zeros((5, 36, 40)), "x", "3×4 or 4×4"),
    (np.zeros((5, 36, 40)), [[1, 2], [3]], "3×4 or 4×4"),
    (np.zeros((5, 36, 40)), 1j * np.eye(4), "real numbers"),
    (np.zeros((5, 4, 40)), None, "too small"),
    (np.zeros((40, 40, 5)), None, r"too small.*\[channels, slices, rows, columns\]"),
    (np.zeros((5, 0, 40)), None, "voxels"),
])
def test_arrays_that_are_no_volumes(volumes, array, affine, word):
    with pytest.raises(vmunet.Error, match=word) as told:
        vmunet.segment(array, volumes, affine)
    assert_one_line(told)
