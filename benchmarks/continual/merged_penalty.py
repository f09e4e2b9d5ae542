"""What a training step costs after many tasks, and what the penalty of all of them keeps in memory.

TWP on a GAT: steps after 2 and after 100 tasks alternate, and the medians are compared; beside them steps with the
straightforward form, one importance and one copy of the weights for each task. The last lines say how far the value of
the merged penalty in single precision is from the sum over tasks in double precision, for weights around 3 that move
by 1e-4 from task to task.

    python benchmarks/continual/merged_penalty.py --json merged_penalty.json
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphkit.continual import MergedPenalty, TaskHeads, TaskStream, merge_penalty, merged_penalty
from graphkit.continual.gradients import trainable
from graphkit.data import load
from graphkit.nn import GAT
from graphkit.training.environment import environment


class PerTask:
    """The sum over tasks as it is written: memory and time grow with the number of tasks."""

    def __init__(self) -> None:
        self.terms: list[tuple[dict[str, Tensor], dict[str, Tensor]]] = []

    def add(self, importance: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
        """Adds a task."""
        self.terms.append((importance, {name: weight.detach().clone() for name, weight in weights.items()}))

    def __call__(self, weights: dict[str, Tensor]) -> Tensor:
        """Returns the penalty."""
        sums = [(i[name] * (w - old[name]) ** 2).sum() for i, old in self.terms for name, w in weights.items()]
        return torch.stack(sums).sum()


def penalties(model: torch.nn.Module, tasks: int) -> tuple[MergedPenalty, PerTask]:
    """Returns the penalties of some tasks with random importances, merged and one by one."""
    merged, listed = None, PerTask()
    for _ in range(tasks):
        weights = {name: p.detach() + 0.01 * torch.randn_like(p) for name, p in trainable(model).items()}
        importance = {name: torch.rand_like(p) / p.numel() for name, p in weights.items()}
        merged = merge_penalty(merged, importance, weights)
        listed.add(importance, weights)
    assert merged is not None
    return merged, listed


def size(*parts: dict[str, Tensor]) -> int:
    """Returns the number of values in named tensors."""
    return sum(tensor.numel() for tensors in parts for tensor in tensors.values())


def rounding_error(tasks: int = 100, count: int = 10_000) -> float:
    """Returns the relative error of the merged penalty in single precision."""
    generator = torch.Generator().manual_seed(0)
    weights, merged, exact = 3 * torch.randn(count, generator=generator), None, []
    for _ in range(tasks):
        weights = weights + 1e-4 * torch.randn(count, generator=generator)
        importance = torch.rand(count, generator=generator) ** 4
        merged = merge_penalty(merged, {"w": importance}, {"w": weights})
        exact.append((importance.double(), weights.double()))
    at = weights + 1e-4 * torch.randn(count, generator=generator)
    assert merged is not None
    value = sum(float((i * (at.double() - w) ** 2).sum()) for i, w in exact)
    return abs(float(merged_penalty(merged, {"w": at})) / value - 1)


def main() -> None:
    """Prints a table and writes JSON where it is told to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=30, help="steps of each kind")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    dataset = load("sbm-continual")
    stream = TaskStream(dataset, 2)
    model = TaskHeads(lambda n: GAT.from_data(dataset.replace(num_outputs=n)), stream.sizes)
    task, parameters = stream[0], trainable(model)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-6)
    few, _ = penalties(model, 2)
    many, listed = penalties(model, arguments.tasks)

    def step(penalty: Callable[[], Tensor]) -> float:
        begin = time.perf_counter()
        optimizer.zero_grad()
        (task.mean_loss(model, task.data) + penalty()).backward()
        optimizer.step()
        return time.perf_counter() - begin

    kinds: dict[str, Callable[[], Tensor]] = {
        "no penalty": lambda: torch.zeros(()),
        "merged, 2 tasks": lambda: merged_penalty(few, parameters),
        f"merged, {arguments.tasks} tasks": lambda: merged_penalty(many, parameters),
        f"one by one, {arguments.tasks} tasks": lambda: listed(parameters),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(arguments.rounds + 2):
        for name, penalty in kinds.items():
            taken = step(penalty)
            if number > 1:  # the first two rounds warm up
                seconds[name].append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    copies = size(*many[:3]) / size(dict(parameters))
    result: dict[str, Any] = {
        "milliseconds": {name: 1000 * value for name, value in medians.items()},
        "step_at_many_over_step_at_two": medians[f"merged, {arguments.tasks} tasks"] / medians["merged, 2 tasks"],
        "copies_of_the_parameters": copies,
        "rounding_error": rounding_error(arguments.tasks),
        "environment": environment(torch.device("cpu")),
    }
    print(f"a step of a GAT with {size(dict(parameters)):,} parameters, median of {arguments.rounds}:")
    for name, value in result["milliseconds"].items():
        print(f"  {name:<24} {value:8.1f} ms")
    print(f"step after {arguments.tasks} tasks / step after 2: {result['step_at_many_over_step_at_two']:.3f}")
    print(f"kept: {copies:g} copies of the parameters; one by one: {2 * arguments.tasks}")
    print(f"relative error in single precision after {arguments.tasks} tasks: {result['rounding_error']:.1e}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
