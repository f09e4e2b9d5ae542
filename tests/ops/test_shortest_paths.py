import heapq
import math

import networkx as nx
import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import shortest_paths
from graphkit.ops.shortest_paths import shortest_paths_reference

# Five nodes worked out by hand. `ATTENTION[i]` is what node i pays to each of its neighbors, the mean of two heads.
ATTENTION = {
    0: {0: 0.3, 1: 0.4, 2: 0.3},
    1: {0: 0.2, 1: 0.2, 2: 0.25, 3: 0.35},
    2: {0: 0.5, 1: 0.25, 2: 0.25},
    3: {1: 0.45, 3: 0.2, 4: 0.35},
    4: {3: 0.6, 4: 0.4},
}
ONE_HOP = ["10", "20", "31", "21", "01", "02", "13", "43", "34"]  # far end first
COSTS = ("ones", "uniform", "digits", "tenths", "skewed")

Found = list[tuple[tuple[int, ...], float]]


def small_graph() -> tuple[Tensor, Tensor]:
    pairs = [(j, i, 1.0 if i == j else 1 - a / 0.6) for i, row in ATTENTION.items() for j, a in row.items()]
    return torch.tensor([p[:2] for p in pairs]).t(), torch.tensor([p[2] for p in pairs], dtype=torch.float64)


def names(path_index: Tensor) -> list[str]:
    return ["".join(map(str, path)) for path in path_index.t().tolist()]


def listed(paths: list[Tensor], costs: list[Tensor]) -> list[Found]:
    return [list(zip(map(tuple, p.t().tolist()), c.tolist(), strict=True)) for p, c in zip(paths, costs, strict=True)]


def by_hand(edge_index: Tensor, cost: Tensor | None, num_nodes: int, max_hops: int, sources: list[int]) -> list[Found]:
    """Dijkstra's search over the whole graph, with labels (cost, hops, node before) in their order."""
    weights = [1.0] * edge_index.size(1) if cost is None else cost.tolist()
    edges: list[list[tuple[int, float]]] = [[] for _ in range(num_nodes)]
    for (j, i), weight in zip(edge_index.t().tolist(), weights, strict=True):
        edges[i].append((j, weight))
    levels: list[Found] = [[] for _ in range(max_hops)]
    for source in sources:
        settled: dict[int, tuple[float, int, int]] = {}
        queue = [(0.0, 0, -1, source)]
        while queue:
            total, hops, before, node = heapq.heappop(queue)
            if node in settled:
                continue
            settled[node] = (total, hops, before)
            for neighbor, weight in edges[node]:
                heapq.heappush(queue, (total + weight, hops + 1, node, neighbor))
        for node, (total, hops, _) in sorted(settled.items(), key=lambda item: (item[1][0], item[0])):
            if 1 <= hops <= max_hops:
                path = [node]
                while path[-1] != source:
                    path.append(settled[path[-1]][2])
                levels[hops - 1].append((tuple(path), total))
    return levels


def make(seed: int, nodes: int, edges: int, undirected: bool, kind: str) -> tuple[Tensor, Tensor | None]:
    """Random graphs with self loops, parallel edges, a hub, parts that do not touch, ties and edges that are free."""
    g = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(nodes, (2, edges), generator=g)
    if seed % 3 == 0:
        edge_index[0, torch.rand(edges, generator=g) < 0.3] = 0
    if undirected:
        edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    edges = edge_index.size(1)
    uniform = torch.rand(edges, generator=g, dtype=torch.float64)
    digits = torch.randint(0, 4, (edges,), generator=g).double()
    cost = {"ones": None, "uniform": uniform, "digits": digits, "tenths": digits / 10, "skewed": uniform**4}[kind]
    return edge_index, cost


def test_paths_of_the_graph_worked_out_by_hand():
    edge_index, cost = small_graph()
    paths, costs = shortest_paths(edge_index, cost)
    assert names(paths[0]) == ONE_HOP
    # 2 reaches 1 through 0; 3 is two hops from 2, but its cheapest route has three: neither is what an edge says.
    assert names(paths[1]) == ["310", "431", "102", "213", "013", "134"]
    twelfths = [[4, 6, 5, 7, 8, 2, 3, 5, 0], [9, 10, 6, 10, 11, 3]]
    for ours, expected in zip(costs, twelfths, strict=True):
        torch.testing.assert_close(ours * 12, torch.tensor(expected, dtype=torch.float64))


