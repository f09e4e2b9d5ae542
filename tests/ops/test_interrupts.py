"""Ctrl-C during a native call that would take a minute."""

import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

import pytest
import torch

from graphkit.ops import path_attention

PROGRAM = """
import os, sys, time
import torch
from graphkit import ops
torch.set_num_threads(int(sys.argv[2]))
def numbers(*shape): return torch.rand(shape)
def nodes(*shape): return torch.randint(1000, shape)
def factor_aggregate():  # at one node
    edges = torch.stack([nodes(10_000_000), torch.zeros(10_000_000, dtype=torch.long)])
    return lambda: ops.factor_aggregate(numbers(1000, 512), numbers(1000, 256), numbers(1000, 256), edges)
def aggregate():
    edges = nodes(2, 20_000_000)
    return lambda: ops.aggregate(numbers(1000, 8192), edges, reduce="max")
def path_attention():
    paths = nodes(16, 1_000_000)
    return lambda: ops.path_attention(numbers(1000, 8, 512), paths, numbers(8, 512), numbers(1000, 8))
def joint_affinity():
    x = numbers(1, 200, 2, 32).expand(400_000, -1, -1, -1)
    return lambda: ops.joint_affinity(x, x, torch.tensor([0, 400_000]))
def shortest_paths():
    edges = torch.randint(200_000, (2, 2_000_000))
    return lambda: ops.shortest_paths(edges, numbers(2_000_000), 3)
call = globals()[sys.argv[1]]()
print("begins", flush=True)
try:
    call()
except KeyboardInterrupt:
    print(time.time(), flush=True)
else:
    print("ended", flush=True)
os._exit(0)
"""


@pytest.mark.extended
@pytest.mark.parametrize(
    ("name", "threads"),
    [("aggregate", 1), ("factor_aggregate", 1), ("path_attention", 2), ("joint_affinity", 1), ("shortest_paths", 2)],
)
def test_a_long_call_stops_before_its_end(native: None, name: str, threads: int) -> None:
    command = [sys.executable, "-c", PROGRAM, name, str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "begins\n"
            time.sleep(1.0)
            sent = time.time()
            process.send_signal(signal.SIGINT)
            said = process.stdout.readline().strip()
        finally:
            process.kill()
    assert said not in ("", "ended")
    assert float(said) - sent < 20.0  # a call takes a minute and stops in a moment: room for a busy machine


def test_a_signal_whose_handler_goes_on_changes_nothing(native: None) -> None:
    h, att = torch.randn(100, 4, 16), torch.randn(4, 16)
    target, paths = torch.randn(100, 4), torch.randint(100, (8, 400_000))
    expected = path_attention(h, paths, att, target)
    signals: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        signals.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        while not signals:
            assert torch.equal(path_attention(h, paths, att, target), expected)
        timer.join()
        assert signals == [signal.SIGINT]
        assert signal.getsignal(signal.SIGINT) is note
    finally:
        signal.signal(signal.SIGINT, before)
