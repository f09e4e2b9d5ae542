import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import GraphCollection, GraphDataset, load
from graphkit.data.loading import draw_split
from graphkit.data.single_graph import from_masks
from graphkit.data.splits import (
    few_labels,
    parse_fractions,
    parse_split,
    position_split,
    random_split,
    scaffold_split,
    splits_from_masks,
    stratified_folds,
    validation_folds,
)


def everything(split) -> torch.Tensor:
    return torch.cat([split.train, split.val, split.test]).sort().values


def test_fractions_are_read_from_text_and_from_numbers() -> None:
    assert parse_fractions("0.6, 0.2,0.2") == (0.6, 0.2, 0.2)
    assert parse_fractions([0.5, 0.25, 0.25]) == (0.5, 0.25, 0.25)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("a,b,c", "must be three numbers"),
        ("0.5,0.5", "must be three numbers"),
        ("0.6,0.2,0.3", "sums to 1.1"),
        ("1,0,0", "between 0 and 1"),
        ("-0.2,0.6,0.6", "between 0 and 1"),
        ("nan,0.5,0.5", "between 0 and 1"),
        ([0.5, None, 0.5], "must be three numbers"),
    ],
)
def test_a_wrong_split_is_one_clear_line(split: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        parse_fractions(split)
    assert "\n" not in str(error.value)


def test_a_random_split_is_complete_seeded_and_has_the_sizes_asked_for() -> None:
    first, again, other = (random_split(100, "0.6,0.3,0.1", seed) for seed in (0, 0, 1))
    assert [ids.numel() for ids in (first.train, first.val, first.test)] == [60, 30, 10]
    assert torch.equal(everything(first), torch.arange(100))
    assert torch.equal(first.train, again.train)
    assert not torch.equal(first.train, other.train)


def test_a_stratified_split_has_the_same_shares_in_every_class() -> None:
    y = torch.tensor([0] * 50 + [1] * 100 + [2] * 850)[torch.randperm(1000)]
    split = random_split(1000, "0.6,0.2,0.2", 3, y)
    assert torch.equal(everything(split), torch.arange(1000))
    for label, count in ((0, 50), (1, 100), (2, 850)):
        for ids, share in ((split.train, 0.6), (split.val, 0.2), (split.test, 0.2)):
            assert abs(int((y[ids] == label).sum()) - share * count) <= 2


def test_only_the_items_given_are_drawn() -> None:
    items = torch.arange(0, 100, 2)
    assert torch.equal(everything(random_split(100, "0.6,0.2,0.2", 0, torch.zeros(100).long(), items)), items)


def test_a_part_may_not_be_empty() -> None:
    with pytest.raises(ValueError, match="leaves no test item"):
        random_split(3, "0.8,0.1,0.1")


@pytest.mark.parametrize("seed", [0, 7])
def test_folds_are_those_of_scikit_learn(seed: int) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    y = np.random.default_rng(seed).choice(3, size=203, p=[0.2, 0.5, 0.3])
    folds = stratified_folds(torch.from_numpy(y), seed=seed)
    expected = selection.StratifiedKFold(10, shuffle=True, random_state=seed).split(np.zeros_like(y), y)
    for fold, (train, test) in zip(folds, expected, strict=True):
        assert np.array_equal(fold.train.numpy(), train)
        assert np.array_equal(fold.test.numpy(), test)
        assert fold.val.numel() == 0


def test_folds_need_enough_items() -> None:
    with pytest.raises(ValueError, match="10 folds need"):
        stratified_folds(torch.zeros(5).long())


def test_masks_become_ids_and_one_column_serves_all_splits() -> None:
    train = torch.tensor([[1, 0], [0, 1], [0, 0]]).bool()
    val, test = torch.tensor([False, False, True]), ~train & torch.tensor([[1], [1], [0]]).bool()
    first, second = splits_from_masks(train, val, test)
    assert (first.train.tolist(), first.val.tolist(), first.test.tolist()) == ([0], [2], [1])
    assert (second.train.tolist(), second.val.tolist(), second.test.tolist()) == ([1], [2], [0])


def test_a_split_by_position() -> None:
    split = position_split(20, (0.7, 0.1, 0.2))
    assert split.train.tolist() == list(range(14))
    assert (split.val.tolist(), split.test.tolist()) == ([14, 15], [16, 17, 18, 19])


def test_few_labels_leave_validation_and_test_alone() -> None:
    y = torch.arange(60) % 3
    split = random_split(60, "0.5,0.25,0.25", 0, y)
    one, three, other = few_labels(split, y, 1), few_labels(split, y, 3), few_labels(split, y, 3, seed=1)
    assert torch.bincount(y[three.train]).tolist() == [3, 3, 3] and torch.isin(three.train, split.train).all()
    assert torch.isin(one.train, three.train).all() and not torch.equal(three.train, other.train)
    assert three.val is split.val and three.test is split.test
    with pytest.raises(ValueError, match=r"at most the training items of each class \(got 11, and class 0 has 10\)"):
        few_labels(split, y, 11)


def test_unlabeled_items_are_in_no_part() -> None:
    y = torch.arange(60) % 3
    y[::5] = -1
    labeled = (y >= 0).nonzero().view(-1)
    split = random_split(60, "0.5,0.25,0.25", 0, y)
    assert torch.equal(everything(split), labeled)
    assert torch.equal(everything(random_split(60, "0.5,0.25,0.25", 0, y, torch.arange(30))), labeled[labeled < 30])
    folds = stratified_folds(y, 4)
    assert all(torch.equal(everything(fold), labeled) for fold in folds)
    compact = stratified_folds(y[labeled], 4)
    assert torch.equal(folds[1].test, labeled[compact[1].test])  # as if the unlabeled items were not there
    with pytest.raises(ValueError, match="10 folds need at least as many labeled items .got 9"):
        stratified_folds(torch.tensor([0, 1, 2] * 3 + [-1] * 5))


@pytest.mark.parametrize("columns", [1, 2])
def test_masks_of_a_graph_leave_unlabeled_nodes_out(columns: int) -> None:
    masks = {name: torch.ones(4, columns).bool().squeeze(1) for name in ("train_mask", "val_mask", "test_mask")}
    data = Data(x=torch.ones(4, 1), edge_index=torch.zeros(2, 0).long(), y=torch.tensor([0, -1, 1, 0]), **masks)
    dataset = from_masks("some", data, "nowhere")
    assert dataset.num_outputs == 2 and len(dataset.splits) == columns
    assert all(split.test.tolist() == [0, 2, 3] for split in dataset.splits)


def test_a_drawn_split_leaves_out_what_has_no_label() -> None:
    nan = float("nan")
    graphs = [Data(x=torch.ones(1, 1), edge_index=torch.zeros(2, 0).long()) for _ in range(20)]
    for y, task, bare in (
        (torch.tensor([-1, 0, 1, 0] * 5), "graph-classification", 0),
        (torch.tensor([[0.5], [nan], [2.0], [3.0]] * 5), "graph-regression", 1),
        (torch.tensor([[0, nan], [1, 1], [nan, nan], [1, 0]] * 5), "multitask-graph-classification", 2),
    ):
        collection = GraphCollection.from_list(graphs)
        collection.graph["y"] = y
        dataset = GraphDataset("some", task, collection, (), 1, 2, "accuracy")
        items = everything(draw_split(dataset, "0.6,0.2,0.2", 0).splits[0])
        assert items.numel() == 15 and not (items % 4 == bare).any()


def scaffold_groups(count: int = 300) -> list[str]:
    """Returns scaffolds with a few large groups and many small ones."""
    draw = np.random.default_rng(0).zipf(1.6, count)
    return [f"s{min(int(number), 60)}" for number in draw]


@pytest.mark.parametrize("seed", range(4))
def test_no_scaffold_is_in_two_subsets_and_fractions_are_met(seed: int) -> None:
    groups = scaffold_groups()
    split = scaffold_split(groups, "0.7,0.15,0.15", seed)
    subsets = [{groups[index] for index in subset.tolist()} for subset in (split.train, split.val, split.test)]
    assert not subsets[0] & subsets[1] and not subsets[0] & subsets[2] and not subsets[1] & subsets[2]
    assert torch.equal(everything(split), torch.arange(len(groups)))
    assert split.train.numel() == 210 and abs(split.val.numel() - 45) <= 5


def test_scaffold_splits_depend_on_the_seed_only() -> None:
    groups = scaffold_groups()
    first, again, other = (scaffold_split(groups, "0.7,0.15,0.15", seed) for seed in (3, 3, 4))
    assert torch.equal(first.train, again.train) and torch.equal(first.test, again.test)
    assert not torch.equal(first.test, other.test)


def test_the_first_scaffold_split_is_that_of_deepchem() -> None:
    # Sorted by (size, first index) in descending order: bb, aa, e, d, c; the limits are 4.2 and 5.6 of 7.
    split = scaffold_split(["a", "b", "a", "b", "c", "d", "e"], "0.6,0.2,0.2")
    assert [split.train.tolist(), split.val.tolist(), split.test.tolist()] == [[0, 1, 2, 3], [6], [4, 5]]


def test_one_scaffold_for_all_is_one_clear_line() -> None:
    with pytest.raises(ValueError, match="the scaffold split leaves no train item .* --split random"):
        scaffold_split(["a"] * 10, "0.8,0.1,0.1")


@pytest.mark.parametrize("split", ["scafold", "random,0.8,0.1,0.1", "scaffolds:0.8,0.1,0.1", "folds:0.8,0.1,0.1"])
def test_an_unknown_method_is_one_clear_line(split: str) -> None:
    with pytest.raises(ValueError, match=r"random or scaffold with or without fractions, such as scaffold:0.8,0.1,0.1"):
        parse_split(split)


def test_a_method_draws_one_split_per_seed() -> None:
    x, edge_index, y = torch.ones(60, 2), torch.zeros(2, 0).long(), torch.arange(60) % 3
    graph = Data(x=x, edge_index=edge_index, y=y)
    drawn = load(graph, split="random:0.5,0.25,0.25", split_seed=2).splits
    assert len(drawn) == 10
    for number, split in enumerate(drawn):
        alone = load(graph, split="0.5,0.25,0.25", split_seed=2 + number).splits[0]
        assert torch.equal(split.train, alone.train) and torch.equal(split.test, alone.test)
    assert load(graph, split="random").splits[0].train.numel() == 48
    with pytest.raises(ValueError, match="the split 'scaffold' is for molecules from SMILES strings .got data."):
        load(graph, split="scaffold")


@pytest.mark.parametrize("folds", [3, 4, 10])
def test_folds_with_validation_items_test_each_item_once(folds: int) -> None:
    y = torch.arange(60) % 3
    y[5] = -1
    drawn, plain = validation_folds(y, folds, 4), stratified_folds(y, folds, 4)
    labeled = (y >= 0).nonzero().view(-1)
    for number, split in enumerate(drawn):
        assert torch.equal(split.test, plain[number].test)
        assert torch.equal(split.val, plain[(number + 1) % folds].test)
        assert torch.equal(torch.cat([split.train, split.val, split.test]).sort().values, labeled)
    assert torch.equal(torch.cat([split.test for split in drawn]).sort().values, labeled)


def test_the_method_folds_is_stratified_by_class_only() -> None:
    x, edge_index, y = torch.ones(60, 2), torch.zeros(2, 0).long(), torch.arange(60) % 3
    drawn = load(Data(x=x, edge_index=edge_index, y=y), split="folds", split_seed=2).splits
    assert all(torch.equal(y[split.test].bincount(), torch.full((3,), 2)) for split in drawn)
    target = torch.linspace(0, 1, 60)
    target[7] = float("nan")
    numbers = load(Data(x=x, edge_index=edge_index, y=target), split="folds", task="node-regression").splits
    tested = torch.cat([split.test for split in numbers])
    assert len(numbers) == 10 and tested.numel() == tested.unique().numel() == 59 and 7 not in tested
