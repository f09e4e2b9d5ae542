"""The worked example of path attention: five nodes, edges 0-1, 0-2, 1-2, 1-3, 3-4, computed by hand elsewhere."""

from typing import Any

import torch


def double(numbers: Any) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def paths(text: str) -> torch.Tensor:
    """Turns paths in the order far end, ..., attending node into a path_index."""
    return torch.tensor([[int(node) for node in path] for path in text.split()]).t()


X = double([[1, 0], [0, 1], [1, 1], [2, 0], [0, 2]])

#: What node i gives to each of its neighbors and to itself, in two heads.
HEADS = {
    0: {0: (0.2, 0.4), 1: (0.5, 0.3), 2: (0.3, 0.3)},
    1: {0: (0.1, 0.3), 1: (0.2, 0.2), 2: (0.4, 0.1), 3: (0.3, 0.4)},
    2: {0: (0.6, 0.4), 1: (0.2, 0.3), 2: (0.2, 0.3)},
    3: {1: (0.5, 0.4), 3: (0.2, 0.2), 4: (0.3, 0.4)},
    4: {3: (0.7, 0.5), 4: (0.3, 0.5)},
}
EDGES = torch.tensor([(j, i) for i, row in HEADS.items() for j in row]).t()
ATTENTION = double([heads for row in HEADS.values() for heads in row.values()])
#: 1 - a / 0.6 for the mean a of the heads, 1 for the loops; in the order of the edges.
COST = double([1, 1 / 3, 1 / 2, 2 / 3, 1, 7 / 12, 5 / 12, 1 / 6, 7 / 12, 1, 1 / 4, 1, 5 / 12, 0, 1])

ONE_HOP = paths("10 20 31 21 01 02 13 43 34 00 11 22 33 44")
TWO_HOPS = {
    1.0: paths("310 431 102 213 013 134 000 111 222 333 444"),
    0.5: paths("310 431 213 000 111 222 333 444"),  # the degree counted in the tree, rounded down
}

#: The vectors that score, the part of the path (or of the neighbor) before that of the attending node.
NEIGHBOUR = ((0.3, 0.4), (0.1, 0.2))
BY_HOPS = (((0.1, 0.2), (0.3, 0.4)), ((0.4, 0.3), (0.2, 0.1)))
LENGTH = ((0.5, -0.5), (0.25, -0.25))

#: One hop with the bias (0.1, -0.1), after the ELU.
GAT = double(
    [
        [0.792751663848, 0.621990208820],
        [1.149463329333, 0.424979187479],
        [0.792751663848, 0.621990208820],
        [0.757865844578, 0.972826656244],
        [1.000332005375, 0.999667994625],
    ]
)
ALPHA_ONE_HOP = (0.332224993533, 0.367165401111, 0.249376040193, 0.275603147286, 0.225644772328)
ALPHA_TWO_HOPS = {
    ("max", 1.0): (0.668187772168, 0.750260105595, 0.5, 0.322043464396, 0.322043464396, 0.622459331202),
    ("mean", 1.0): (0.537429845344, 0.598687660112, 0.413382421083, 0.311471483784, 0.268085990522, 0.487502603516),
    ("max", 0.5): (0.668187772168, 0.750260105595, 0.475020812521),
}
#: The share of the paths of one hop at each node.
BETA = {
    ("max", 1.0): (0.373833056406, 0.518111090568, 0.556034380364, 0.358966272353, 0.498332156615),
    ("mean", 1.0): (0.405777166233, 0.521894318973, 0.556034380364, 0.362041307593, 0.514543583868),
    ("max", 0.5): (0.373833056406, 0.518111090568, 0.556034380364, 0.321056726599, 0.544895358854),
}
#: Both levels, after the ELU.
OUT = {
    ("max", 1.0): double(
        [
            [1.294200410298, 0.679852343896],
            [1.241195138719, 1.115428472858],
            [1.000000000000, 0.749692225635],
            [1.092049340014, 0.796518995180],
            [1.073200050466, 1.239067779813],
        ]
    ),
    ("mean", 1.0): double(
        [
            [0.865190683572, 0.443473195255],
            [0.808130290433, 0.752089336551],
            [0.908236208639, 0.657928434273],
            [0.946089249788, 0.671143763139],
            [0.699921323475, 1.181748043147],
        ]
    ),
    ("max", 0.5): double(
        [
            [1.294200410298, 0.679852343896],
            [1.241195138719, 1.115428472858],
            [1.000000000000, 0.749692225635],
            [1.234701642542, 0.665634716895],
            [0.490586731156, 1.509413268844],
        ]
    ),
}
#: An output layer: neighbors and self loops, ELU and log-softmax.
LOG_SHARES = double(
    [
        [-0.709079811042, -0.677464422864],
        [-0.483581107704, -0.958601920225],
        [-0.709079811042, -0.677464422864],
        [-0.941955616318, -0.494074483583],
        [-0.797773828264, -0.598437839014],
    ]
)