def test_a_ratio_keeps_the_cheapest_of_the_longer_paths():
    edge_index, cost = small_graph()

    def kept(ratio: float, **options: str) -> list[str]:
        paths, costs = shortest_paths(edge_index, cost, ratio=ratio, **options)
        assert names(paths[0]) == ONE_HOP and len(costs[1]) == paths[1].size(1)
        return names(paths[1])

    everything = ["310", "431", "102", "213", "013", "134"]
    assert kept(1.0, degree="tree", rounding="floor") == everything
    assert kept(0.5, degree="tree", rounding="floor") == ["310", "431", "213"]  # 2 and 4 have one neighbor each
    assert kept(0.5, degree="graph", rounding="floor") == ["310", "431", "102", "213"]
    assert kept(0.5) == ["310", "431", "102", "213", "134"]
    assert kept(0.01) == ["310", "431", "102", "213", "134"]
    assert kept(0.01, rounding="floor") == []


def test_halves_are_rounded_to_the_even_number():
    """The hub of a star of five arms, each of two nodes, has five paths of two hops."""
    arms = torch.arange(1, 6)
    edge_index = torch.cat([torch.stack([arms, torch.zeros_like(arms)]), torch.stack([arms + 5, arms])], dim=1)
    for ratio, count in ((0.5, 2), (0.3, 2), (0.7, 4), (0.9, 4), (0.1, 1), (9.0, 5)):
        paths, _ = shortest_paths(edge_index, ratio=ratio)
        assert paths[1][0].tolist() == [6, 7, 8, 9, 10][:count]
    paths, _ = shortest_paths(edge_index, ratio=0.5, rounding="floor")
    assert paths[1].size(1) == 2


def test_self_paths_come_last_at_every_node():
    edge_index, cost = small_graph()
    paths, costs = shortest_paths(edge_index, cost, ratio=0.5, degree="tree", rounding="floor", self_paths=True)
    assert names(paths[0]) == ["10", "20", "00", "31", "21", "01", "11", "02", "22", "13", "43", "33", "34", "44"]
    assert names(paths[1]) == ["310", "000", "431", "111", "222", "213", "333", "444"]
    assert costs[1][[1, 3, 4, 6, 7]].tolist() == [0.0] * 5
    lonely, _ = shortest_paths(edge_index[:, :0], num_nodes=2, self_paths=True)
    assert names(lonely[0]) == ["00", "11"] and names(lonely[1]) == ["000", "111"]


def test_ties_go_to_fewer_hops_and_then_to_smaller_ids():
    # Node 0 reaches 4 for 2 over one edge and over 1, 2 or 3; it reaches 5 for 3 over 4 only.
    edge_index = torch.tensor([[4, 3, 2, 1, 4, 4, 4, 5], [0, 0, 0, 0, 3, 2, 1, 4]])
    paths, _ = shortest_paths(edge_index, torch.tensor([2.0, 1, 1, 1, 1, 1, 1, 1]), max_hops=3)
    assert [p for p in names(paths[0]) if p[-1] == "0"] == ["10", "20", "30", "40"]
    assert [p for p in names(paths[1]) if p[-1] == "0"] == ["540"]
    paths, _ = shortest_paths(edge_index[:, 1:], max_hops=3)
    assert [p for p in names(paths[1]) if p[-1] == "0"] == ["410"]
    assert [p for p in names(paths[2]) if p[-1] == "0"] == ["5410"]


@pytest.mark.parametrize("kind", COSTS)
@pytest.mark.parametrize("undirected", [False, True])
def test_both_forms_follow_the_definition(kind, undirected):
    for seed in range(20):
        nodes = (1, 2, 5, 11, 30)[seed % 5]
        edge_index, cost = make(seed, nodes, nodes * (seed % 4), undirected, kind)
        max_hops = 1 + seed % 4
        expected = by_hand(edge_index, cost, nodes, max_hops, list(range(nodes)))
        arguments = (edge_index, cost, torch.arange(nodes), nodes, max_hops, 0.0, False, False, False)
        assert listed(*shortest_paths_reference(*arguments)) == expected
        # Where there are no costs, those of the paths are small whole numbers: float32 holds them as well.
        assert listed(*shortest_paths(edge_index, cost, max_hops, num_nodes=nodes)) == expected


