from typing import Any

import pytest
import torch

from graphkit.data import GraphCollection
from graphkit.distill import Distiller, FitNet, KnowledgeDistillation, LayerPair
from graphkit.distill.teacher_output_cache import BLOCK, TeacherOutputCache
from graphkit.registry import get_model
from graphkit.testing import random_graphs

CPU = torch.device("cpu")


def teach(name: str, layer: str, **options: Any) -> tuple[TeacherOutputCache, GraphCollection]:
    graphs = GraphCollection.from_list(graph for seed in range(7) for graph in random_graphs(6, seed=seed))
    torch.manual_seed(0)
    networks = [get_model(name)(6, 3, hidden_channels=8, **options).eval() for _ in range(2)]
    taps = [LayerPair(FitNet(), layer), LayerPair(KnowledgeDistillation(), "output")]
    return TeacherOutputCache(Distiller(*networks, taps), networks[0], graphs, CPU), graphs


@pytest.mark.parametrize(
    ("name", "layer", "options"),
    [("gat", "conv1", {}), ("gin", "conv1", {"readout": "sum"}), ("dgcnn", "conv1", {"k": 2, "num_layers": 2})],
)
def test_a_batch_is_what_its_graphs_are(name: str, layer: str, options: dict[str, Any]) -> None:
    taught, graphs = teach(name, layer, **options)
    batch = graphs.batch([BLOCK + 2, 3, 3, 0, BLOCK + 1])
    heard, expected = taught(batch), taught.distiller.teach((), taught.teacher.inputs(batch))
    assert heard is not None and heard.keys() == expected.keys()
    for layer_name, (features, edges, _) in expected.items():
        torch.testing.assert_close(heard[layer_name].features, features)
        if edges is not None:
            assert torch.equal(heard[layer_name].edge_index, edges.as_tensor())


def test_every_graph_is_shown_once_and_in_the_same_company() -> None:
    taught, graphs = teach("gat", "conv1")
    calls: list[int] = []
    taught.teacher.register_forward_hook(lambda _module, _inputs, output: calls.append(output.size(0)))
    both = [taught(graphs.batch(ids)) for ids in ([1, 17], [17, 1, 2], [20])]
    assert len(calls) == 2  # the two blocks
    first, second = both[0], both[1]
    assert first is not None and second is not None
    rows = int(graphs.num_nodes[17])
    for name in first:
        assert torch.equal(first[name].features[-rows:], second[name].features[:rows])


def test_a_batch_of_unknown_graphs_or_too_many_of_them_is_for_the_teacher() -> None:
    taught, graphs = teach("gat", "conv1")
    batch = graphs.batch([0])
    del batch["graph_id"]
    assert taught(batch) is None
    small = TeacherOutputCache(taught.distiller, taught.teacher, graphs, CPU, limit=100)
    assert small(graphs.batch([0])) is None
