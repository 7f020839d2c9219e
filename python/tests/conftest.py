"""python -m pytest python/tests. Without the package everything is skipped."""
import pytest
import torch

pytest.importorskip("vmunet_torch", reason="the package is not built: pip install ./python")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