@pytest.mark.parametrize("kind", COSTS)
def test_native_equals_reference(native, kind):
    """On graphs where the search from a node's ends comes to bear, and for every choice of paths."""
    for seed in range(6):
        nodes = 300 + 100 * seed
        edge_index, cost = make(seed, nodes, nodes * (2 + seed), seed % 2 == 0, kind)
        sources = torch.arange(seed, nodes, 3)
        for choice in ((0.0, False, False, True), (0.5, True, True, False), (0.7, False, False, False)):
            arguments = (edge_index, cost, sources, nodes, 2 + seed % 2, *choice)
            ours = torch.ops.graphkit.shortest_paths(*arguments)
            expected = shortest_paths_reference(*arguments)
            for a, b in zip(ours[0] + ours[1], expected[0] + expected[1], strict=True):
                assert a.dtype == b.dtype and torch.equal(a, b)


def test_distances_agree_with_networkx():
    edge_index, cost = make(1, 40, 120, False, "uniform")
    graph = nx.DiGraph()
    for (j, i), weight in zip(edge_index.t().tolist(), cost.tolist(), strict=True):
        if not graph.has_edge(i, j) or graph[i][j]["weight"] > weight:
            graph.add_edge(i, j, weight=weight)
    paths, costs = shortest_paths(edge_index, cost, max_hops=3, num_nodes=40)
    pairs = {(path[-1], path[0]): (path, c) for level in listed(paths, costs) for path, c in level}
    for i in graph:
        distances, routes = nx.single_source_dijkstra(graph, i)
        for j, route in routes.items():
            if 2 <= len(route) <= 4:
                path, c = pairs.pop((i, j))
                assert list(reversed(path)) == route and c == pytest.approx(distances[j])
    assert pairs == {}


def test_any_number_of_threads_gives_the_same_paths(native):
    edge_index, cost = make(3, 2000, 6000, True, "uniform")
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            paths, costs = shortest_paths(edge_index, cost, ratio=0.5, self_paths=True)
            results.append(paths + costs)
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_sources_are_a_set_of_nodes():
    edge_index, cost = small_graph()
    every, every_cost = shortest_paths(edge_index, cost)
    paths, costs = shortest_paths(edge_index, cost, sources=torch.tensor([3, 1, 3]))
    for h in range(2):
        keep = (every[h][-1] == 1) | (every[h][-1] == 3)
        assert torch.equal(paths[h], every[h][:, keep]) and torch.equal(costs[h], every_cost[h][keep])
    paths, costs = shortest_paths(edge_index, cost, sources=torch.tensor([], dtype=torch.int64))
    assert [tuple(p.shape) for p in paths] == [(2, 0), (3, 0)] and [c.numel() for c in costs] == [0, 0]


@pytest.mark.parametrize("nodes", [0, 3])
def test_graphs_without_edges_have_no_paths(nodes):
    empty = torch.empty(2, 0, dtype=torch.int64)
    for cost in (None, torch.empty(0)):
        paths, costs = shortest_paths(empty, cost, 3, num_nodes=nodes, ratio=0.5)
        assert [tuple(p.shape) for p in paths] == [(2, 0), (3, 0), (4, 0)]
        assert [c.numel() for c in costs] == [0, 0, 0]


def test_types_and_layouts():
    edge_index, cost = small_graph()
    edge_index = edge_index.contiguous()
    expected, expected_cost = shortest_paths(edge_index, cost)
    strided = torch.stack([edge_index, edge_index], dim=2)[..., 0]
    for edges in (edge_index.int(), strided, EdgeIndex(edge_index, sparse_size=(5, 5))):
        assert all(map(torch.equal, shortest_paths(edges, cost)[0], expected))
    single = cost.float().requires_grad_()
    paths, costs = shortest_paths(edge_index, single)
    assert all(p.dtype == torch.int64 for p in paths)
    assert all(c.dtype == torch.float32 and not c.requires_grad for c in costs)
    torch.testing.assert_close(costs[0].double(), expected_cost[0], rtol=1e-6, atol=1e-7)
    assert shortest_paths(edge_index)[1][0].dtype == torch.get_default_dtype()
    wide = EdgeIndex(edge_index, sparse_size=(7, 7))
    assert shortest_paths(wide, cost, self_paths=True)[0][0][-1].max() == 6


