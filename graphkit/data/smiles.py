"""Graphs, features and scaffolds of molecules from SMILES strings, with RDKit."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import from_rdmol

from graphkit.data.dataset import Rejected
from graphkit.errors import MissingPackageError
from graphkit.screen import shown

#: Length limit of SMILES strings.
MAX_SMILES = 5000
#: Number of lines of rejected rows that a note lists.
NAMED_LINES = 20
#: Properties of an atom, in the order of the columns of :func:`parse_smiles`.
ATOM_PROPERTIES = (
    "element",
    "chirality",
    "degree",
    "charge",
    "hydrogens",
    "radical electrons",
    "hybridization",
    "aromaticity",
    "ring",
)


@dataclass(frozen=True)
class AtomEncoder:
    """One-hot encoding of integer columns over the values of the training data.

    A value that is not among them is encoded as zeros.

    Args:
        values (tuple[tuple[int, ...], ...]): Values of each column, in ascending order.

    Example:
        >>> encoder = AtomEncoder.fit(torch.tensor([[6, 0], [8, 0]]))
        >>> encoder.encode(torch.tensor([[8, 0], [7, 0]])).tolist()
        [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    """

    values: tuple[tuple[int, ...], ...]

    @classmethod
    def fit(cls, x: Tensor) -> "AtomEncoder":
        """Creates the encoder of integer columns ``[N, K]``."""
        return cls(tuple(tuple(torch.unique(column).tolist()) for column in x.t()))

    def encode(self, x: Tensor) -> Tensor:
        """Returns the one-hot columns of integer columns ``[N, K]``."""
        blocks = [column[:, None] == torch.tensor(values) for column, values in zip(x.t(), self.values, strict=True)]
        return torch.cat(blocks, dim=1).float()

    def unseen(self, x: Tensor) -> list[str]:
        """Returns the names of the properties with values that are not encoded."""
        names = zip(ATOM_PROPERTIES, x.t(), self.values, strict=True)
        return [name for name, column, values in names if not set(torch.unique(column).tolist()) <= set(values)]


def require_rdkit(what: str) -> None:
    """Raises an error if RDKit is not installed.

    Args:
        what (str): Subject of the error message, such as ``"the data set 'esol'"``.

    Raises:
        MissingPackageError: If it is not installed.
    """
    if importlib.util.find_spec("rdkit") is None:
        raise MissingPackageError(f"{what} needs RDKit; run: pip install rdkit")


def rejected_note(
    where: str, rejected: Sequence[Rejected], molecules: int, listed: str = "rejected.csv in the run folder"
) -> tuple[str, ...]:
    """Returns the note on rejected rows of a file, or nothing.

    Args:
        where (str): Name of the file.
        rejected (list[Rejected]): Rejected rows.
        molecules (int): Number of molecules.
        listed (str, optional): File that lists the rows. (default: ``"rejected.csv in the run folder"``)
    """
    if not rejected:
        return ()
    lines = ", ".join(str(row.line) for row in rejected[:NAMED_LINES]) + (", ..." if rejected[NAMED_LINES:] else "")
    first = f"{shown(rejected[0].text)}: {rejected[0].reason}"
    counts, kept = f"{len(rejected)} of {len(rejected) + molecules} rows", f"; {listed} lists them" if listed else ""
    return (f"{where}: {counts} have no molecule and are left out (line {lines}; {first}){kept}",)


def parse_smiles(smiles: str) -> Data | str:
    """Returns the graph of a molecule, or the reason why there is none.

    RDKit's messages are not printed.

    Args:
        smiles (str): SMILES string.

    Returns:
        ``x`` ``[N, 9]`` with the indices of :data:`ATOM_PROPERTIES` and ``edge_attr`` ``[E, 3]`` with those of bond
        type, stereo configuration and conjugation, all int64.
    """
    from rdkit import Chem, rdBase

    if not smiles.strip():
        return "empty"
    if len(smiles) > MAX_SMILES:
        return f"longer than {MAX_SMILES} characters"
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:
            return "not a valid SMILES string"
        if not molecule.GetNumAtoms():
            return "no atom"
        try:
            return from_rdmol(molecule)
        except ValueError:
            return "an atom or bond outside of the supported values"


def scaffolds(smiles: Sequence[str]) -> list[str]:
    """Returns the Bemis-Murcko scaffold of each molecule, without chirality.

    The scaffold of a molecule without a ring is the empty string; a molecule that RDKit has no scaffold for is its own.

    Args:
        smiles (list[str]): SMILES strings of valid molecules.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

    result = []
    with rdBase.BlockLogs():
        for text in smiles:
            try:
                result.append(MurckoScaffoldSmiles(mol=Chem.MolFromSmiles(text), includeChirality=False))
            except (ValueError, RuntimeError):
                result.append(text)
    return result
