import pytest
import torch

from graphkit.training.environment import environment, peak_memory_mb, pick_device


def test_names_versions_and_no_machine() -> None:
    info = environment(torch.device("cpu"))
    assert info["torch"] == torch.__version__ and info["device"] == "cpu"
    assert info["operators"] in ("native", "torch")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "meta"])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"`device` must be auto, cpu, cuda or cuda:N \\(got '{name}'\\)"):
        pick_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="`device` is 'cuda', but PyTorch .* finds 0 CUDA devices; use --device cpu"):
        pick_device("cuda")
    assert pick_device("auto") == torch.device("cpu")


def test_memory_is_counted() -> None:
    assert peak_memory_mb(torch.device("cpu")) > 50
