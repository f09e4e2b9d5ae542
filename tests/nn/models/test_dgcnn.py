import pytest
import torch

from graphkit.nn import DGCNN


def test_the_published_network_has_its_number_of_parameters():
    # Per layer 2 D D' and a norm of 2 D'; then 512 x 1024, 2048 x 512, 512 x 256 with norms, and the outputs.
    layers = sum(2 * a * b + 2 * b for a, b in ((3, 64), (64, 64), (64, 128), (128, 256)))
    dense = sum(a * b + 2 * b for a, b in ((512, 1024), (2048, 512), (512, 256)))
    assert sum(p.numel() for p in DGCNN(3, 40).parameters()) == layers + dense + 256 * 40 + 40


def test_a_cloud_may_be_moved_and_its_points_listed_in_any_order():
    torch.manual_seed(0)
    model = DGCNN(3, 5, hidden_channels=8, k=4).double().eval()
    x = torch.randn(30, 3).double()
    order = torch.randperm(30)
    torch.testing.assert_close(model(x), model(x[order]))


@pytest.mark.parametrize("per_cloud", [True, False])
def test_trains(per_cloud):
    torch.manual_seed(0)
    model = DGCNN(3, 2, hidden_channels=4, num_layers=2, k=4, per_cloud=per_cloud, dropout=0.0)
    batch = torch.repeat_interleave(torch.arange(8), 12)
    x = torch.randn(96, 3)
    x[batch % 2 == 0] *= torch.tensor([1.0, 1.0, 0.1])  # flat ones and round ones
    y = torch.arange(8) % 2 if per_cloud else batch % 2
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(model(x, batch=batch, batch_size=8), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.3
