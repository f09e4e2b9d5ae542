import math

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import path_attention
from graphkit.ops.path_attention import path_attention_reference

# Nodes, paths, hops, heads, width. Widths and heads around those of vectors, paths in no order.
SIZES = [
    (7, 20, 1, 1, 1),
    (7, 20, 2, 3, 5),
    (30, 200, 2, 8, 8),
    (30, 200, 1, 8, 8),
    (9, 60, 1, 1, 7),
    (12, 90, 3, 2, 16),
    (12, 90, 2, 4, 4),
    (12, 90, 2, 3, 3),
    (11, 70, 4, 5, 12),
    (10, 50, 2, 2, 33),
    (6, 40, 2, 1, 64),
    (3, 900, 2, 3, 6),  # more paths per node than the native code takes at a time
    (2, 700, 1, 4, 20),
    (5, 0, 2, 3, 4),
    (0, 0, 1, 2, 3),
    (4, 9, 2, 2, 0),
    (4, 9, 2, 0, 4),
]
POOLS = ("max", "mean")


def make(
    nodes: int, paths: int, hops: int, heads: int, width: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features (with ties), attention vectors, terms of the attending nodes, a weight, and paths in no order."""
    generator = torch.Generator().manual_seed(nodes + paths + hops + heads + width)
    shapes = [(nodes, heads, width), (heads, width), (nodes, heads), (paths, heads)]
    h, att, target, weight = (torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)
    h = torch.where(h > 1, h.new_ones(()), h)
    path_index = torch.randint(max(nodes, 1), (hops + 1, paths), generator=generator)
    return h, att, target, weight, path_index


def make_term(weight: Tensor) -> Tensor:
    """Terms of the paths in the score."""
    return torch.sin(7.0 * torch.arange(weight.numel(), dtype=weight.dtype)).view_as(weight)


def by_hand(
    h: Tensor,
    path_index: Tensor,
    att: Tensor,
    target: Tensor,
    weight: Tensor | None,
    pool: str,
    slope: float,
    term: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The definition, number by number."""
    nodes, heads, width = h.shape
    columns = path_index.t().tolist()
    out = [[[0.0] * width for _ in range(heads)] for _ in range(nodes)]
    attention = [[0.0] * heads for _ in columns]
    for k in range(heads):
        phi, score = [], []
        for p, (*before, i) in enumerate(columns):
            values = [[float(h[v, k, d]) for v in before] for d in range(width)]
            phi.append([max(v) if pool == "max" else sum(v) / len(v) for v in values])
            s = sum(float(att[k, d]) * phi[-1][d] for d in range(width)) + float(target[i, k])
            s += 0.0 if term is None else float(term[p, k])
            score.append(s if s > 0 else slope * s)
        for i in range(nodes):
            path_ids = [p for p, column in enumerate(columns) if column[-1] == i]
            total = sum(math.exp(score[p]) for p in path_ids)
            for p in path_ids:
                attention[p][k] = math.exp(score[p]) / total
                factor = attention[p][k] * (1.0 if weight is None else float(weight[p, k]))
                for d in range(width):
                    out[i][k][d] += factor * phi[p][d]
    shape = (len(columns), heads)
    return torch.tensor(out, dtype=h.dtype).view(h.shape), torch.tensor(attention, dtype=h.dtype).view(shape)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("size", SIZES)
def test_operator_follows_the_definition(size, pool):
    h, att, target, weight, path_index = make(*size)
    expected, attention = by_hand(h, path_index, att, target, weight, pool, 0.3)
    out, alpha = path_attention(
        h, path_index, att, target, pool=pool, negative_slope=0.3, weight=weight, return_attention=True
    )
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(alpha, attention, rtol=1e-12, atol=1e-12)
    term = make_term(weight)
    expected, attention = by_hand(h, path_index, att, target, weight, pool, 0.3, term)
    options = {"pool": pool, "negative_slope": 0.3, "return_attention": True}
    out, alpha = path_attention(h, path_index, att, target, weight=weight, term=term, **options)
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(alpha, attention, rtol=1e-12, atol=1e-12)
    plain = path_attention(h, path_index, att, target, pool=pool, negative_slope=0.3, weight=torch.ones_like(weight))
    torch.testing.assert_close(path_attention(h, path_index, att, target, pool=pool, negative_slope=0.3), plain)


def gradients(call, tensors: tuple[Tensor, ...], seeds: list[Tensor]) -> list[Tensor]:
    tensors = tuple(t.detach().requires_grad_() for t in tensors)
    return list(torch.autograd.grad(call(*tensors), tensors, [seed.to(tensors[0].dtype) for seed in seeds]))


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("size", SIZES)
def test_native_equals_reference(native, size, pool, dtype, tolerance):
    """Against float64 in both cases: over long sums the float32 reference is itself off by more than the kernels."""
    *tensors, path_index = make(*size, dtype)
    tensors.append(make_term(tensors[3]))
    seeds = [torch.cos(torch.arange(t.numel())).view(t.shape) for t in (tensors[0], tensors[3])]

    def ours(h: Tensor, att: Tensor, target: Tensor, weight: Tensor, term: Tensor) -> tuple[Tensor, Tensor]:
        options = {"pool": pool, "weight": weight, "term": term, "return_attention": True}
        return path_attention(h, path_index, att, target, **options)

    def reference(h: Tensor, att: Tensor, target: Tensor, weight: Tensor, term: Tensor) -> tuple[Tensor, Tensor]:
        return path_attention_reference(h, path_index, att, target, weight, pool, 0.2, term)

    wide = tuple(t.double() for t in tensors)
    results = [*ours(*tensors), *gradients(ours, tuple(tensors), seeds)]
    expected = [*reference(*wide), *gradients(reference, wide, seeds)]
    for actual, other in zip(results, expected, strict=True):
        assert actual.dtype == dtype
        scale = float(other.abs().max()) if other.numel() > 0 else 1.0
        torch.testing.assert_close(actual.double(), other, rtol=0, atol=tolerance * max(scale, 1.0))


def test_softmax_is_accurate_over_its_whole_range(native):
    """Two paths per node, a score of 0 and one of x: the attention is the sigmoid."""
    for dtype, tolerance in ((torch.float32, 3e-7), (torch.float64, 5e-16)):
        x = torch.linspace(-80, 80, 4001).to(dtype)
        h = torch.cat([x, x.new_zeros(1)]).view(-1, 1, 1)
        nodes = torch.arange(x.numel())
        edges = torch.cat([torch.stack([nodes, nodes]), torch.stack([torch.full_like(nodes, x.numel()), nodes])], dim=1)
        options = {"negative_slope": 1.0, "return_attention": True}
        _, alpha = path_attention(h, edges, h.new_ones(1, 1), h.new_zeros(h.size(0), 1), **options)
        expected = torch.sigmoid(x.double())
        assert float(((alpha[: x.numel(), 0] - expected).abs() / expected).max()) < tolerance


@pytest.mark.parametrize("pool", POOLS)
def test_gradcheck_once_and_twice(pool):
    generator = torch.Generator().manual_seed(3)
    shapes = [(5, 2, 3), (2, 3), (5, 2), (14, 2), (14, 2)]
    inputs = [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]
    path_index = torch.randint(5, (3, 14), generator=generator)

    def call(h: Tensor, att: Tensor, target: Tensor, weight: Tensor, term: Tensor) -> tuple[Tensor, Tensor]:
        options = {"pool": pool, "weight": weight, "term": term, "return_attention": True}
        return path_attention(h, path_index, att, target, **options)

    def without_weight(h: Tensor, att: Tensor, target: Tensor) -> Tensor:
        return path_attention(h, path_index, att, target, pool=pool)

    def with_term(h: Tensor, att: Tensor, target: Tensor, term: Tensor) -> Tensor:
        return path_attention(h, path_index, att, target, pool=pool, term=term, weight=inputs[3].detach())

    for function, arguments in (
        (call, inputs), (without_weight, inputs[:3]), (with_term, [*inputs[:3], inputs[4]]),
    ):  # fmt: skip
        assert torch.autograd.gradcheck(function, arguments)
        assert torch.autograd.gradgradcheck(function, arguments)


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("size, full", [((6, 15, 2, 2, 4), True), ((6, 15, 1, 3, 8), False), ((3, 0, 2, 2, 2), True)])
def test_opcheck(native, size, full):
    *tensors, path_index = make(*size)
    ops = torch.ops.graphkit
    ptr, paths = ops.group_paths(path_index, size[0])
    torch.library.opcheck(ops.group_paths.default, (path_index, size[0]))
    h, att, target, weight = (t.requires_grad_() for t in tensors)
    inputs = (h, att, target, weight if full else None, ptr, paths)
    term = make_term(weight.detach()).requires_grad_() if full else None
    torch.library.opcheck(ops.path_attention.default, (*inputs, False, 0.2, full, term))
    results = tuple(t.detach() for t in ops.path_attention(*inputs, False, 0.2, full, term))
    grad, grad_alpha = (torch.randn_like(t).requires_grad_() for t in results[:2])
    torch.library.opcheck(
        ops.path_attention_backward.default,
        (grad, grad_alpha if full else None, *inputs, *results, False, 0.2, full, term),
    )


# The last one's gradient of the features is put together from several sums.
@pytest.mark.parametrize("size", [(3000, 20000, 2, 8, 8), (2000, 20000, 1, 3, 40), (1500, 280000, 1, 1, 7)])
def test_two_runs_and_any_number_of_threads_give_the_same_bits(native, size):
    *tensors, path_index = make(*size, torch.float32)
    seeds = [torch.cos(torch.arange(tensors[0].numel())).view(tensors[0].shape)]

    def call(*t: Tensor, pool: str = "max") -> Tensor:
        return path_attention(t[0], path_index, *t[1:3], weight=t[3], pool=pool)

    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 1, 2, 3):
            torch.set_num_threads(count)
            results.append([call(*tensors), *gradients(call, tuple(tensors), seeds)])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
    wide = tuple(t.double() for t in tensors)
    expected = gradients(lambda *t: path_attention_reference(t[0], path_index, *t[1:], "max", 0.2)[0], wide, seeds)
    for actual, other in zip(results[0][1:], expected, strict=True):
        torch.testing.assert_close(actual.double(), other, rtol=0, atol=5e-5 * float(other.abs().max()))


