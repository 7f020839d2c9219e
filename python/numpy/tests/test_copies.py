"""Copied and pickled models. The library's pointer once went with them, and the process ended with it."""
import copy
import gc
import multiprocessing
import pathlib
import pickle
import shutil

import numpy as np
import pytest

vmunet = pytest.importorskip("vmunet", reason="the package is not built: pip install ./python/numpy")
ROOT = pathlib.Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "Weights" / "isic17.safetensors"
PICTURE = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_outlives_its_model(copied):
    model = vmunet.Model(SHIPPED, image_size=64, threshold=0.3)
    expected, facts = model.segment(PICTURE), model.facts
    other = copied(model)
    del model
    gc.collect()
    found = other.segment(PICTURE)
    assert np.array_equal(found.labels, expected.labels) and np.array_equal(found.probability, expected.probability)
    assert other.facts == facts and other.facts["threshold"] == pytest.approx(0.3)


def test_facts_of_a_deep_copy_are_its_own():
    model = vmunet.Model(image_size=64)
    copy.deepcopy(model).facts["image_size"] = 7
    assert model.facts["image_size"] == 64


def test_other_processes(monkeypatch, tmp_path):
    """Started anew, so that nothing is inherited, and with weights named by a relative path."""
    shutil.copy(SHIPPED, tmp_path / "weights.safetensors")
    monkeypatch.chdir(tmp_path)
    model = vmunet.Model("weights.safetensors", image_size=64)
    monkeypatch.chdir("/")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for found in pool.map(model.segment, [PICTURE] * 4):
            assert np.array_equal(found.labels, model.segment(PICTURE).labels)


def test_weights_that_are_gone_or_others(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    tensors = safetensors.load_file(ROOT / "Tests/VMUNetTests/Fixtures/model_small9_weights.safetensors")
    file = tmp_path / "weights.safetensors"
    safetensors.save_file(tensors, file, metadata=dict(format_version="1", image_size="64"))
    model = vmunet.Model(file)
    saved, expected = pickle.dumps(model), model.segment(PICTURE).labels
    file.unlink()
    with pytest.raises(vmunet.Error, match="weights.safetensors.*no such file"):
        pickle.loads(saved)
    safetensors.save_file(tensors, file, metadata=dict(format_version="1", image_size="96"))
    with pytest.raises(vmunet.Error, match="are others than those of the pickled model"):
        pickle.loads(saved)
    assert np.array_equal(copy.deepcopy(model).segment(PICTURE).labels, expected)  # in memory, without the file
