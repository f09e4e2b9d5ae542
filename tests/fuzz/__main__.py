"""Fuzzes every reader: mutated inputs give a clean result or a one-line error of a declared class.

    python -m tests.fuzz --count 20000 --seed 0

Each case runs in a child forked from a warm parent. A case is wrong if it raises any other exception, if a signal
ends it, if it takes more than 10 seconds, or if its resident memory grows by more than 1 GB. The number of a case and
the seed reproduce it: ``python -m tests.fuzz --target NAME --only NUMBER --seed SEED``.
"""

import argparse
import collections
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import torch

from tests.fuzz.mutate import mutate_file
from tests.fuzz.targets import TARGETS, Target
from tests.warm import Outcome, run_forked

SECONDS, MEMORY, ADDRESS_SPACE = 10.0, 1 << 30, 6 << 30


def warm_up() -> None:
    """Imports everything that a reader needs, so that no child does."""
    import graphkit.experiments
    import graphkit.export
    import graphkit.report
    import graphkit.sampling  # noqa: F401
    from graphkit.registry import dataset_names, layout_names, model_names

    dataset_names(), layout_names(), model_names()


def inputs(folder: Path) -> list[Path]:
    """Returns the files of an input that a mutation may change."""
    skipped = (".keep", ".html", ".png")
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in skipped)


def attempt(target: Target, folder: Path) -> str:
    """Reads an input; returns an empty text if the outcome is allowed, or a description of what was raised."""
    from graphkit.errors import InputError

    warnings.simplefilter("ignore")
    try:
        target.read(folder)
    except (InputError, OSError) as error:
        return "" if str(error).strip() else f"{type(error).__name__} without a message"
    except BaseException as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "graphkit" in frame.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return f"{type(error).__name__} at {where}: {' '.join(str(error).split())[:100]}"
    return ""


def read_valid(target: Target, folder: Path) -> str:
    """Reads the input that no mutation has touched; returns an empty text, or the error."""
    warnings.simplefilter("ignore")
    try:
        target.read(folder)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""


def verdict(outcome: Outcome) -> str:
    """Returns what is wrong with the outcome of a case; empty if nothing."""
    if outcome.late:
        return f"more than {SECONDS:.0f} seconds"
    if outcome.signal:
        return f"signal {outcome.signal}"
    if outcome.memory > MEMORY:
        return f"{outcome.memory >> 20} MB"
    return "the child ended without an answer" if outcome.value is None else outcome.value


def main() -> int:
    """Runs the cases and prints a table of what went wrong; returns 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20000, help="number of cases over all targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", help="only these targets")
    parser.add_argument("--only", type=int, help="only the case of this number, kept in a folder that is printed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warm_up()
    names = options.target or list(TARGETS)
    share = -(-options.count // len(names))
    wrong: dict[str, list[str]] = collections.defaultdict(list)
    total, begin = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ.update(GRAPHKIT_OFFLINE="1", GRAPHKIT_CACHE=f"{temporary}/cache")
        for name in names:
            target, base, start = TARGETS[name], Path(temporary, "seed", name), time.monotonic()
            work = Path(temporary, "work", name)
            work.mkdir(parents=True)
            target.seed(work)
            shutil.copytree(work, base)
            valid = run_forked(lambda target=target, work=work: read_valid(target, work), 60)
            if valid.value != "":
                wrong[f"{name}: the valid input: {verdict(valid)}"].append("")
                continue
            numbers = range(share) if options.only is None else [options.only]
            kinds: set[str] = set()
            for number in numbers:
                rng = random.Random(f"{options.seed}-{name}-{number}")
                shutil.rmtree(work)
                shutil.copytree(base, work)
                chosen = [rng.choice(inputs(work)) for _ in range(rng.choice([1, 1, 2]))]
                kind = " ".join(f"{path.name}:{mutate_file(path, rng)}" for path in chosen)
                outcome = run_forked(
                    lambda target=target, work=work: attempt(target, work), SECONDS, address_space=ADDRESS_SPACE
                )
                total += 1
                if said := verdict(outcome):
                    wrong[f"{name}: {said}"].append(f"{number} ({kind})")
                    kinds.add(said)
            used = time.monotonic() - start
            print(f"{name:<16} {len(numbers):>6} cases, {len(kinds)} faults, {used:.0f} s", flush=True)
            if options.only is not None:
                kept = Path(tempfile.mkdtemp())
                shutil.copytree(work, kept, dirs_exist_ok=True)
                print(f"{kind}: {said or 'right'}; the input is in {kept}")
    for said, numbers_of in sorted(wrong.items(), key=lambda item: -len(item[1])):
        print(f"{len(numbers_of):>5} x {said}; case {', '.join(numbers_of[:3])}")
    count, used = sum(map(len, wrong.values())), time.monotonic() - begin
    print(f"seed {options.seed}: {total} cases, {count} wrong, {used:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
