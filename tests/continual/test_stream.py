import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.continual import StreamTask, TaskStream
from graphkit.data import GraphDataset, Split, load
from tests.continual.tasks import make_model, molecules, nodes


def graph(y: Tensor, edges: list[list[int]], **attributes: Tensor) -> GraphDataset:
    data = Data(x=torch.randn(y.size(0), 3), edge_index=torch.tensor(edges).t(), y=y, **attributes)
    task = "node-classification" if y.dim() == 1 else "multilabel-node-classification"
    outputs = int(y.max()) + 1 if y.dim() == 1 else y.size(1)
    return GraphDataset("own", task, (data,), (), 3, outputs, "accuracy" if y.dim() == 1 else "micro-f1")


def test_iterating_yields_graphs_with_masks_that_share_everything() -> None:
    dataset = nodes()
    original = dataset.graphs[0]
    stream = TaskStream(dataset, 2)
    assert len(stream) == 3 and stream.sizes == [2, 2, 2] and stream.num_outputs == 6
    seen = torch.zeros(72, dtype=torch.long)
    for number, task in enumerate(stream):
        (data,) = task
        assert isinstance(task, StreamTask) and isinstance(data, Data)
        assert task.classes.tolist() == [2 * number, 2 * number + 1]
        for name in ("x", "edge_index", "y"):
            assert data[name] is original[name]
        masks = [data[f"{split_name}_mask"] for split_name in ("train", "val", "test")]
        for mask in masks:
            seen += mask
            assert set(data.y[mask].tolist()) == {2 * number, 2 * number + 1}
        assert [int(mask.sum()) for mask in masks] == [14, 4, 6]
        assert torch.equal(task.target(data), data.y[data.train_mask] - 2 * number)
    assert torch.equal(seen, torch.ones(72).long())
    assert repr(stream) == "TaskStream(sbm-continual, 3 tasks of 2, task-incremental, whole visible)"
    assert repr(stream[1]) == "StreamTask(2 of 3, classes [2, 3], 14 train, 4 val, 6 test)"
    assert stream[-1].index == 2 and [task.index for task in stream[:2]] == [0, 1]


def test_splits_are_stratified_and_drawn_by_the_seed() -> None:
    dataset = nodes()
    y = dataset.graphs[0].y
    for split in TaskStream(dataset, 2).splits:
        counts = [torch.bincount(y[ids]).tolist()[-2:] for ids in (split.train, split.val, split.test)]
        assert counts == [[7, 7], [2, 2], [3, 3]]
    again, other = TaskStream(dataset, 2), TaskStream(dataset, 2, seed=1)
    assert torch.equal(again.splits[0].train, TaskStream(dataset, 2).splits[0].train)
    assert not torch.equal(again.splits[0].train, other.splits[0].train)


@pytest.mark.parametrize(("count", "parts"), [(1, [1, 0, 1]), (2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1])])
def test_the_smallest_class_still_trains(count: int, parts: list[int]) -> None:
    y = torch.tensor([0] * count + [1] * 9 + [2] * 9 + [3] * 9)
    split = TaskStream(graph(y, [[0, 1]]), 2).splits[0]
    counts = [int((y[ids] == 0).sum()) for ids in (split.train, split.val, split.test)]
    assert counts[0] == parts[0] and sum(counts) == count
    if count > 2:
        assert counts == parts


def test_classes_in_another_order_and_left_over() -> None:
    dataset = nodes()
    stream = TaskStream(dataset, tasks=4, order="shuffled", seed=3)  # one class each, two are left over
    assert stream.sizes == [1] * 4 and sorted(stream.classes.flatten().tolist()) != stream.classes.flatten().tolist()
    y, original = stream[0].data.y, dataset.graphs[0].y
    assert torch.equal((y == 0).nonzero(), (original == stream.classes[0, 0]).nonzero())
    assert int((y < 0).sum()) == 24
    assert TaskStream(dataset, 2, order="shuffled", seed=3).classes.tolist() != TaskStream(dataset, 2).classes.tolist()


def test_tasks_of_about_equal_size() -> None:
    y = torch.repeat_interleave(torch.arange(6), torch.tensor([30, 3, 20, 4, 10, 5]))
    stream = TaskStream(graph(y, [[0, 1]]), 2, order="balanced")
    assert sorted(map(sorted, stream.classes.tolist())) == [[0, 1], [2, 3], [4, 5]]


