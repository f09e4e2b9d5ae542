"""Software and hardware of a run."""

import os
import platform
import sys
from math import isfinite
from typing import Any

import numpy
import torch
import torch_geometric

from graphkit import ops
from graphkit.distributed.communicator import get_communicator, local_rank
from graphkit.errors import InputError
from graphkit.version import __version__


def environment(device: torch.device) -> dict[str, Any]:
    """Returns versions, device, threads and backend of the operators.

    The names of the user and of the machine are not included.
    """
    return {
        "graphkit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "numpy": numpy.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": get_communicator().world_size,
        "operators": ops.backend(),
    }


def pick_device(name: str) -> torch.device:
    """Returns the device of a name; ``"auto"`` is CUDA if it is available.

    Raises:
        InputError: If there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"`device` must be auto, cpu, cuda or cuda:N (got '{name}')") from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"`device` must be auto, cpu, cuda or cuda:N (got '{name}')")
    if (
        device.type == "cuda" and device.index is None and get_communicator().world_size > 1
    ):  # one GPU per process of a machine
        device = torch.device("cuda", local_rank() % max(torch.cuda.device_count(), 1))
    if device.type == "cuda" and (device.index or 0) >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
        raise InputError(
            f"`device` is '{name}', but PyTorch {torch.__version__} finds {torch.cuda.device_count()} CUDA devices; "
            "use --device cpu, or install a build of PyTorch for your GPU"
        )
    return device


def peak_memory_mb(device: torch.device) -> float:
    """Returns the peak memory of process or GPU in MiB; NaN if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def rounded_mb(peak: float) -> float | None:
    """Rounds a peak memory in MiB for a result file; ``None`` for NaN."""
    return round(peak, 1) if isfinite(peak) else None
