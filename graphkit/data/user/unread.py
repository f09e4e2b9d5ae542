"""Formats that are not read, with the way to convert them."""

from pathlib import Path

from graphkit.errors import InputError

_TABLES = "the two tables edges.csv and nodes.csv in one folder"
_FRAMES = "give the two frames to graphkit.load((nodes, edges)), or write them with to_csv(..., index=False) as"
_GRAPH = "and give the graph to graphkit.load, or write it with networkx.write_graphml"
_ARRAYS = "and give the arrays to graphkit.load((x, edge_index, y)), or write them with numpy.savez"
_SMILES = "write its SMILES strings to a .csv file whose first line names the columns, such as smiles,label"
_LINES = f"write {_TABLES}; the first line of edges.csv is: source,target"

#: Ways to convert files, by suffix.
REMEDIES = {
    **dict.fromkeys(
        (".xlsx", ".xls", ".xlsm", ".ods", ".numbers"),
        f"save the sheets as CSV UTF-8: {_TABLES}, or one table of molecules",
    ),
    ".parquet": f"read the tables with pandas.read_parquet and {_FRAMES} {_TABLES}",
    **dict.fromkeys((".feather", ".arrow"), f"read the tables with pandas.read_feather and {_FRAMES} {_TABLES}"),
    **dict.fromkeys((".sas7bdat", ".sav", ".dta", ".rds", ".rdata"), f"export the tables as CSV: {_TABLES}"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".sql"), f"export the tables as CSV: {_TABLES}"),
    **dict.fromkeys((".json", ".jsonl"), f"read it with networkx.node_link_graph(json.load(file)) {_GRAPH}"),
    ".mat": f"read it with scipy.io.loadmat {_ARRAYS}",
    **dict.fromkeys((".h5", ".hdf5"), f"read its arrays with h5py {_ARRAYS}"),
    ".npy": "put edge_index.npy, x.npy and y.npy in one folder, and give the folder",
    ".safetensors": "put edge_index, x and y, one file each, in one folder, and give the folder",
    **dict.fromkeys((".txt", ".dat", ".edgelist", ".edges", ".adjlist", ".mtx", ".el"), _LINES),
    **dict.fromkeys(
        (".pkl", ".pickle", ".gpickle", ".joblib"),
        "such a file can run code, so it is not opened; read it yourself, and give the graph to graphkit.load",
    ),
    **dict.fromkeys((".dot", ".gv"), f"read it with networkx.nx_pydot.read_dot {_GRAPH}"),
    ".net": f"read it with networkx.read_pajek {_GRAPH}",
    **dict.fromkeys((".g6", ".graph6"), f"read it with networkx.read_graph6 {_GRAPH}"),
    **dict.fromkeys((".smi", ".ism", ".can"), _SMILES),
    **dict.fromkeys((".sdf", ".mol", ".mol2", ".pdb"), f"{_SMILES}, with rdkit.Chem.MolToSmiles"),
    **dict.fromkeys((".gephi", ".cys"), "export the graph as GraphML"),
    **dict.fromkeys(
        (".zip", ".gz", ".tar", ".tgz", ".bz2", ".xz", ".7z"), "unpack it, and give the folder or the file"
    ),
}


def unread(path: Path) -> InputError:
    """Returns the error for a file in a format that is not read.

    Args:
        path (Path): The file.
    """
    suffix = path.suffix.lower()
    if suffix in REMEDIES:
        return InputError(f"'{path}': files of the format {suffix} are not read; {REMEDIES[suffix]}")
    return InputError(
        f"'{path}' is in no known format; give a .npz, .graphml, .gexf, .gml or .pt file, a folder of such files, or "
        "one with edges.csv and nodes.csv, with edge_index.npy, x.npy and y.npy, or with labels.csv and clips"
    )
