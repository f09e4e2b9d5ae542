import pytest
import torch

from graphkit.nn.sparse import drop

X = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("layout", [torch.strided, torch.sparse_csr, torch.sparse_coo])
def test_drops_what_is_stored_and_scales_the_rest(layout: torch.layout) -> None:
    x = X if layout == torch.strided else X.to_sparse(layout=layout)
    torch.manual_seed(0)
    total = torch.zeros_like(X)
    for _ in range(2000):
        out = drop(x, 0.5, training=True)
        assert out.layout == layout
        total += out.to_dense()
    torch.testing.assert_close(total / 2000, X, atol=0.25, rtol=0)
    out = drop(x, 0.5, training=True).to_dense()
    assert bool(((out == 0) | (out == 2 * X)).all())
    assert drop(x, 0.5, training=False) is x and drop(x, 0.0, training=True) is x