def test_many_hops_of_no_cost_and_sums_beyond_all_numbers():
    """A chain: rounding over many hops, costs of zero, and a sum that is infinite, which no route may have."""
    chain = torch.stack([torch.arange(1, 400), torch.arange(399)])
    for value in (0.0, 0.1, 1e308):
        cost = torch.full((399,), value, dtype=torch.float64)
        expected = by_hand(chain, cost, 400, 5, [0, 7])
        expected = [[(path, c) for path, c in level if math.isfinite(c)] for level in expected]
        paths, costs = shortest_paths(chain, cost, 5, sources=torch.tensor([0, 7]))
        assert listed(paths, costs) == expected


EDGES = torch.tensor([[0, 1], [1, 2]])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"edge_index": EDGES.float()}, "`edge_index` must be an integer tensor"),
        ({"edge_index": EDGES[0]}, "`edge_index` must be an integer tensor"),
        ({"edge_index": EDGES - 1}, "got ids from -1 to 1"),
        ({"num_nodes": 2}, "from 0 to 1 .*got ids from 0 to 2"),
        ({"num_nodes": -1}, "`num_nodes` must be"),
        ({"cost": torch.ones(3)}, r"E = 2 .*shape \[3\]"),
        ({"cost": torch.ones(2, dtype=torch.int64)}, "`cost` must be a float tensor"),
        ({"cost": torch.tensor([1.0, -0.5])}, "got -0.5 for edge 1"),
        ({"cost": torch.tensor([math.nan, 1.0])}, "got nan for edge 0"),
        ({"cost": torch.tensor([1.0, math.inf])}, "got inf for edge 1"),
        ({"max_hops": 0}, "`max_hops` must be .*got 0"),
        ({"max_hops": 2.0}, "`max_hops` must be .*got 2.0"),
        ({"max_hops": True}, "`max_hops` must be"),
        ({"sources": torch.tensor([3])}, "got ids from 3 to 3"),
        ({"sources": torch.tensor([True, False, True])}, "`sources` must be an integer tensor"),
        ({"ratio": 0.0}, "`ratio` must be greater than 0"),
        ({"ratio": math.nan}, "`ratio` must be greater than 0"),
        ({"degree": "in"}, "`degree` must be 'graph' or 'tree'"),
        ({"rounding": "up"}, "`rounding` must be 'round' or 'floor'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        shortest_paths(**{"edge_index": EDGES, **arguments})
    assert "\n" not in str(error.value)


def test_the_kernel_refuses_what_it_cannot_read(native):
    good = {"edges": EDGES, "cost": torch.ones(2).double(), "sources": torch.arange(3), "nodes": 3, "hops": 2}
    bad = [
        {"edges": EDGES + 1},
        {"edges": EDGES - 1},
        {"edges": EDGES.int()},
        {"cost": torch.tensor([1.0, -1.0]).double()},
        {"cost": torch.tensor([1.0, math.nan]).double()},
        {"cost": torch.ones(3).double()},
        {"cost": torch.ones(2)},
        {"sources": torch.tensor([3])},
        {"hops": 0},
    ]
    torch.ops.graphkit.shortest_paths(*good.values(), 0.0, False, False, False)
    for wrong in bad:
        with pytest.raises(RuntimeError):
            torch.ops.graphkit.shortest_paths(*{**good, **wrong}.values(), 0.0, False, False, False)


def test_opcheck(native):
    edge_index, cost = small_graph()
    for costs in (cost, None):
        arguments = (edge_index, costs, torch.arange(5), 5, 2, 0.5, True, True, True)
        torch.library.opcheck(torch.ops.graphkit.shortest_paths.default, arguments)
