import torch
from torch_geometric import EdgeIndex

from graphkit.nn.state_key import StateKey


def test_a_key_matches_until_something_changes() -> None:
    x, edges, weight = torch.ones(3), EdgeIndex([[0, 1], [1, 0]]), torch.nn.Parameter(torch.ones(2))
    sparse = torch.eye(3).to_sparse_coo().coalesce()

    def key() -> StateKey:
        return StateKey([x, edges, weight, {"a": [sparse, 1]}, None, "b"])

    changes = (
        lambda: x[0].fill_(2),
        lambda: edges.as_tensor().mul_(1),
        lambda: weight.detach().mul_(2),
        lambda: setattr(weight, "data", torch.zeros(2)),
        lambda: sparse.values().mul_(2),
    )
    for change in changes:
        before = key()
        assert key().matches(before) and before.is_known
        change()
        assert not key().matches(before)


def test_equal_values_of_other_tensors_or_types_do_not_match() -> None:
    x = torch.ones(3)
    assert not StateKey([x]).matches(StateKey([x.clone()])) and not StateKey([x]).matches(None)
    assert not StateKey([1]).matches(StateKey([True])) and not StateKey([1]).matches(StateKey([1.0]))
    assert not StateKey([{"a": 1}]).matches(StateKey([{"b": 1}]))
    assert not StateKey([[x], x]).matches(StateKey([[x, x]]))


def test_a_freed_tensor_is_not_taken_for_a_new_one_at_its_address() -> None:
    key = StateKey([torch.ones(3)])
    assert not any(StateKey([torch.ones(3)]).matches(key) for _ in range(100))


def test_what_cannot_be_seen_never_matches() -> None:
    value = object()
    assert not StateKey([value]).is_known and not StateKey([value]).matches(StateKey([value]))
    with torch.inference_mode():
        x = torch.ones(2)
    assert not StateKey([[x]]).is_known
