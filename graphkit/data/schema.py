"""Schema of training data: what predictions for new graphs need of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.edges import is_symmetric
from graphkit.data.loading import item_targets
from graphkit.data.smiles import MoleculeEncoder
from graphkit.data.user.encoder import FeatureEncoder
from graphkit.errors import InputError
from graphkit.files import read_json, write_json

#: File with the schema in the folder of a fit.
SCHEMA = "schema.json"


@dataclass(frozen=True)
class Schema:
    """Form of the training data of a fit, and statistics of its targets.

    Args:
        name (str): Name of the data set.
        task (str): Task.
        metric (str): Metric.
        single_graph (bool): The items are the nodes of one graph.
        directed (bool, optional): Not all edges have a reverse edge; ``None`` if unknown, for a graph on disk.
        num_features (int): Width of ``x``.
        num_outputs (int): Number of outputs.
        num_categories (int, optional): Number of categories of ``x``. (default: ``None``)
        class_names (tuple[str, ...], optional): Names of the outputs. (default: ``()``)
        edge_weight (bool, optional): The edges have weights. (default: ``False``)
        edge_attr (int, optional): Width of ``edge_attr``. (default: ``None``, there is none)
        pos (int, optional): Width of ``pos``. (default: ``None``, there is none)
        encoder (FeatureEncoder, optional): Encoding of node features. (default: ``None``)
        atoms (MoleculeEncoder, optional): Encoding of atoms and bonds. (default: ``None``)
        target_mean (tuple[float, ...], optional): Mean of each target of a regression over the training items.
            (default: ``()``)
        target_std (tuple[float, ...], optional): Their standard deviation. (default: ``()``)
        format (int, optional): Version of the format of the file. (default: ``1``)
    """

    name: str
    task: str
    metric: str
    single_graph: bool
    directed: bool | None
    num_features: int
    num_outputs: int
    num_categories: int | None = None
    class_names: tuple[str, ...] = ()
    edge_weight: bool = False
    edge_attr: int | None = None
    pos: int | None = None
    encoder: FeatureEncoder | None = None
    atoms: MoleculeEncoder | None = None
    target_mean: tuple[float, ...] = ()
    target_std: tuple[float, ...] = ()
    format: Literal[1] = 1

    @classmethod
    def of(cls, dataset: GraphDataset, split: Split) -> "Schema":
        """Returns the schema of a data set of graphs.

        Args:
            dataset (GraphDataset): The data set.
            split (Split): Split whose training items give the statistics of the targets.
        """
        tensors, mean, std = dataset.tensors(), Tensor(), Tensor()
        if dataset.task.endswith("regression"):
            y = item_targets(dataset, split.train).view(-1, dataset.num_outputs).double()
            mean = y.nanmean(dim=0).nan_to_num()
            std = (y - mean).square().nanmean(dim=0).sqrt().nan_to_num()

        def width(name: str) -> int | None:
            return tensors[name].shape[1:].numel() if name in tensors else None

        return cls(
            name=dataset.name,
            task=dataset.task,
            metric=dataset.metric,
            single_graph=dataset.is_single_graph,
            directed=None if dataset.mapped else not is_symmetric(dataset.union()),
            num_features=dataset.num_features,
            num_outputs=dataset.num_outputs,
            num_categories=dataset.num_categories,
            class_names=dataset.class_names,
            edge_weight="edge_weight" in tensors,
            edge_attr=width("edge_attr"),
            pos=width("pos"),
            encoder=dataset.encoder if isinstance(dataset.encoder, FeatureEncoder) else None,
            atoms=dataset.encoder if isinstance(dataset.encoder, MoleculeEncoder) else None,
            target_mean=tuple(mean.tolist()),
            target_std=tuple(std.tolist()),
        )

    def write(self, path: str | Path) -> None:
        """Writes the schema as JSON, atomically."""
        write_json(path, TypeAdapter(Schema).dump_python(self, mode="json"))

    @classmethod
    def read(cls, path: str | Path) -> "Schema":
        """Reads the schema of :meth:`write`.

        Raises:
            FileNotFoundError: If there is no such file.
            InputError: If it is damaged, or of a later version of graphkit.
        """
        content = read_json(path, remedy := "restore it, or predict where the training data are and delete it")
        version = content.get("format", 1) if isinstance(content, dict) else 1
        if isinstance(version, int) and version > 1:
            raise InputError(f"'{path}' has format {version}, and this graphkit reads 1; install a newer graphkit")
        try:
            schema: Schema = TypeAdapter(Schema).validate_python(content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "the content"
            raise InputError(f"'{path}' is damaged (`{key}`: {first['msg']}); {remedy}") from None
        return schema

    def dataset(self) -> GraphDataset:
        """Returns a data set of two items with this schema, in place of the training data.

        Its features are zeros. Its targets have the mean and the standard deviation of the training items.
        """
        ends = [[0], [1]] if self.directed else [[0, 1], [1, 0]]
        data = Data(edge_index=torch.tensor(ends), num_nodes=2)
        width = () if self.num_categories is not None else (self.num_features,)
        data.x = torch.zeros(2, *width, dtype=torch.long if self.num_categories is not None else torch.float)
        edges = data.edge_index.size(1)
        if self.edge_weight:
            data.edge_weight = torch.ones(edges)
        if self.edge_attr is not None:
            data.edge_attr = torch.zeros(edges, self.edge_attr)
        if self.pos is not None:
            data.pos = torch.zeros(2, self.pos)
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (self.target_mean, self.target_std))
        if not self.target_mean:
            mean = std = torch.zeros(self.num_outputs, dtype=torch.float64)
        y = torch.stack([mean - std, mean + std])
        if self.task in ("node-classification", "graph-classification"):
            y = torch.zeros(2, dtype=torch.long)
        elif not self.task.endswith("regression"):
            y = y.float()
        items = torch.arange(2)
        graphs: tuple[Data, ...] | GraphCollection
        if self.single_graph:
            data.y = y
            graphs = (data,)
        else:
            by_node = self.task.endswith(("node-classification", "node-regression"))
            copies = [data.clone(), data.clone()]
            for copy, row in zip(copies, y, strict=True):
                copy.y = row.expand(2, *row.shape) if by_node else row.unsqueeze(0)
            graphs = GraphCollection.from_list(copies)
        return GraphDataset(
            self.name,
            self.task,
            graphs,
            (Split(items, items[:0], items[:0]),),
            self.num_features,
            self.num_outputs,
            self.metric,
            num_categories=self.num_categories,
            class_names=self.class_names,
            mapped=self.directed is None,
            encoder=self.atoms if self.encoder is None else self.encoder,
        )
