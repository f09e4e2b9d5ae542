import numpy as np

from graphkit.report.layout import node_positions


def test_nodes_lie_in_the_unit_square_and_apart() -> None:
    edges = np.array([[0, 1], [1, 2], [2, 0], [5, 6], [6, 7], [9, 11]])  # three parts; 3, 4, 8 and 10 are isolated
    places = node_positions(edges)
    assert sorted(places) == [0, 1, 2, 5, 6, 7, 9, 11]
    points = np.array(list(places.values()))
    assert points.min() >= -1e-9 and points.max() <= 1 + 1e-9
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.eye(len(points))
    assert gaps.min() > 0.05


def test_parts_do_not_overlap() -> None:
    places = node_positions(np.array([[0, 1], [1, 2], [2, 0], [5, 6], [6, 7]]))
    assert max(places[node][0] for node in (0, 1, 2)) < min(places[node][0] for node in (5, 6, 7))


def test_the_layout_is_deterministic_and_takes_no_edges() -> None:
    edges = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
    first, second = node_positions(edges), node_positions(edges)
    assert all((first[node] == second[node]).all() for node in first)
    assert node_positions(np.zeros((0, 2), dtype=int)) == {}
