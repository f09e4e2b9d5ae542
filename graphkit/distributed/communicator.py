"""The processes that train one model together: who they are, and what they tell each other."""

import atexit
import hashlib
import os
import re
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

#: The process group for batch norms, whose messages come while gradients are exchanged in the default one.
_norms: dict[str, Any] = {}
#: How long a process waits for another: reading a large data set takes its time, a process that died is known at once.
_PATIENCE = timedelta(hours=6)
#: What the messages of gloo and nccl say when another process is gone.
_LOST = re.compile("(gloo|nccl).*(connection|peer|socket|broken pipe|timed? ?out|closed)", re.IGNORECASE | re.DOTALL)


class Communicator:
    """One process alone; what it says to all comes back to it.

    Every method must be called by all processes of a team, in the same order.
    """

    rank = 0
    world_size = 1

    @property
    def rank_slice(self) -> RankSlice:
        """Which part of a batch is this process's."""
        return RankSlice(self.rank, self.world_size)

    @property
    def norm_group(self) -> Any:
        """The process group for batch norms."""
        return None

    def all_reduce(self, *numbers: float) -> list[float]:
        """Returns the sums of some numbers over all processes."""
        return list(numbers)

    def all_reduce_async(self, *numbers: float) -> Callable[[], list[float]]:
        """Begins what :meth:`all_reduce` does, and returns what ends it: messages travel while this process goes on."""
        return lambda: self.all_reduce(*numbers)

    def all_reduce_max(self, *numbers: float) -> list[float]:
        """Returns the largest of some numbers over all processes."""
        return list(numbers)

    def all_gather_object(self, value: Any) -> list[Any]:
        """Returns the values of all processes."""
        return [value]

    def all_gather_rows(self, tensor: Tensor) -> Tensor:
        """Returns the rows of all processes' tensors; they may have different numbers of them."""
        return tensor

    def all_reduce_mean_(self, tensors: Iterable[Tensor]) -> None:
        """Replaces tensors of fractions by their means over all processes."""

    def broadcast_from_rank0(self, make: Callable[[], T]) -> T:
        """Returns what the first process makes, to all; the others make nothing. Its error is everyone's."""
        return make()

    def rank_zero_first(self, make: Callable[[], T]) -> T:
        """Lets every process make something, the first one before the others; its error is everyone's."""
        return make()


