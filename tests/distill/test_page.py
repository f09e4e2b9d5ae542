"""What the page of distillation shows does what it says."""

from pathlib import Path

import torch
from torch.nn import functional as F
from torch_geometric.nn.models import GAT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "distill.md"


def test_the_loop_of_the_page_runs() -> None:
    code = next(block.split("```")[0] for block in PAGE.read_text().split("```python\n")[1:] if "Distiller" in block)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(20, 4, generator=generator), torch.randint(3, (20,), generator=generator)
    edge_index = torch.randint(20, (2, 60), generator=generator)
    torch.manual_seed(0)
    names = {
        "torch": torch, "F": F, "x": x, "y": y, "edge_index": edge_index, "train": torch.arange(10),
        "teacher": GAT(4, 16, 2, 3), "student": GAT(4, 8, 3, 3),
    }  # fmt: skip
    exec(code.replace("range(200)", "range(60)"), names)
    assert names["epoch"] == 59 and torch.isfinite(names["distillation"])
    assert len(names["distiller"].pairs) == 2 and names["distiller"].pairs[0].active_epochs == 50
