"""Communicator: collective operations between the processes of a training job."""

import atexit
import hashlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from graphkit.errors import InputError
from graphkit.nn.sync_batch_norm import gather, gathering
from graphkit.processes import machine_id, started
from graphkit.sampling import RankSlice

T = TypeVar("T")

#: Process group for synchronized batch norm, which runs while the default group all-reduces gradients.
_norms: dict[str, Any] = {}
#: Timeout of collective operations; long, since rank 0 may read a large data set. A dead process is detected at once.
_PATIENCE = timedelta(hours=6)
#: Error messages of gloo and nccl when the connection to another process is lost.
_LOST = re.compile("(gloo|nccl).*(connection|peer|socket|broken pipe|timed? ?out|closed)", re.IGNORECASE | re.DOTALL)


class Communicator:
    """Communicator of a single process: collective operations return their input.

    All ranks must call the same methods in the same order.
    """

    rank = 0
    world_size = 1

    @property
    def rank_slice(self) -> RankSlice:
        """Slice of every batch that this rank computes."""
        return RankSlice(self.rank, self.world_size)

    @property
    def norm_group(self) -> Any:
        """Process group for synchronized batch norm."""
        return None

    def all_reduce(self, *numbers: float) -> list[float]:
        """Returns the sums of some numbers over all ranks."""
        return list(numbers)

    def all_reduce_async(self, *numbers: float) -> Callable[[], list[float]]:
        """Starts :meth:`all_reduce`, and returns a function that waits for its result."""
        return lambda: self.all_reduce(*numbers)

    def all_reduce_max(self, *numbers: float) -> list[float]:
        """Returns the maxima of some numbers over all ranks."""
        return list(numbers)

    def all_gather_object(self, value: Any) -> list[Any]:
        """Returns the objects of all ranks."""
        return [value]

    def all_gather_rows(self, tensor: Tensor) -> Tensor:
        """Returns the concatenated rows of all ranks, whose numbers may differ."""
        return tensor

    def all_reduce_mean_(self, tensors: Iterable[Tensor]) -> None:
        """Replaces tensors by their means over all ranks, in place."""

    def broadcast_from_rank0(self, make: Callable[[], T]) -> T:
        """Runs ``make`` on rank 0 and broadcasts its result or exception to all ranks."""
        return make()

    def rank_zero_first(self, make: Callable[[], T]) -> T:
        """Runs ``make`` on rank 0, then on all other ranks; they raise rank 0's exception."""
        return make()