class DistributedCommunicator(Communicator):
    """The processes of the default group of :mod:`torch.distributed`."""

    def __init__(self) -> None:
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()

    @property
    def norm_group(self) -> Any:
        """The process group for batch norms."""
        return _norms.get("group")

    def all_reduce(self, *numbers: float) -> list[float]:
        """Returns the sums of some numbers over all processes."""
        return self.all_reduce_async(*numbers)()

    def all_reduce_async(self, *numbers: float) -> Callable[[], list[float]]:
        """Begins what :meth:`all_reduce` does, and returns what ends it: messages travel while this process goes on."""
        arrived = gathering(torch.tensor(numbers, dtype=torch.float64))
        return lambda: cast(list[float], arrived().sum(0).tolist())

    def all_reduce_max(self, *numbers: float) -> list[float]:
        """Returns the largest of some numbers over all processes."""
        return cast(list[float], gather(torch.tensor(numbers, dtype=torch.float64)).amax(0).tolist())

    def all_gather_object(self, value: Any) -> list[Any]:
        """Returns the values of all processes."""
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values

    def all_gather_rows(self, tensor: Tensor) -> Tensor:
        """Returns the rows of all processes' tensors; they may have different numbers of them."""
        sizes = gather(torch.tensor(tensor.size(0))).tolist()
        padded = tensor.new_zeros(max(sizes), *tensor.shape[1:])
        padded[: tensor.size(0)] = tensor
        return torch.cat([rows[:size] for rows, size in zip(gather(padded), sizes, strict=True)])

    def all_reduce_mean_(self, tensors: Iterable[Tensor]) -> None:
        """Replaces tensors of fractions by their means over all processes."""
        tensors = list(tensors)
        if tensors:
            means = gather(torch.cat([tensor.flatten() for tensor in tensors])).mean(0)
            for tensor, mean in zip(tensors, means.split([tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def broadcast_from_rank0(self, make: Callable[[], T]) -> T:
        """Returns what the first process makes, to all; the others make nothing. Its error is everyone's."""
        made: list[Any] = _attempt(make) if self.rank == 0 else [None, None]
        told = [made[0], _told(made[1])]
        dist.broadcast_object_list(told)
        if told[1] is not None:
            raise made[1] or told[1]
        return cast(T, told[0])

    def rank_zero_first(self, make: Callable[[], T]) -> T:
        """Lets every process make something, the first one before the others; its error is everyone's."""
        made = _attempt(make) if self.rank == 0 else [None, None]
        told = [_told(made[1])]
        dist.broadcast_object_list(told)
        if told[0] is not None:
            raise made[1] or told[0]
        return cast(T, made[0]) if self.rank == 0 else make()


def get_communicator() -> Communicator:
    """Returns the processes that this one is working with."""
    return DistributedCommunicator() if dist.is_available() and dist.is_initialized() else Communicator()


@contextmanager
def init_distributed() -> Iterator[Communicator]:
    """Joins the other processes where ``torchrun`` started several; they stay together until they end.

    Numbers on the CPU are sent by gloo and numbers on GPUs by nccl. A process group that is there already is used.

    Raises:
        ConnectionError: If another process has stopped.
    """
    _join()
    communicator = get_communicator()
    if communicator.world_size == 1:
        yield communicator
        return
    try:
        with warnings.catch_warnings():  # of weights with an axis of length one, whose strides mean nothing
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
            yield communicator
    except RuntimeError as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        if not isinstance(error, dist.DistError) and not _LOST.search(line):
            raise
        raise ConnectionError(f"another process of this job has stopped ({line}); its own error says why") from None


def _join() -> None:
    """Makes the process group, once: groups that come and go would find the addresses of those before."""
    if dist.is_available() and not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        on_gpus = torch.cuda.is_available() and dist.is_nccl_available()
        if on_gpus:
            torch.cuda.set_device(local_rank() % torch.cuda.device_count())
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo", timeout=_PATIENCE, **_meeting_place())
        _norms["group"] = dist.new_group(timeout=_PATIENCE)
        atexit.register(_leave)


def _leave() -> None:
    """Ends the process group when the process ends."""
    _norms.clear()
    if dist.is_initialized():
        dist.destroy_process_group()


def _meeting_place() -> dict[str, Any]:
    """Returns where the processes of one machine meet; nothing where PyTorch's own way will do.

    The launcher's store outlives a restart, and with it the addresses of the processes before: one that looks too early
    would call a process that is gone. Every start has a part of the store for itself.
    """
    of = os.environ.get
    if of("TORCHELASTIC_USE_AGENT_STORE") != "True" or of("LOCAL_WORLD_SIZE") != of("WORLD_SIZE"):
        return {}
    store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=_PATIENCE)
    start = dist.PrefixStore(f"graphkit-{of('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    return {"store": start, "rank": rank(), "world_size": int(os.environ["WORLD_SIZE"])}


def rank() -> int:
    """Returns the number of this process among those that ``torchrun`` started, also before they have joined."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Returns the number of this process among those on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def job() -> str | None:
    """Returns what names the job that ``torchrun`` runs this process in, through all its restarts; else nothing.

    That is its ``--rdzv-id``. Where none was given it is made of the launcher's process and the time it was started,
    without naming the machine.
    """
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    if name in (None, "none"):
        identity = f"{machine_id()} {os.getppid()} {started(os.getppid())}"
        return None if name is None else hashlib.sha256(identity.encode()).hexdigest()[:16]
    return name


def _attempt(make: Callable[[], Any]) -> list[Any]:
    """Returns what is made, and the error if it cannot be made.

    A mistake of the user is the same error in all processes. A fault of the program keeps its class and its traceback
    in the process that raised it, and is a ``RuntimeError`` in the others.
    """
    try:
        return [make(), None]
    except Exception as error:
        return [None, error]


def _told(error: Exception | None) -> Exception | None:
    """Returns what the other processes are told of an error, which must be pickled for that."""
    if error is None or isinstance(error, InputError | OSError):
        return error
    return RuntimeError(f"the first process failed: {type(error).__name__}: {error}")