def test_of_equal_numbers_the_one_nearest_the_far_end_gets_the_gradient():
    h = torch.tensor([1.0, 1.0, 0.5, 1.0]).view(4, 1, 1).requires_grad_()
    path_index = torch.tensor([[2, 0], [1, 1], [0, 2], [3, 3]])
    out = path_attention(h, path_index, torch.zeros(1, 1), torch.zeros(4, 1))
    (grad,) = torch.autograd.grad(out[3].sum(), h)
    assert grad.flatten().tolist() == [0.5, 0.5, 0.0, 0.0]


def test_nodes_without_paths_get_zeros_and_no_gradient():
    h, att, target, _, _ = make(5, 0, 2, 3, 4)
    h.requires_grad_(), target.requires_grad_()
    out = path_attention(h, torch.tensor([[0, 1], [1, 1], [1, 1]]), att, target)
    assert torch.equal(out[[0, 2, 3, 4]], torch.zeros(4, 3, 4, dtype=torch.float64))
    grads = torch.autograd.grad(out.sum(), (h, target))
    assert all(bool((g[2:] == 0).all()) for g in grads)
    assert bool((grads[0][:2] != 0).any(-1).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nan_stays_visible(dtype):
    h, att, target, _, path_index = make(8, 30, 3, 2, 4, dtype)
    h[5, 1, 2] = math.nan
    for pool in POOLS:
        out = path_attention(h, path_index, att, target, pool=pool)
        hit = path_index[-1, (path_index[:-1] == 5).any(0)].unique()
        assert 0 < hit.numel() < 8
        assert bool(out[hit, 1].isnan().all())
        assert not bool(out[:, 0].isnan().any())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_served_by_the_reference(dtype):
    *tensors, path_index = make(6, 20, 2, 2, 4)
    h, att, target, weight = (t.to(dtype) for t in tensors)
    out, alpha = path_attention(h, path_index, att, target, weight=weight, return_attention=True)
    assert out.dtype == alpha.dtype == dtype
    h, att, target, weight = (t.double() for t in (h, att, target, weight))
    expected = path_attention(h, path_index, att, target, weight=weight)
    torch.testing.assert_close(out.double(), expected, rtol=0.02, atol=0.02)


def test_order_of_paths_layout_and_integer_type_do_not_matter():
    h, att, target, weight, path_index = make(12, 60, 2, 3, 6)
    expected, attention = path_attention(h, path_index, att, target, weight=weight, return_attention=True)
    order = torch.randperm(60)
    out, alpha = path_attention(h, path_index[:, order], att, target, weight=weight[order], return_attention=True)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(alpha, attention[order])
    strided = torch.stack(path_index.unbind(0), dim=1).t()
    parts = [torch.stack([t, t], dim=-1)[..., 0] for t in (h, att, target, weight)]
    assert not any(t.is_contiguous() for t in (strided, *parts))
    for index in (path_index.int(), strided):
        torch.testing.assert_close(path_attention(parts[0], index, *parts[1:3], weight=parts[3]), expected)


def test_sorted_paths_give_what_the_same_paths_give_in_no_order():
    h, att, target, weight, path_index = make(12, 60, 2, 3, 6)
    order = torch.sort(path_index[-1], stable=True).indices
    expected = path_attention(h, path_index, att, target, weight=weight, return_attention=True)
    out, alpha = path_attention(h, path_index[:, order], att, target, weight=weight[order], return_attention=True)
    assert torch.equal(out, expected[0])
    assert torch.equal(alpha, expected[1][order])


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiles_without_a_break(backend):
    *tensors, path_index = make(8, 30, 2, 2, 4)
    inputs = tuple(t.requires_grad_() for t in tensors)

    def call(h: Tensor, att: Tensor, target: Tensor, weight: Tensor, path_index: Tensor) -> Tensor:
        out = path_attention(h, path_index, att, target, weight=weight)
        again, alpha = path_attention(torch.tanh(out), path_index, att, target, pool="mean", return_attention=True)
        return again * alpha.sum()

    compiled = torch.compile(call, fullgraph=True, backend=backend, dynamic=backend == "aot_eager")
    for paths in (30, 17) if backend == "aot_eager" else (30,):
        given = (*inputs[:3], inputs[3][:paths].detach().requires_grad_())
        expected, out = call(*given, path_index[:, :paths]), compiled(*given, path_index[:, :paths])
        torch.testing.assert_close(out, expected)
        for ours, other in zip(
            torch.autograd.grad(out.sum(), given), torch.autograd.grad(expected.sum(), given), strict=True
        ):
            torch.testing.assert_close(ours, other)


def test_exports_with_any_number_of_nodes_and_paths():
    class Module(torch.nn.Module):
        def forward(self, h: Tensor, att: Tensor, target: Tensor, weight: Tensor, path_index: Tensor) -> Tensor:
            return path_attention(h, path_index, att, target, weight=weight)

    nodes, paths = torch.export.Dim("nodes", min=2), torch.export.Dim("paths", min=2)
    shapes = ({0: nodes}, None, {0: nodes}, {0: paths}, {1: paths})
    program = torch.export.export(Module(), make(8, 30, 2, 2, 4), dynamic_shapes=shapes)
    other = make(11, 50, 2, 2, 4)
    torch.testing.assert_close(program.module()(*other), Module()(*other))


def test_one_hop_takes_an_edge_index():
    h, att, target, _, path_index = make(12, 60, 1, 3, 6)
    edges = EdgeIndex(path_index, sparse_size=(12, 12))
    torch.testing.assert_close(path_attention(h, edges, att, target), path_attention(h, path_index, att, target))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"h": torch.ones(4, 6)}, r"`h` must be a float tensor \[N, H, D\].*\(got torch.float32 of shape \[4, 6\]\)"),
        ({"h": torch.ones(4, 2, 3).long()}, r"`h` must be a float tensor"),
        ({"path_index": torch.ones(3, 2)}, r"integer tensor \[L \+ 1, P\].*\(got torch.float32 of shape \[3, 2\]\)"),
        ({"path_index": torch.ones(3).long()}, r"integer tensor \[L \+ 1, P\]"),
        ({"path_index": torch.ones(1, 2).long()}, r"at least 2 rows, one per node of a path \(got 1\)"),
        ({"path_index": torch.ones(3, 2, device="meta").long()}, "on the device of `h`, cpu .got meta.; move it there"),
        ({"path_index": torch.tensor([[0], [4], [1]])}, r"ids from 0 to 3.*\(got ids from 0 to 4\)"),
        ({"path_index": torch.tensor([[-1], [2], [1]])}, r"ids from 0 to 3.*\(got ids from -1 to 2\)"),
        ({"path_index": torch.tensor([[0], [2], [7]])}, r"ids from 0 to 3.*\(got ids from 0 to 7\)"),
        ({"path_index": torch.tensor([[0], [2], [-1]])}, r"ids from 0 to 3.*\(got ids from -1 to 2\)"),
        ({"att": torch.ones(2, 4)}, r"`att` must be \[H, D\] = \[2, 3\].*\(got torch.float32 of shape \[2, 4\]\)"),
        ({"att": torch.ones(2, 3).double()}, "`att` must have the type and device of `h`, torch.float32 on cpu"),
        ({"target": torch.ones(4, 3)}, r"`target` must be \[N, H\] = \[4, 2\]"),
        ({"target": torch.ones(4, 2, device="meta")}, "`target` must have the type and device of `h`.*on meta"),
        ({"weight": torch.ones(3, 2)}, r"`weight` must be \[P, H\] = \[2, 2\]"),
        ({"term": torch.ones(3, 2)}, r"`term` must be \[P, H\] = \[2, 2\]"),
        ({"pool": "sum"}, r"`pool` must be 'max' or 'mean' \(got 'sum'\)"),
    ],
)
def test_mistakes_get_one_clear_line(change, message):
    arguments = {
        "h": torch.ones(4, 2, 3),
        "path_index": torch.tensor([[0, 1], [1, 2], [3, 3]]),
        "att": torch.ones(2, 3),
        "target": torch.ones(4, 2),
    }
    if "path_index" in change and change["path_index"].dim() == 2:
        arguments["weight"] = torch.ones(change["path_index"].size(1), 2)
    with pytest.raises(ValueError, match=message) as error:
        path_attention(**{**arguments, **change})
    assert "\n" not in str(error.value)