class DistributedCommunicator(Communicator):
    """Communicator of the default process group of :mod:`torch.distributed`."""

    def __init__(self) -> None:
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()

    @property
    def norm_group(self) -> Any:
        """Process group for synchronized batch norm."""
        return _norms.get("group")

    def all_reduce(self, *numbers: float) -> list[float]:
        """Returns the sums of some numbers over all ranks."""
        return self.all_reduce_async(*numbers)()

    def all_reduce_async(self, *numbers: float) -> Callable[[], list[float]]:
        """Starts :meth:`all_reduce`, and returns a function that waits for its result."""
        arrived = gathering(torch.tensor(numbers, dtype=torch.float64))
        return lambda: cast(list[float], arrived().sum(0).tolist())

    def all_reduce_max(self, *numbers: float) -> list[float]:
        """Returns the maxima of some numbers over all ranks."""
        return cast(list[float], gather(torch.tensor(numbers, dtype=torch.float64)).amax(0).tolist())

    def all_gather_object(self, value: Any) -> list[Any]:
        """Returns the objects of all ranks."""
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values

    def all_gather_rows(self, tensor: Tensor) -> Tensor:
        """Returns the concatenated rows of all ranks, whose numbers may differ."""
        sizes = gather(torch.tensor(tensor.size(0))).tolist()
        padded = tensor.new_zeros(max(sizes), *tensor.shape[1:])
        padded[: tensor.size(0)] = tensor
        return torch.cat([rows[:size] for rows, size in zip(gather(padded), sizes, strict=True)])

    def all_reduce_mean_(self, tensors: Iterable[Tensor]) -> None:
        """Replaces tensors by their means over all ranks, in place."""
        tensors = list(tensors)
        if tensors:
            means = gather(torch.cat([tensor.flatten() for tensor in tensors])).mean(0)
            for tensor, mean in zip(tensors, means.split([tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def broadcast_from_rank0(self, make: Callable[[], T]) -> T:
        """Runs ``make`` on rank 0 and broadcasts its result or exception to all ranks."""
        made: list[Any] = _attempt(make) if self.rank == 0 else [None, None]
        told = [made[0], _told(made[1])]
        dist.broadcast_object_list(told)
        if told[1] is not None:
            raise made[1] or told[1]
        return cast(T, told[0])

    def rank_zero_first(self, make: Callable[[], T]) -> T:
        """Runs ``make`` on rank 0, then on all other ranks; they raise rank 0's exception."""
        made = _attempt(make) if self.rank == 0 else [None, None]
        told = [_told(made[1])]
        dist.broadcast_object_list(told)
        if told[0] is not None:
            raise made[1] or told[0]
        return cast(T, made[0]) if self.rank == 0 else make()


def get_communicator() -> Communicator:
    """Returns the communicator of the current process group."""
    return DistributedCommunicator() if dist.is_available() and dist.is_initialized() else Communicator()


@contextmanager
def init_distributed() -> Iterator[Communicator]:
    """Initializes the process group of a ``torchrun`` job, until the process ends.

    CPU tensors are communicated by gloo, GPU tensors by nccl. An existing process group is reused.

    Raises:
        ConnectionError: If another process of the job has stopped.
    """
    _join()
    communicator = get_communicator()
    if communicator.world_size == 1:
        yield communicator
        return
    try:
        with warnings.catch_warnings():  # strides of axes of length one are arbitrary
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
            yield communicator
    except RuntimeError as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        if not isinstance(error, dist.DistError) and not _LOST.search(line):
            raise
        raise ConnectionError(f"another process of this job has stopped ({line}); see its error message") from None


def _join() -> None:
    """Initializes the process groups once per process.

    Groups that are created again would connect to the addresses of earlier ones.
    """
    if dist.is_available() and not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        on_gpus = torch.cuda.is_available() and dist.is_nccl_available()
        if on_gpus:
            torch.cuda.set_device(local_rank() % torch.cuda.device_count())
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo", timeout=_PATIENCE, **_meeting_place())
        _norms["group"] = dist.new_group(timeout=_PATIENCE)
        atexit.register(_leave)


def _leave() -> None:
    """Destroys the process group at exit."""
    _norms.clear()
    if dist.is_initialized():
        dist.destroy_process_group()


def _meeting_place() -> dict[str, Any]:
    """Returns the rendezvous store for one machine; empty for PyTorch's default.

    The store of the launcher persists across restarts, with the addresses of earlier processes. Every restart therefore
    uses a different key prefix.
    """
    of = os.environ.get
    if sys.platform == "win32":  # PyTorch's default picks a store that its build for Windows has
        return {}
    if of("TORCHELASTIC_USE_AGENT_STORE") != "True" or of("LOCAL_WORLD_SIZE") != of("WORLD_SIZE"):
        return {}
    store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=_PATIENCE)
    start = dist.PrefixStore(f"graphkit-{of('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    return {"store": start, "rank": rank(), "world_size": int(os.environ["WORLD_SIZE"])}


def rank() -> int:
    """Returns the rank of this process, also before initialization."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Returns the rank of this process on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def job() -> str | None:
    """Returns the id of the ``torchrun`` job, constant across restarts, or ``None``.

    This is ``--rdzv-id`` if given, else a hash of the launcher's process id, start time and machine id.
    """
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    if name in (None, "none"):
        identity = f"{machine_id()} {os.getppid()} {started(os.getppid())}"
        return None if name is None else hashlib.sha256(identity.encode()).hexdigest()[:16]
    return name


def _attempt(make: Callable[[], Any]) -> list[Any]:
    """Returns the result of ``make``, and its exception or ``None``.

    An input error is raised as it is on all ranks. Other exceptions keep class and traceback on the rank that raised
    them, and become a ``RuntimeError`` on the other ranks.
    """
    try:
        return [make(), None]
    except Exception as error:
        return [None, error]


def _told(error: Exception | None) -> Exception | None:
    """Returns the picklable form of an exception for the other ranks."""
    if error is None or isinstance(error, InputError | OSError):
        return error
    return RuntimeError(f"rank 0 failed: {type(error).__name__}: {error}")
