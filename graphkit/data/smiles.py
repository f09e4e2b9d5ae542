"""Graphs, features and scaffolds of molecules from SMILES strings, with RDKit."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import from_rdmol
from torch_geometric.utils.smiles import e_map

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


#: Properties of a bond, in the order of the columns of ``edge_attr``.
BOND_PROPERTIES = ("bond type", "stereo configuration", "conjugation")
#: Sizes of OGB's vocabularies of the properties; the last value of all but aromaticity, ring, stereo configuration and
#: conjugation is ``"misc"``.
OGB_ATOM_SIZES = (119, 5, 12, 12, 10, 6, 6, 2, 2)
OGB_BOND_SIZES = (5, 6, 2)

Codes = Literal["pyg", "ogb"]


@dataclass(frozen=True)
class MoleculeEncoder:
    """One-hot encoding of integer properties of atoms and bonds.

    A value that is not among those of the encoder is encoded as zeros.

    Args:
        values (tuple[tuple[int, ...], ...]): Values of each property of atoms, in ascending order.
        bonds (tuple[tuple[int, ...], ...], optional): Values of each property of bonds; if empty, bonds are not
            encoded. (default: ``()``)
        codes (str, optional): Vocabulary that the values number, ``"pyg"`` (see :func:`parse_smiles`) or ``"ogb"`` (see
            :func:`ogb_codes`). (default: ``"pyg"``)

    Example:
        >>> encoder = MoleculeEncoder.fit(torch.tensor([[6, 0], [8, 0]]), torch.tensor([[1], [2]]))
        >>> x, edge_attr = encoder.encode(torch.tensor([[8, 0], [7, 0]]), torch.tensor([[2]]))
        >>> x.tolist(), edge_attr.tolist()
        ([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]], [[0.0, 1.0]])
    """

    values: tuple[tuple[int, ...], ...]
    bonds: tuple[tuple[int, ...], ...] = ()
    codes: Codes = "pyg"

    @classmethod
    def fit(cls, x: Tensor, edge_attr: Tensor, codes: Codes = "pyg") -> "MoleculeEncoder":
        """Creates the encoder of the values that occur in integer columns.

        Args:
            x (Tensor): ``[N, K]``, properties of atoms.
            edge_attr (Tensor): ``[E, L]``, properties of bonds.
            codes (str, optional): Vocabulary of the values. (default: ``"pyg"``)
        """
        values, bonds = (
            tuple(tuple(torch.unique(column).tolist()) for column in table.t()) for table in (x, edge_attr)
        )
        return cls(values, bonds, codes)

    @classmethod
    def ogb(cls) -> "MoleculeEncoder":
        """Creates the encoder with all values of OGB's vocabularies."""
        atoms, bonds = (tuple(tuple(range(size)) for size in sizes) for sizes in (OGB_ATOM_SIZES, OGB_BOND_SIZES))
        return cls(atoms, bonds, "ogb")

    def encode(self, x: Tensor, edge_attr: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the one-hot columns of the properties of atoms and of bonds."""
        return _one_hot(x, self.values), _one_hot(edge_attr, self.bonds) if self.bonds else edge_attr

    def encode_parsed(self, x: Tensor, edge_attr: Tensor) -> tuple[Tensor, Tensor, list[str]]:
        """Encodes the output of :func:`parse_smiles`.

        Returns:
            The one-hot columns of atoms and of bonds, and the names of properties with values that are not encoded.
        """
        if self.codes == "ogb":
            x, edge_attr = ogb_codes(x, edge_attr)
        unseen = _unseen(x, self.values, ATOM_PROPERTIES) + _unseen(edge_attr, self.bonds, BOND_PROPERTIES)
        return *self.encode(x, edge_attr), unseen


def _one_hot(columns: Tensor, values: Sequence[Sequence[int]]) -> Tensor:
    """Returns the one-hot blocks ``[N, sum of sizes]`` of integer columns ``[N, K]``."""
    blocks = [column[:, None] == torch.tensor(row) for column, row in zip(columns.t(), values, strict=True)]
    return torch.cat(blocks, dim=1).float()


def _unseen(columns: Tensor, values: Sequence[Sequence[int]], names: Sequence[str]) -> list[str]:
    """Returns the names of the columns with values that are not encoded."""
    rows = zip(names, columns.t(), values, strict=False)
    return [name for name, column, row in rows if not set(torch.unique(column).tolist()) <= set(row)]


def ogb_codes(x: Tensor, edge_attr: Tensor) -> tuple[Tensor, Tensor]:
    """Converts the output of :func:`parse_smiles` to the integers of OGB's features.

    The columns are those of ``ogb.utils.smiles2graph``; the sizes of their vocabularies are :data:`OGB_ATOM_SIZES` and
    :data:`OGB_BOND_SIZES`.

    Args:
        x (Tensor): ``[N, 9]`` int64, properties of atoms.
        edge_attr (Tensor): ``[E, 3]`` int64, properties of bonds.
    """
    element, chirality, degree, charge, hydrogens, radicals, hybridization, aromatic, ring = x.t()
    element = torch.where(element > 0, element - 1, 118)  # no atomic number, such as of `*`, is misc
    hybridization = torch.where((hybridization >= 2) & (hybridization <= 6), hybridization - 2, 5)
    atoms = (element, chirality.clamp(max=4), degree, charge, hydrogens, radicals, hybridization, aromatic, ring)
    kind, stereo, conjugated = edge_attr.t()
    is_aromatic = kind == e_map["bond_type"].index("AROMATIC")
    kind = torch.where((kind >= 1) & (kind <= 3), kind - 1, torch.where(is_aromatic, 3, 4))
    stereo = torch.tensor([0, 5, 1, 2, 3, 4])[stereo]  # none, any, Z, E, cis, trans
    return torch.stack(atoms, dim=1), torch.stack([kind, stereo, conjugated], dim=1)


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
        ``x`` ``[N, 9]`` with the indices of :data:`ATOM_PROPERTIES` and ``edge_attr`` ``[E, 3]`` with those of
        :data:`BOND_PROPERTIES`, all int64, in PyG's vocabularies.
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
