"""Calls every operator with hostile arguments: each call returns or raises an error of a declared class.

    python -m tests.fuzz.operators --count 9000 --seed 0

Calls run in batches in children forked from a warm parent, half of them on each backend. If a signal or the limit of
time ends a child, its calls are run again one by one, so that the number of the call is known.
"""

import argparse
import collections
import math
import os
import random
import subprocess
import sys
import time
import warnings
from typing import Any

import torch
from torch import Tensor

from tests.warm import run_forked

BATCH, SECONDS = 50, 10.0
N, E, P, T, V = 6, 14, 9, 8, 5


def valid(name: str, g: torch.Generator) -> dict[str, Any]:
    """Returns arguments that the operator takes."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g)

    edge_index = torch.randint(0, N, (2, E), generator=g)
    ptr, frames = torch.tensor([0, 2, 2, 7, E]), torch.tensor([0, 3, T])
    scores = {"source": normal(N, 2), "target": normal(N, 2)}
    paths = torch.randint(0, N, (3, P), generator=g)
    return {
        "segment_sum": {"x": normal(E, 3), "ptr": ptr},
        "segment_max": {"x": normal(E, 3), "ptr": ptr},
        "segment_softmax": {"x": normal(E, 3), "ptr": ptr},
        "aggregate": {
            "x": normal(N, 2, 3), "edge_index": edge_index, "weight": normal(E, 2), "reduce": "mean", "size": (N, N),
        },
        "factor_aggregate": {
            "h": normal(N, 2, 3), **scores, "edge_index": edge_index, "norm": None, "gain": 1.0, "edge": normal(E, 2),
        },
        "edge_similarity": {"z": normal(N, 3), "edge_index": edge_index, "kernel": "rbf"},
        "local_structure_divergence": {"student": normal(N, 3), "teacher": normal(N, 4), "edge_index": edge_index},
        "path_attention": {
            "h": normal(N, 2, 3), "path_index": paths, "att": normal(2, 3), "target": normal(N, 2), "weight": None,
        },
        "shortest_paths": {
            "edge_index": edge_index, "cost": normal(E).abs(), "max_hops": 2, "num_nodes": N,
            "sources": None, "ratio": None,
        },
        "joint_mix": {"x": normal(T, V, 2, 3), "weight": normal(2, 2, V, V), "ptr": frames, "bias": None},
        "joint_affinity": {"a": normal(T, V, 2, 3), "b": normal(T, V, 2, 3), "ptr": frames, "every": None},
        "temporal_conv3": {"x": normal(T, V, 2, 3, 3), "ptr": frames, "every": None, "bias": None, "rectify": False},
    }[name]  # fmt: skip


NAMES = (
    "segment_sum", "segment_max", "segment_softmax", "aggregate", "factor_aggregate", "edge_similarity",
    "local_structure_divergence", "path_attention", "shortest_paths", "joint_mix", "joint_affinity", "temporal_conv3",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    2,
    N,
    E,
    2**31 - 1,
    2**31,
    2**62,
    -(2**63),
    0.5,
    math.nan,
    math.inf,
    -1e300,
    True,
    None,
    "x",
    [1, 2],
)
DTYPES = (
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.uint8, torch.int32, torch.int64,
    torch.bool, torch.complex64,
)  # fmt: skip


def hostile(value: Any, rng: random.Random) -> Any:
    """Returns another argument in the place of a valid one."""
    if not isinstance(value, Tensor) or rng.random() < 0.05:
        return rng.choice(NUMBERS)
    action = rng.randrange(12)
    if action == 0:
        return value.to(rng.choice(DTYPES))
    if action == 1:
        return value[rng.randrange(value.size(0)) :] if value.dim() else value
    if action == 2:
        return value.t() if value.dim() == 2 else value.unsqueeze(rng.randrange(value.dim() + 1))
    if action == 3:
        return value.new_empty([0 if rng.random() < 0.5 else size for size in value.shape])
    if action == 4:
        return value[:1].expand(rng.choice([1, 7, 1000]), *value.shape[1:])
    if action == 5:
        return value.repeat_interleave(2, -1)[..., ::2]
    if action == 6:
        return torch.empty(value.shape, dtype=value.dtype, device="meta")
    if action == 7:
        return value.to_sparse() if rng.random() < 0.5 else value.reshape(-1)
    if action == 8:
        return value.flip(0)
    new = value.clone()
    for _ in range(rng.randrange(1, 4)):
        number: Any = rng.choice(NUMBERS[:14])
        if not value.is_floating_point():
            number = 0 if isinstance(number, float) and not math.isfinite(number) else int(number)
            number = max(-(2**63), min(2**63 - 1, number))
        wide = torch.tensor(number, dtype=torch.float64 if value.is_floating_point() else torch.int64)
        new.view(-1)[rng.randrange(new.numel())] = wide.to(value.dtype)
    return new


def call(number: int, seed: int) -> str:
    """Makes one call; returns an empty text, or the error that no caller should get."""
    from graphkit import ops
    from graphkit.errors import InputError

    rng = random.Random(f"{seed}-{number}")
    name = rng.choice(NAMES)
    arguments = valid(name, torch.Generator().manual_seed(rng.randrange(2**31)))
    if rng.random() < 0.3:
        kind = rng.choice([torch.float16, torch.bfloat16, torch.float64])
        arguments = {
            k: v.to(kind) if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in arguments.items()
        }
    for key in rng.sample(list(arguments), rng.choice([0, 1, 1, 1, 2])):
        arguments[key] = hostile(arguments[key], rng)
    differentiable = rng.random() < 0.4
    if differentiable:
        for key, value in arguments.items():
            if isinstance(value, Tensor) and value.is_floating_point() and value.device.type == "cpu" and value.is_leaf:
                arguments[key] = value.detach().requires_grad_()
    try:
        result = getattr(ops, name)(**arguments)
        if differentiable and isinstance(result, Tensor) and result.requires_grad:
            result.float().sum().backward()
    except InputError as error:
        return "" if str(error).strip() else "InputError without a message"
    except BaseException as error:
        return f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:110]}"
    return ""


def run(numbers: list[int], seed: int) -> list[tuple[int, str]]:
    """Makes calls in this process and returns those that went wrong."""
    warnings.simplefilter("ignore")
    return [(number, said) for number in numbers if (said := call(number, seed))]


def examine(numbers: list[int], seed: int) -> list[tuple[int, str]]:
    """Makes calls in a child; where one ends the child, makes them again one by one."""
    outcome = run_forked(lambda: run(numbers, seed), SECONDS * (4 if len(numbers) > 1 else 1), 8 << 30)
    if outcome.value is not None:
        return outcome.value
    if len(numbers) == 1:
        return [(numbers[0], f"more than {SECONDS:.0f} s" if outcome.late else f"signal {outcome.signal}")]
    return [failure for number in numbers for failure in examine([number], seed)]


def main() -> int:
    """Makes the calls and prints a table of what went wrong; returns 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=9000, help="calls, half of them on each backend")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="make one call in this process")
    parser.add_argument("--backend", choices=["native", "torch"])
    options = parser.parse_args()
    if options.backend is None:  # the backend is chosen when the package is imported
        counts = ["--count", str(options.count // 2), "--seed", str(options.seed)]
        codes = []
        for backend in ("native", "torch"):
            environment = {**os.environ, "GRAPHKIT_BACKEND": backend}
            command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.operators", "--backend", backend, *counts]
            codes.append(subprocess.run(command, env=environment).returncode)
        return max(codes)
    torch.set_num_threads(1)
    if options.only is not None:
        print(run([options.only], options.seed))
        return 0
    from graphkit import ops

    wrong: dict[str, list[int]] = collections.defaultdict(list)
    begin = time.monotonic()
    for first in range(0, options.count, BATCH):
        for number, said in examine(list(range(first, min(first + BATCH, options.count))), options.seed):
            wrong[said].append(number)
    for said, numbers in sorted(wrong.items(), key=lambda item: -len(item[1])):
        print(f"{len(numbers):>5} x {said}; call {', '.join(map(str, numbers[:3]))}")
    count, used = sum(map(len, wrong.values())), time.monotonic() - begin
    print(f"{ops.backend()}, seed {options.seed}: {options.count} calls, {count} wrong, {used:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