def test_class_incremental_streams_let_all_classes_so_far_compete() -> None:
    dataset = nodes()
    stream, model = TaskStream(dataset, 2, scenario="class"), make_model(dataset)
    assert [task.all_outputs(model, task.data).size(1) for task in stream] == [2, 4, 6]
    assert stream.at(0, 2).all_outputs(model, stream[0].data).size(1) == 6
    assert stream[2].target(stream[2].data).unique().tolist() == [4, 5]
    heads = make_model(dataset, [2, 2, 2])
    with pytest.raises(ValueError, match="use one output layer for all classes"):
        stream[0].output(heads, stream[0].data)


def test_what_can_be_seen() -> None:
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, -1])
    edges = [[0, 1], [1, 0], [2, 3], [3, 2], [4, 8], [8, 4], [9, 0], [0, 9], [6, 7]]
    dataset = graph(y, edges, edge_weight=torch.arange(9.0))

    def seen(index: int, **options: object) -> set[tuple[int, int, float]]:
        data = TaskStream(dataset, 1, **options)[index].data  # type: ignore[arg-type]
        ids = data.get("n_id", torch.arange(10))
        assert torch.equal(data.x, dataset.graphs[0].x[ids]) and torch.equal(data.y, y[ids])
        pairs = ids[torch.stack([data.edge_index[0], data.edge_index[1]])].t().tolist()
        return {(a, b, w) for (a, b), w in zip(pairs, data.edge_weight.tolist(), strict=True)}

    all_edges = {(a, b, float(number)) for number, (a, b) in enumerate(edges)}
    within = {(0, 1, 0.0), (1, 0, 1.0)}
    assert seen(0) == all_edges
    assert seen(0, inter_task_edges=False) == within | {(9, 0, 6.0), (0, 9, 7.0), (6, 7, 8.0)}
    assert seen(0, visible="so-far") == within == seen(0, visible="task")
    assert seen(1, visible="so-far") == within | {(2, 3, 2.0), (3, 2, 3.0)}
    assert seen(1, visible="so-far", inter_task_edges=False) == within
    assert seen(1, visible="task") == set() and seen(2, visible="task") == {(6, 7, 8.0)}
    assert seen(2, visible="so-far") == all_edges - {(9, 0, 6.0), (0, 9, 7.0)}


def test_masks_and_old_tasks_follow_a_growing_graph() -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 2, visible="so-far", order="shuffled", seed=1)
    model = make_model(dataset, stream.sizes, "gcn").eval()
    for task in stream:
        data = task.data
        assert data.num_nodes == 24 * (task.index + 1) and int(data.train_mask.sum()) == 14
        assert torch.equal(data.n_id[data.train_mask], task.split.train)
    old = stream[0].subset(torch.tensor([3, 5])).at_stage_of(stream[2])
    (data,) = old
    assert data.num_nodes == 72 and data.n_id[data.train_mask].tolist() == stream[0].split.train[[3, 5]].tolist()
    assert old.output(model, data).shape == (2, 2)
    everything = old.visible_outputs(model, data)
    assert torch.equal(everything[data.train_mask], old.output(model, data))


def test_labels_in_groups() -> None:
    y = (torch.rand(40, 5, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    stream = TaskStream(graph(y, [[0, 1]]), 2, order="shuffled", seed=2)
    assert len(stream) == 2
    data = stream[1].data
    assert torch.equal(stream[1].target(data), y[data.train_mask][:, stream.classes[1]])
    with pytest.raises(ValueError, match="belong to all tasks; set `visible` to 'whole'"):
        TaskStream(graph(y, [[0, 1]]), 2, visible="so-far")


def test_assays_of_graphs() -> None:
    dataset = molecules()
    stream = TaskStream(dataset, 1, batch_size=8)
    assert len(stream) == 4
    assert len(stream[0]) == 24 and len(stream[1]) < 24  # a missing result is no item
    batches = list(stream[1])
    assert sum(batch.num_graphs for batch in batches) == len(stream[1])
    assert not any(bool(stream[1].target(batch).isnan().any()) for batch in batches)
    model = make_model(dataset, stream.sizes)
    assert stream[1].output(model, batches[0]).shape == (batches[0].num_graphs, 1)
    assert set(stream[1].scores(model.eval())) == {"val", "test"}
    for assay, split in enumerate(stream.splits):  # each part has its share of the positive graphs
        shares = [float(dataset.graphs.graph["y"][ids, assay].mean()) for ids in (split.train, split.val, split.test)]
        assert max(shares) - min(shares) < 0.15
    with pytest.raises(ValueError, match="a stream of many graphs has no single graph"):
        _ = stream[0].data


def test_over_time() -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 4, scenario="time", visible="so-far")
    assert len(stream) == 4 and stream.num_outputs == 6 and stream.columns(3, 3) == slice(0, 6)
    time, end = dataset.graphs[0].time, -1.0
    for task in stream:
        times = time[torch.cat([task.split.train, task.split.val, task.split.test])]
        assert float(times.min()) > end and 16 <= times.numel() <= 20
        end = float(times.max())
    assert stream[3].data.num_nodes == 72 > int(stream[0].data.num_nodes or 0)
    edges = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]
    data = graph(torch.tensor([0, 1, 0, 1, 0, 1]), edges, edge_time=torch.tensor([0, 0, 5, 6, 6]))
    with pytest.raises(ValueError, match="task 0 has no"):  # six nodes are too few, but the windows are there
        TaskStream(data, 2, scenario="time", visible="so-far", split=(0.98, 0.01, 0.01))
    with pytest.raises(ValueError, match="a stream over time needs"):
        TaskStream(load("karate"), 2, scenario="time")
    given = TaskStream(load("karate"), 2, scenario="time", time=torch.arange(34))
    assert given.splits[0].train.max() < given.splits[1].train.min()


