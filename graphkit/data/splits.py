"""Train, validation and test splits: random, stratified folds, and from masks."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from graphkit.data.dataset import Split
from graphkit.errors import InputError

PARTS = ("train", "val", "test")
#: Methods that draw one split per seed.
METHODS = ("random", "scaffold", "folds")
#: Fractions of a method without fractions.
FRACTIONS = (0.8, 0.1, 0.1)


def parse_split(split: str | Sequence[float]) -> tuple[str, tuple[float, float, float]]:
    """Parses a split: fractions, or a method with or without fractions.

    The method ``folds`` has no fractions.

    Raises:
        InputError: If the method is unknown or the fractions are invalid.

    Example:
        >>> parse_split("scaffold"), parse_split("0.6,0.2,0.2")
        (('scaffold', (0.8, 0.1, 0.1)), ('', (0.6, 0.2, 0.2)))
    """
    if not isinstance(split, str) or not split.strip()[:1].isalpha():
        return "", parse_fractions(split)
    method, colon, fractions = split.partition(":")
    if method.strip() not in METHODS or (method.strip() == "folds" and colon):
        raise InputError(
            "`split` must be fractions such as 0.6,0.2,0.2; or folds; or random or scaffold with or without fractions, "
            f"such as scaffold:0.8,0.1,0.1 (got {split!r})"
        )
    return method.strip(), parse_fractions(fractions) if colon else FRACTIONS


def parse_fractions(split: str | Sequence[float]) -> tuple[float, float, float]:
    """Parses the fractions of training, validation and test items.

    Raises:
        InputError: If there are not three positive numbers that sum to one.

    Example:
        >>> parse_fractions("0.6,0.2,0.2")
        (0.6, 0.2, 0.2)
    """
    hint = "give three fractions for train, validation and test, such as 0.6,0.2,0.2"
    parts = split.split(",") if isinstance(split, str) else list(split)
    try:
        fractions = tuple(float(share) for share in parts)
    except (TypeError, ValueError):
        raise InputError(f"`split` must be three numbers (got {split!r}); {hint}") from None
    if len(fractions) != 3:
        raise InputError(f"`split` must be three numbers (got {split!r}); {hint}")
    if not all(0 < fraction < 1 for fraction in fractions):
        raise InputError(f"`split` must hold fractions between 0 and 1 (got {split!r}); {hint}")
    if abs(sum(fractions) - 1) > 1e-6:
        raise InputError(f"`split` must sum to 1 (got {split!r}, which sums to {sum(fractions):g}); {hint}")
    return fractions


def random_split(
    num_items: int, split: str | Sequence[float], seed: int = 0, y: Tensor | None = None, items: Tensor | None = None
) -> Split:
    """Draws a random split, stratified by class if ``y`` is given.

    Args:
        num_items (int): Number of items.
        split (str or list[float]): Fractions, see :func:`parse_fractions`.
        seed (int, optional): Random seed; the split is the same on all machines. (default: ``0``)
        y (Tensor, optional): ``[num_items]`` int64, classes; unlabeled items (-1) are excluded. (default: ``None``)
        items (Tensor, optional): ``[K]``, ids of the candidates. (default: ``None``, all)

    Raises:
        InputError: If a subset would be empty.

    Example:
        >>> split = random_split(10, "0.6,0.2,0.2")
        >>> split.train.numel(), split.val.numel(), split.test.numel()
        (6, 2, 2)
    """
    fractions = parse_fractions(split)
    generator = np.random.default_rng(seed)
    ids = np.arange(num_items) if items is None else items.numpy()
    if y is not None and bool((y < 0).any()):
        ids = ids[y.numpy()[ids] >= 0]
    order = generator.permutation(ids)
    if y is not None:
        # Consecutive items of a class get evenly spaced ranks in [0, 1), so that every interval is stratified.
        order = order[np.argsort(y.numpy()[order], kind="stable")]
        _, counts = np.unique(y.numpy()[order], return_counts=True)
        offsets = generator.random(counts.size)
        rank = np.concatenate([(np.arange(n) + u) / n for n, u in zip(counts, offsets, strict=True)] or [np.empty(0)])
        order = order[np.argsort(rank, kind="stable")]
    first = round(order.size * fractions[0])
    second = round(order.size * (fractions[0] + fractions[1]))
    parts = [torch.from_numpy(np.sort(subset)) for subset in np.split(order, [first, second])]
    for name, subset in zip(PARTS, parts, strict=True):
        if not subset.numel():
            raise InputError(
                f"`split` leaves no {name} item (got {split!r} for {order.size} items); use larger fractions"
            )
    return Split(*parts)


def scaffold_split(groups: Sequence[str], split: str | Sequence[float], seed: int = 0) -> Split:
    """Draws a split of molecules in which no scaffold is in two subsets.

    All molecules of a scaffold are assigned together: to the training items if these then do not exceed their fraction,
    else to the validation items if training and validation items together do not exceed theirs, else to the test items.
    With seed 0, scaffolds are assigned from the largest to the smallest; of two equal ones, the one whose first
    molecule comes later is first. This is the deterministic split of DeepChem, MoleculeNet and OGB. With another seed,
    scaffolds with more molecules than half of the smaller one of validation and test part come first, then all others;
    both groups are shuffled, as in the balanced split of Chemprop.

    Args:
        groups (list[str]): Scaffold of each molecule, see :func:`graphkit.data.smiles.scaffolds`.
        split (str or list[float]): Fractions, see :func:`parse_fractions`.
        seed (int, optional): Random seed; the split is the same on all machines. (default: ``0``)

    Raises:
        InputError: If a subset would be empty.

    Example:
        >>> split = scaffold_split(["a", "a", "b", "a", "c"], "0.6,0.2,0.2")
        >>> split.train.tolist(), split.val.tolist(), split.test.tolist()
        ([0, 1, 3], [4], [2])
    """
    fractions, count = parse_fractions(split), len(groups)
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    ordered = sorted(members.values(), key=lambda ids: (len(ids), ids[0]), reverse=True)
    if seed:
        generator = np.random.default_rng(seed)
        large = sum(len(ids) > min(fractions[1:]) * count / 2 for ids in ordered)
        order = [*generator.permutation(large), *(large + generator.permutation(len(ordered) - large))]
        ordered = [ordered[position] for position in order]
    limits = fractions[0] * count + 1e-6, (fractions[0] + fractions[1]) * count + 1e-6
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for ids in ordered:
        fits = [len(parts[0]) + len(ids) <= limits[0], len(parts[0]) + len(parts[1]) + len(ids) <= limits[1], True]
        parts[fits.index(True)].extend(ids)
    for name, subset in zip(PARTS, parts, strict=True):
        if not subset:
            raise InputError(
                f"the scaffold split leaves no {name} item (got {split!r} for {count} molecules with {len(members)} "
                "scaffolds); use other fractions, or --split random"
            )
    return Split(*(torch.tensor(sorted(subset)) for subset in parts))


def few_labels(split: Split, y: Tensor, count: int, seed: int = 0) -> Split:
    """Returns a split with ``count`` training items per class.

    Args:
        split (Split): Split whose training items are sampled; validation and test items are kept.
        y (Tensor): ``[num_items]`` int64, classes.
        count (int): Number of training items per class.
        seed (int, optional): Random seed. Larger counts with the same seed include the items of smaller ones. (default:
            ``0``)

    Raises:
        InputError: If a class has fewer training items.
    """
    generator = np.random.default_rng(seed)
    kept = []
    for label in y.unique()[y.unique() >= 0].tolist():
        members = split.train[y[split.train] == label]
        if members.numel() < count:
            raise InputError(
                f"`labels_per_class` must be at most the training items of each class (got {count}, and class {label} "
                f"has {members.numel()}); ask for fewer, or give --split a larger first fraction"
            )
        kept.append(members[torch.from_numpy(generator.permutation(members.numel())[:count])])
    return Split(torch.cat(kept).sort().values, split.val, split.test)


def stratified_folds(y: Tensor, folds: int = 10, seed: int = 0) -> tuple[Split, ...]:
    """Returns stratified cross-validation folds, without validation items.

    The folds equal those of scikit-learn's ``StratifiedKFold(folds, shuffle=True, random_state=seed)``, which the
    published ten-fold protocol uses.

    Args:
        y (Tensor): ``[num_items]`` int64, classes; unlabeled items (-1) are in no fold.
        folds (int, optional): Number of folds. (default: ``10``)
        seed (int, optional): Random seed. (default: ``0``)

    Raises:
        InputError: If there are fewer labeled items than folds.
    """
    labels = y.numpy()
    labeled = np.flatnonzero(labels >= 0)
    if labeled.size < folds:
        raise InputError(f"{folds} folds need at least as many labeled items (got {labeled.size})")
    generator = np.random.RandomState(seed)
    classes, first_seen = np.unique(labels[labeled], return_index=True)
    classes = classes[np.argsort(first_seen)]  # scikit-learn numbers the classes in order of appearance
    members = [np.flatnonzero(labels == label) for label in classes]
    start, fold = 0, np.full(labels.size, -1)
    for ids in members:
        # Assigning the sorted items to folds in turn gives the number of items per class and fold.
        dealt = np.sort(np.arange(start, start + ids.size) % folds)
        generator.shuffle(dealt)
        fold[ids] = dealt
        start += ids.size
    empty = torch.empty(0, dtype=torch.long)
    return tuple(
        Split(torch.from_numpy(labeled[fold[labeled] != k]), empty, torch.from_numpy(np.flatnonzero(fold == k)))
        for k in range(folds)
    )


def validation_folds(y: Tensor, folds: int = 10, seed: int = 0) -> tuple[Split, ...]:
    """Returns stratified cross-validation folds with validation items.

    Fold ``i`` of :func:`stratified_folds` is the test set of split ``i``, fold ``i + 1`` its validation set (fold 0 for
    the last split), and the others its training set. Each item is tested once, by a model that was selected without it.

    Args:
        y (Tensor): ``[num_items]`` int64, classes; unlabeled items (-1) are in no fold.
        folds (int, optional): Number of folds, at least 3. (default: ``10``)
        seed (int, optional): Random seed. (default: ``0``)

    Raises:
        InputError: If there are fewer labeled items than folds.

    Example:
        >>> split = validation_folds(torch.arange(20) % 2)[9]
        >>> split.train.numel(), split.val.numel(), split.test.numel()
        (16, 2, 2)
    """
    splits, parts = [], [split.test for split in stratified_folds(y, folds, seed)]
    for k, test in enumerate(parts):
        train = torch.cat([*parts[k + 2 :], *parts[max(k + 2 - folds, 0) : k]]).sort().values
        splits.append(Split(train, parts[(k + 1) % folds], test))
    return tuple(splits)


def splits_from_masks(train: Tensor, val: Tensor, test: Tensor) -> tuple[Split, ...]:
    """Converts masks ``[N]`` or ``[N, K]`` to K splits, with broadcasting."""
    masks = [mask.bool().view(mask.size(0), -1) for mask in (train, val, test)]
    count = max(mask.size(1) for mask in masks)
    columns = [mask.expand(-1, count) if mask.size(1) == 1 else mask for mask in masks]
    return tuple(Split(*(mask[:, k].nonzero().view(-1) for mask in columns)) for k in range(count))


def time_split(time: Tensor, fractions: Sequence[float], items: Tensor) -> Split:
    """Splits items by time, the latest for test; equal times stay together.

    Args:
        time (Tensor): ``[num_items]``, time of each item.
        fractions (list[float]): Fractions of the three subsets.
        items (Tensor): ``[K]``, ids of the candidates.

    Raises:
        InputError: If a subset would be empty.
    """
    times = time[items].sort().values
    cuts = [times[min(round(times.numel() * part), times.numel() - 1)] for part in (fractions[0], sum(fractions[:2]))]
    late = (time[items] >= cuts[0]).long() + (time[items] >= cuts[1]).long()
    parts = [items[late == number] for number in range(3)]
    for name, subset in zip(PARTS, parts, strict=True):
        if not subset.numel():
            raise InputError(
                f"the split by `time` leaves no {name} item (got {times.unique().numel()} times of {items.numel()} "
                "items); draw a split with --split 0.6,0.2,0.2, or add a split"
            )
    return Split(*parts)


def position_split(num_items: int, fractions: Sequence[float]) -> Split:
    """Splits ``0 .. num_items - 1`` in order: training items first, test items last."""
    first, second = round(num_items * fractions[0]), round(num_items * (fractions[0] + fractions[1]))
    return Split(torch.arange(first), torch.arange(first, second), torch.arange(second, num_items))
