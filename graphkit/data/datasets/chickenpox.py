"""Chickenpox in Hungary: weekly cases in 20 counties, node regression over time."""

import json
from pathlib import Path

import torch
from torch import Tensor

from graphkit.data.checks import check_edges
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_files
from graphkit.data.raw_tables import reading
from graphkit.data.sources import REPOSITORY_MIT
from graphkit.errors import InputError

FILE = "chickenpox.json"
ADDRESS = f"https://raw.githubusercontent.com/benedekrozemberczki/pytorch_geometric_temporal/master/dataset/{FILE}"
SOURCE = Source(
    "TemporalSignal",
    "",
    (FILE,),
    ADDRESS,
    urls=(ADDRESS,),
    citation="Rozemberczki et al., Chickenpox Cases in Hungary, 2021 (arXiv 2102.08100)",
    license=REPOSITORY_MIT,
    num_bytes=220_340,
)
#: Fraction of the weeks in the test set, and in the validation set before it.
HELD_OUT = 0.2


@dataset({"chickenpox": SOURCE}, task="node-regression")
def chickenpox(request: Request, *, lags: int = 4) -> GraphDataset:
    """Loads one graph of 20 counties per week, to predict the cases of the week.

    Features are the cases of the weeks before, the earliest first; ``time`` is the number of the week, from 0. Cases
    are standardized per county, as published. The last 20 % of the weeks are the test set, the 20 % before them the
    validation set.

    Args:
        request (Request): Request for the data set.
        lags (int, optional): Number of weeks before. (default: ``4``)
    """
    cases, edge_index, counties = read_files(request, lambda raw: _read(raw / FILE))
    weeks, nodes = cases.shape
    if not 1 <= lags <= weeks // 2:
        raise InputError(f"`data.lags` must be from 1 to {weeks // 2} for {weeks} weeks (got {lags})")
    count = weeks - lags
    x = cases.unfold(0, lags, 1)[:count]  # [count, nodes, lags]
    graphs = GraphCollection(
        edge_index.repeat(1, count),
        torch.full((count,), nodes),
        torch.full((count,), edge_index.size(1)),
        node={"x": x.reshape(-1, lags), "y": cases[lags:].reshape(-1, 1)},
        graph={"time": torch.arange(lags, weeks)},
    )
    held_out = int(HELD_OUT * count)
    train, val, test = torch.arange(count).split([count - 2 * held_out, held_out, held_out])
    return GraphDataset(
        name=request.name,
        task="node-regression",
        graphs=graphs,
        splits=(Split(train, val, test),),
        num_features=lags,
        num_outputs=1,
        metric="rmse",
        class_names=("cases",),
        node_names=counties * count,
        graph_names=tuple(f"week {week}" for week in range(lags, weeks)),
        citation=f"{request.source.citation}; chronological split",
    )


def _read(path: Path) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Returns the cases ``[weeks, counties]``, the edges and the county names."""
    with reading(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        cases = torch.tensor(content["FX"], dtype=torch.float)
        edge_index = torch.tensor(content["edges"], dtype=torch.long).view(-1, 2).t().contiguous()
        counties = {int(number): str(name) for name, number in content["node_ids"].items()}
    if cases.dim() != 2 or cases.size(0) < 10:
        raise InputError(f"{path.name}: `FX` must have a row of cases per week (got the shape {list(cases.shape)})")
    if sorted(counties) != list(range(cases.size(1))):
        raise InputError(f"{path.name}: `node_ids` must number the {cases.size(1)} columns of `FX` from 0, once each")
    check_edges(edge_index, cases.size(1), path.name)
    return cases, edge_index, tuple(counties[number] for number in sorted(counties))