def test_edges_appear_when_they_appear() -> None:
    y = torch.tensor([0, 1] * 10)
    edges = [[0, 1], [0, 2], [0, 19], [10, 11]]
    stream = TaskStream(
        graph(y, edges, edge_time=torch.tensor([1, 15, 15, 12])),
        2,
        scenario="time",
        visible="so-far",
        time=torch.arange(20),
    )
    assert stream[0].data.num_nodes == 10 and stream[0].data.edge_index.size(1) == 1
    assert stream[1].data.edge_index.size(1) == 4


def test_the_published_split() -> None:
    dataset = nodes()
    split = Split(torch.arange(0, 72, 3), torch.arange(1, 72, 3), torch.arange(2, 72, 3))
    stream = TaskStream(dataset.replace(splits=(split,)), 3, split="published")
    assert stream.splits[0].train.tolist() == list(range(0, 36, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": 7}, r"7 tasks need at least as many classes \(got 6\); use fewer `tasks`"),
        ({"per_task": 4}, r"at least two tasks \(got 1: 6 classes, 4 per task\); use a smaller `per_task`"),
        ({"per_task": 0}, r"`per_task` must be at least 1 \(got 0\)"),
        ({"min_items": 13}, r"at least two tasks \(got 0: 0 classes of 6 that are large enough"),
        ({"scenario": "domain"}, "`scenario` must be one of task, class, time"),
        ({"visible": "all"}, "`visible` must be one of whole, so-far, task"),
        ({"order": "random"}, "`order` must be one of given, shuffled, balanced"),
        ({"split": "0.5,0.5"}, "must be three numbers"),
        ({"scenario": "time", "tasks": 80}, "80 tasks over time need"),
    ],
)
def test_bad_streams(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TaskStream(nodes(), **options)


def test_classes_and_parts_without_items() -> None:
    missing = graph(torch.tensor([0, 0, 0, 1, 1, 1, 3, 3, 3]), [[0, 1]])
    with pytest.raises(ValueError, match="class 2 of task 1 has no training item; leave small classes out"):
        TaskStream(missing, 2)
    assert TaskStream(missing, 1, min_items=1).classes.tolist() == [[0], [1], [3]]
    with pytest.raises(ValueError, match="task 1 has no val item; put more classes in it"):
        TaskStream(graph(torch.tensor([0, 0, 0, 1]), [[0, 1]]), 1, seed=1)
    with pytest.raises(ValueError, match="labels do not compete"):
        TaskStream(molecules(), 1, scenario="class")
    with pytest.raises(ValueError, match="are for a single graph .got 'molecules', many graphs."):
        TaskStream(molecules(), 1, visible="task")
    with pytest.raises(ValueError, match=r"needs classes or labels \(got the regression 'own'\)"):
        TaskStream(missing.replace(task="graph-regression"), 1)


def test_what_must_be_known_is_said() -> None:
    assert TaskStream(nodes(), 2).notes == [] and TaskStream(nodes(), 2).left_out == []
    stream = TaskStream(nodes(num_classes=7), 3)
    assert stream.left_out == [6] and "1 of 7 left out" not in repr(TaskStream(nodes(), 2)) and "1 of 7" in repr(stream)
    (note,) = stream.protocol()["notes"]
    assert note.startswith("classes left out, which are in no task: 6 of 7")
    assert "every score is 100 %" in TaskStream(nodes(), 1).notes[0]
    assert TaskStream(nodes(), 1, scenario="class").notes == []
    assert TaskStream(molecules(), 1).notes == []  # an assay has two classes
    assert "labels left out" in TaskStream(molecules(), tasks=3).notes[0]
