"""Settings and strategies of the property tests: the same examples on every run, small enough for the suite."""

import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from torch import Tensor

# Examples come from the test alone: nothing is random, nothing is stored, and a slow machine fails no test.
settings.register_profile(
    "suite",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

SEEDS = st.integers(0, 2**32 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
YAML_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def edges(draw: st.DrawFn, most_nodes: int = 8, most_edges: int = 24) -> tuple[Tensor, int]:
    """Draws the edges ``[2, E]`` and the number of nodes of a graph, with self-loops and parallel edges."""
    num_nodes = draw(st.integers(1, most_nodes))
    node = st.integers(0, num_nodes - 1)
    pairs = draw(st.lists(st.tuples(node, node), max_size=most_edges))
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t().contiguous(), num_nodes


@st.composite
def unique_nodes(draw: st.DrawFn, num_nodes: int, least: int = 0) -> Tensor:
    """Draws some nodes of a graph, each at most once, in any order."""
    nodes = draw(st.lists(st.integers(0, num_nodes - 1), unique=True, min_size=least, max_size=num_nodes))
    return torch.tensor(nodes, dtype=torch.long)
