"""Valid small inputs of every reader, and the function that reads each."""

import gzip
import json
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch_geometric.data import Data

Step = Callable[[Path], Any]


@dataclass
class Target:
    """One reader.

    Args:
        name: The name of the target.
        seed: Writes a valid input into an empty folder.
        read: Reads the input in the folder, as a user's call would.
    """

    name: str
    seed: Step
    read: Step


TARGETS: dict[str, Target] = {}


def target(name: str, seed: Step) -> Callable[[Step], Step]:
    """Returns the decorator that makes a reading function a target."""

    def decorator(read: Step) -> Step:
        TARGETS[name] = Target(name, seed, read)
        return read

    return decorator


N = 12
RNG = np.random.default_rng(0)
EDGES = np.stack([np.arange(N), (np.arange(N) + 1) % N])
X = RNG.normal(size=(N, 3)).astype("f4").round(3)
Y = np.arange(N) % 3
PART = np.arange(N) // 3 % 4


def use(dataset: Any) -> None:
    """Looks at everything that training would look at."""
    graphs = dataset.graphs
    for index in range(min(len(graphs), 3)):
        graphs[index]
    for split in dataset.splits:
        split.train.sum()


def load_path(path: Path, **options: Any) -> None:
    from graphkit.data import load

    use(load(path, **options))


def load_name(name: str) -> Step:
    """Returns a function that loads a named data set from a folder of raw files."""

    def read(folder: Path) -> None:
        from graphkit.data import load

        use(load(name, folder))

    return read


# --- own graphs ---


def csv_folder(folder: Path) -> None:
    rows = ["id,a,b,label,split"]
    words = ["train", "train", "val", "test"]
    rows += [f"n{k},{X[k, 0]},{X[k, 1]},c{Y[k]},{words[PART[k]]}" for k in range(N)]
    (folder / "nodes.csv").write_text("\n".join(rows) + "\n")
    (folder / "edges.csv").write_text("source,target,weight\n" + "".join(f"n{s},n{t},1.5\n" for s, t in EDGES.T))


target("csv", csv_folder)(load_path)


def european_tables(folder: Path) -> None:
    rows = ["id;a;city;new;label;split"]
    words = ["train", "train", "val", "test"]
    for k in range(N):
        number = f"{X[k, 0]}".replace(".", ",") if k % 4 else ""
        rows.append(f"n{k};{number};{['Bern', 'Rome'][k % 2]};{['yes', 'no'][k // 2 % 2]};c{Y[k]};{words[PART[k]]}")
    (folder / "nodes.csv").write_bytes("\n".join(rows).encode("utf-8-sig"))
    (folder / "edges.tsv").write_text(
        '"Source"\t"Target"\t"Type"\n' + "".join(f"n{s}\tn{t}\tDirected\n" for s, t in EDGES.T)
    )


target("european-tables", european_tables)(lambda folder: load_path(folder, impute="mean"))


def arrays() -> dict[str, np.ndarray]:
    masks = {"train_mask": PART < 2, "val_mask": PART == 2, "test_mask": PART == 3}
    return {"x": X, "edge_index": EDGES, "y": Y, "edge_weight": np.ones(N, "f4"), **masks}


def npz(folder: Path) -> None:
    np.savez(folder / "g.npz", **arrays())


target("npz", npz)(lambda folder: load_path(folder / "g.npz"))


def array_folder(folder: Path) -> None:
    from graphkit.data import write_folder

    write_folder(folder / "g", **{key: value for key, value in arrays().items() if key != "edge_weight"})


target("arrays", array_folder)(lambda folder: load_path(folder / "g"))


def network(name: str = "g.graphml") -> Step:
    """Returns a function that writes a graph with networkx, in the format of the suffix."""

    def write(folder: Path) -> None:
        import networkx as nx

        graph = nx.Graph()
        for k in range(N):
            graph.add_node(f"n{k}", a=float(X[k, 0]), kind="rs"[k % 2], y=f"c{Y[k]}")
        graph.add_edges_from((f"n{s}", f"n{t}", {"weight": 1.0}) for s, t in EDGES.T)
        getattr(nx, f"write_{name.rpartition('.')[2]}")(graph, folder / name)

    return write


for suffix in ("graphml", "gexf", "gml"):
    target(suffix, network(f"g.{suffix}"))(lambda folder, suffix=suffix: load_path(folder / f"g.{suffix}"))


def graph_folder(folder: Path) -> None:
    for name in ("a.graphml", "b.gexf", "c.gml", "d.graphml", "e.graphml", "f.gml"):
        network(name)(folder)
    rows = ["a.graphml,x,train", "b.gexf,y,train", "c,x,val", "d,y,test", "e,x,test", "f,y,"]
    (folder / "labels.csv").write_text("\n".join(["file,label,split", *rows]) + "\n")


target("graph-folder", graph_folder)(load_path)


def graph_folder_of_arrays(folder: Path) -> None:
    for k in range(6):
        np.savez(folder / f"{k}.npz", x=X[: 4 + k], edge_index=EDGES[:, :3], y=X[: 4 + k, :2].astype("f8"))
    (folder / "labels.csv").write_text("file,time\n" + "".join(f"{k}.npz,{k}\n" for k in range(6)))


target("graph-folder-of-arrays", graph_folder_of_arrays)(lambda folder: load_path(folder, task="node-regression"))


def load_new(folder: Path) -> None:
    """Reads new graphs in the form of training data."""
    from graphkit.data import load
    from graphkit.data.user import load_own

    with tempfile.TemporaryDirectory() as other:
        graph_folder(Path(other))
        dataset = load(other)
    use(load_own(folder, {}, like=dataset))


target("new-graphs", graph_folder)(load_new)


def networkx_list(folder: Path) -> None:
    import networkx as nx

    from graphkit.data.user.memory import save_object

    graphs = [nx.path_graph(3 + k) for k in range(6)]
    for graph in graphs:
        for node, row in graph.nodes(data=True):
            row.update(a=node / 2, kind="rs"[node % 2], y=[node / 3, float(node)])
    save_object(graphs, folder)


target("networkx-list", networkx_list)(lambda folder: load_path(folder / "data.pt"))


def pt(folder: Path) -> None:
    torch.save(Data(**{key: torch.from_numpy(np.array(value)) for key, value in arrays().items()}), folder / "g.pt")


target("pt", pt)(lambda folder: load_path(folder / "g.pt"))


def pt_list(folder: Path) -> None:
    x, edge_index = torch.from_numpy(X), torch.from_numpy(EDGES)
    graphs = [Data(x=x[: 4 + k], edge_index=edge_index[:, :3], y=torch.tensor([k % 2])) for k in range(8)]
    torch.save(graphs, folder / "graphs.pt")


target("pt-list", pt_list)(lambda folder: load_path(folder / "graphs.pt"))


def regression_folder(folder: Path) -> None:
    rows = ["id,a,club,size,age,split"]
    words = ["train", "train", "val", "test"]
    sizes = [f"{X[k, 1]}" if k % 5 else "" for k in range(N)]  # with gaps
    rows += [f"n{k},{X[k, 0] if k != 1 else ''},{'xyz'[Y[k]]},{sizes[k]},{k},{words[PART[k]]}" for k in range(N)]
    (folder / "nodes.csv").write_text("\n".join(rows) + "\n")
    (folder / "edges.csv").write_text("source;target\n" + "".join(f"n{s};n{t}\n" for s, t in EDGES.T))


@target("csv-regression", regression_folder)
def read_regression_folder(folder: Path) -> None:
    load_path(folder, task="regression", target="size,age", impute="mean")


def predict(seed: Step, name: str = "") -> Step:
    """Returns a function that predicts for new data with a model of the valid input, and writes the predictions."""

    def read(folder: Path) -> None:
        from graphkit.experiments import RunFolder, build_config
        from graphkit.training.build_model import make_model

        with tempfile.TemporaryDirectory() as reference:
            seed(Path(reference))
            data = {"name": f"{reference}/{name}", "split": "0.4,0.3,0.3"}
            config: Any = build_config("train", {"model": {"name": "gcn"}, "data": data}, recipe="none")
            run, dataset = RunFolder(Path(reference), config), config.data.load(0)
            model = make_model(config.model, dataset).eval()
            result = {"selected_on": "validation", "validation": {"mean": 1.0}, "maximize": True}
            vars(run).update(dataset=dataset, model=model, result=result)
            predictions = run.predict(folder / name, "cpu")
            for suffix in ("csv", "json"):
                predictions.save(Path(reference, f"predictions.{suffix}"))

    return read


target("predict-csv", csv_folder)(predict(csv_folder))
target("predict-graphml", network())(predict(network(), "g.graphml"))
target("predict-npz", npz)(predict(npz, "g.npz"))
target("predict-pt-list", pt_list)(predict(pt_list, "graphs.pt"))


def molecules(folder: Path) -> None:
    smiles = ["CCO", "c1ccccc1", "CC(=O)O", "C1CCCCC1", "C[N+](C)(C)C", "not a molecule", "CCN", "", "CC(C)O", "CCCl"]
    rows = [f"m{k},{text},{0.5 * k if k % 4 else ''},{k % 2}" for k, text in enumerate(smiles)]
    (folder / "molecules.csv").write_text("\n".join(["id,smiles,logS,toxic", *rows]) + "\n")


@target("molecules", molecules)
def read_molecules(folder: Path) -> None:
    load_path(folder / "molecules.csv", smiles="smiles", task="regression", target="logS", split="0.4,0.3,0.3")


# --- clips ---


def clips(folder: Path) -> None:
    rows = ["file,label,split"]
    for k in range(6):
        x = RNG.normal(size=(5, 17, 3)).round(3)
        if k % 2:
            (folder / f"c{k}.csv").write_text("".join(",".join(map(str, frame.reshape(-1))) + "\n" for frame in x))
        else:
            np.save(folder / f"c{k}.npy", x[:, None])
        rows.append(f"c{k}.{'csv' if k % 2 else 'npy'},{'ab'[k % 2]},{['train', 'val', 'test'][k // 2]}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    (folder / "skeleton.json").write_text(json.dumps({"layout": "coco-17"}))


@target("clips", clips)
def read_clips(folder: Path) -> None:
    from graphkit.data import load

    load(folder, layout="coco-17")


def ntu(folder: Path) -> None:
    from tests.skeleton.recordings import random_bodies, write_skeleton

    write_skeleton(folder, "S001C001P001R001A001", random_bodies(4, 2))


@target("ntu", ntu)
def read_ntu_file(folder: Path) -> None:
    from graphkit.skeleton.readers.ntu import read_skeleton_file

    read_skeleton_file(next(folder.glob("*.skeleton")))


def kinetics(folder: Path) -> None:
    persons = [{"pose": RNG.random(36).round(3).tolist(), "score": RNG.random(18).round(3).tolist()} for _ in range(2)]
    frames = [{"frame_index": t + 1, "skeleton": persons} for t in range(4)]
    (folder / "a.json").write_text(json.dumps({"data": frames, "label": "run", "label_index": 3}))


@target("kinetics", kinetics)
def read_kinetics_folder(folder: Path) -> None:
    from graphkit.skeleton.readers.kinetics import read_kinetics

    list(read_kinetics(folder))


def nw_ucla(folder: Path) -> None:
    clip = {"file_name": "a01_s01_e00_v01", "skeletons": RNG.random((4, 20, 3)).round(3).tolist(), "label": 1}
    with zipfile.ZipFile(folder / "all_sqe.zip", "w") as archive:
        archive.writestr("all_sqe/a01_s01_e00_v01.json", json.dumps(clip))


@target("nw-ucla", nw_ucla)
def read_nw_ucla_archive(folder: Path) -> None:
    from graphkit.skeleton.readers.nw_ucla import read_nw_ucla

    list(read_nw_ucla(folder / "all_sqe.zip"))


def clip_files(folder: Path) -> None:
    x = RNG.normal(size=(5, 1, 20, 3)).round(3)
    np.save(folder / "a.npy", x)
    (folder / "b.csv").write_text("".join(",".join(map(str, frame.reshape(-1))) + "\n" for frame in x))
    (folder / "c.json").write_text(json.dumps({"file_name": "c", "skeletons": x[:, 0].tolist(), "label": 1}))


@target("clip-files", clip_files)
def read_clip_files(folder: Path) -> None:
    from graphkit.registry import get_layout
    from graphkit.skeleton.readers.clip_file import read_clip_file

    failure: Exception | None = None
    for path in sorted(folder.iterdir()):
        try:
            read_clip_file(path, get_layout("nw-ucla-20"), 3)
        except (ValueError, OSError) as error:
            failure = error
    if failure is not None:
        raise failure


# --- named sources ---


def planetoid(folder: Path) -> None:
    raw = folder / "Planetoid" / "PubMed" / "raw"
    raw.mkdir(parents=True)
    one_hot = np.eye(3, dtype="i4")[Y]
    sparse = scipy.sparse.csr_matrix(X)
    parts = {"x": sparse[:4], "tx": sparse[9:], "allx": sparse[:9]}
    parts |= {"y": one_hot[:4], "ty": one_hot[9:], "ally": one_hot[:9]}
    for key, value in parts.items():
        (raw / f"ind.pubmed.{key}").write_bytes(pickle.dumps(value, 2))
    graph = {k: [(k + 1) % N, (k - 1) % N] for k in range(N)}
    (raw / "ind.pubmed.graph").write_bytes(pickle.dumps(graph, 2))
    (raw / "ind.pubmed.test.index").write_text("9\n11\n10\n")


target("planetoid", planetoid)(load_name("pubmed"))


def tu(folder: Path) -> None:
    raw = folder / "TUDataset" / "PTC_MR" / "raw"
    raw.mkdir(parents=True)
    graphs = range(1, 25)
    rows = [f"{3 * g - 2}, {3 * g - 1}\n{3 * g - 1}, {3 * g - 2}\n" for g in graphs]
    (raw / "PTC_MR_A.txt").write_text("".join(rows))
    (raw / "PTC_MR_graph_indicator.txt").write_text("".join(f"{g}\n" * 3 for g in graphs))
    (raw / "PTC_MR_graph_labels.txt").write_text("".join(f"{1 if g % 2 else -1}\n" for g in graphs))
    (raw / "PTC_MR_node_labels.txt").write_text("".join(f"{g % 3}\n0\n1\n" for g in graphs))


target("tu", tu)(load_name("ptc-mr"))


def webkb(folder: Path) -> None:
    raw = folder / "WebKB" / "cornell" / "raw"
    raw.mkdir(parents=True)
    rows = [f"{k}\t{','.join(str(int(v > 0)) for v in X[k])}\t{Y[k]}" for k in range(N)]
    (raw / "out1_node_feature_label.txt").write_text("node_id\tfeature\tlabel\n" + "\n".join(rows) + "\n")
    (raw / "out1_graph_edges.txt").write_text("node_id\tnode_id\n" + "".join(f"{s}\t{t}\n" for s, t in EDGES.T))
    for k in range(10):
        masks = {"train_mask": PART < 2, "val_mask": PART == 2, "test_mask": PART == 3}
        np.savez(raw / f"cornell_split_0.6_0.2_{k}.npz", **{key: value.astype("i8") for key, value in masks.items()})


target("webkb", webkb)(load_name("cornell"))


def heterophilous(folder: Path) -> None:
    raw = folder / "HeterophilousGraphDataset" / "questions" / "raw"
    raw.mkdir(parents=True)
    masks = {f"{name}_masks": np.tile(k == PART, (10, 1)) for k, name in enumerate(("train", "val", "test"))}
    np.savez(raw / "questions.npz", node_features=X, node_labels=(Y > 0).astype("i8"), edges=EDGES.T, **masks)


target("heterophilous", heterophilous)(load_name("questions"))


def citation_full(folder: Path) -> None:
    path = folder / "CitationFull" / "cora_ml" / "raw" / "cora_ml.npz"
    path.parent.mkdir(parents=True)
    size = 40
    rows = np.arange(size)
    adjacency = scipy.sparse.csr_array((np.ones(size), (rows, (rows + 1) % size)), shape=(size, size))
    features = scipy.sparse.csr_array(np.eye(size, 6))
    np.savez(
        path,
        **{f"adj_{key}": getattr(adjacency, key) for key in ("data", "indices", "indptr", "shape")},
        **{f"attr_{key}": getattr(features, key) for key in ("data", "indices", "indptr", "shape")},
        labels=np.arange(size) % 4,
    )


target("citation-full", citation_full)(load_name("cora-ml"))


def zinc(folder: Path) -> None:
    raw = folder / "ZINC" / "raw"
    raw.mkdir(parents=True)
    bond = torch.zeros(3, 3, dtype=torch.long)
    bond[0, 1] = bond[1, 0] = 1
    for split_name in ("train", "val", "test"):
        molecule = {"atom_type": torch.tensor([0, 5, 27]), "bond_type": bond, "logP_SA_cycle_normalized": torch.ones(1)}
        (raw / f"{split_name}.pickle").write_bytes(pickle.dumps([molecule] * 3))
        (raw / f"{split_name}.index").write_text("0,1\n")


target("zinc", zinc)(load_name("zinc"))


def pattern(folder: Path) -> None:
    raw = folder / "GNNBenchmarkDataset" / "PATTERN" / "raw"
    raw.mkdir(parents=True)
    graph = {"x": torch.eye(3), "edge_index": torch.tensor([[0, 1], [1, 0]]), "y": torch.tensor([0, 1, 0])}
    torch.save(([graph] * 3, [graph], [graph] * 2), raw / "PATTERN_v2.pt")


target("pattern", pattern)(load_name("pattern"))


def ppi(folder: Path) -> None:
    raw = folder / "PPI" / "raw"
    raw.mkdir(parents=True)
    for split_name in ("train", "valid", "test"):
        links = [{"source": 0, "target": 1}, {"source": 1, "target": 0}]
        graph = {"directed": True, "multigraph": False, "graph": {}, "nodes": [{"id": k} for k in range(3)]}
        (raw / f"{split_name}_graph.json").write_text(json.dumps({**graph, "links": links}))
        np.save(raw / f"{split_name}_feats.npy", np.ones((3, 5)))
        np.save(raw / f"{split_name}_labels.npy", np.ones((3, 4)))
        np.save(raw / f"{split_name}_graph_id.npy", np.ones(3, dtype="i8"))


target("ppi", ppi)(load_name("ppi"))


def reddit(folder: Path) -> None:
    raw = folder / "Reddit" / "raw"
    raw.mkdir(parents=True)
    types = np.array([1, 1, 2, 3])
    np.savez(raw / "reddit_data.npz", feature=np.eye(4), label=np.array([0, 1, 0, 1]), node_types=types)
    scipy.sparse.save_npz(raw / "reddit_graph.npz", scipy.sparse.coo_matrix(np.eye(4)[::-1]))


target("reddit", reddit)(load_name("reddit"))


def ogb(folder: Path) -> None:
    def table(path: Path, rows: list[tuple[Any, ...]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(("\n".join(",".join(map(str, row)) for row in rows) + "\n").encode()))

    root = folder / "ogbn_arxiv"
    table(root / "raw" / "edge.csv.gz", [(0, 1), (1, 2), (3, 2)])
    table(root / "raw" / "num-node-list.csv.gz", [(4,)])
    table(root / "raw" / "num-edge-list.csv.gz", [(3,)])
    table(root / "raw" / "node-feat.csv.gz", [(0.5, -1), (1, 2), (3, 4e-3), (5, 6)])
    table(root / "raw" / "node-label.csv.gz", [(0,), (2,), (1,), (0,)])
    for split_name, ids in (("train", [(0,), (1,)]), ("valid", [(2,)]), ("test", [(3,)])):
        table(root / "split" / "time" / f"{split_name}.csv.gz", ids)


target("ogb", ogb)(load_name("ogbn-arxiv"))


def airports(folder: Path) -> None:
    raw = folder / "Airports" / "brazil" / "raw"
    raw.mkdir(parents=True)
    (raw / "brazil-airports.edgelist").write_text("".join(f"{s + 100} {t + 100}\n" for s, t in EDGES.T))
    (raw / "labels-brazil-airports.txt").write_text("node label\n" + "".join(f"{k + 100} {Y[k]}\n" for k in range(N)))


target("airports", airports)(load_name("airports-brazil"))


# --- what the package writes ---


def path_set(folder: Path) -> None:
    from graphkit.experiments import write_paths

    write_paths(Data(edge_index=torch.from_numpy(EDGES), num_nodes=N), folder / "paths", max_hops=2)


@target("path-set", path_set)
def read_path_set(folder: Path) -> None:
    from graphkit.sampling import PathIndex

    for path in PathIndex(folder / "paths").of(torch.arange(N)):
        assert int(path.min()) >= 0 and int(path.max()) < N if path.numel() else True


CONFIG = """\
model: {name: gcn, hidden_channels: 8, num_layers: 2, dropout: 0.5}
data: {name: karate, split: [0.6, 0.2, 0.2], fold: null}
train: {epochs: 3, lr: 1e-3, patience: 10, precision: float32}
seed: 3
seeds: 1
"""

OWN_CONFIG = """\
model: {name: gin, hidden_channels: 8}
data: {task: regression, target: 'size,age', impute: mean, features: structural, ignore: a, split: '0.5,0.25,0.25'}
train: {epochs: 3, metric: rmse, standardize: false, class_weight: [1, 2], select: loss}
"""


@target("config", lambda folder: (folder / "c.yaml").write_text(CONFIG))
def read_config_file(folder: Path) -> None:
    from graphkit.config.layers import read_config
    from tests.fitting import resolve

    resolve(read_config(folder / "c.yaml"))


@target("own-config", lambda folder: (folder / "c.yaml").write_text(OWN_CONFIG))
def read_config_of_own_data(folder: Path) -> None:
    from graphkit.config.layers import merge, read_config
    from graphkit.experiments import config_of_folder
    from graphkit.training.run_files import describe
    from tests.fitting import train_config

    regression_folder(folder)
    layers = [read_config(folder / "c.yaml"), {"data": {"name": str(folder)}}]
    config = train_config(merge(*layers))
    describe(folder / "run", config)
    assert config_of_folder(folder / "run") == config
    config.data.load(config.seed)


CUSTOM = "model: {name: custom, class: module.Net}\ndata: {name: karate}\ntrain: {metric: accuracy}\n"


@target("custom-config", lambda folder: (folder / "config.yaml").write_text(CUSTOM))
def read_config_of_own_model(folder: Path) -> None:
    from graphkit.experiments import open_run
    from graphkit.training.build_model import make_model

    class Net(torch.nn.Linear):
        """Layer without edges."""

    run = open_run(folder, model=Net)
    make_model(run.config.model, run.config.data.load(run.config.seed))


SETTINGS = (
    "train.lr=0.01 model.hidden_channels=8 train.patience=none data.split=[0.6,0.2,0.2] model.name=gcn seed=4 "
    "train.metric=accuracy train.class_weight=balanced train.standardize=false\n"
)


@target("settings", lambda folder: (folder / "settings.txt").write_text(SETTINGS))
def read_settings(folder: Path) -> None:
    from graphkit.config.layers import merge, parse_setting
    from tests.fitting import resolve

    text = (folder / "settings.txt").read_bytes().decode("utf-8", "replace")
    resolve(merge(*[parse_setting(word) for word in text.split(" ") if word.strip()]))


def run_folder(folder: Path) -> None:
    from tests.fitting import fit

    csv_folder(folder)
    config = {"model": {"name": "gcn", "hidden_channels": 4}, "data": {"name": str(folder)}, "train": {"epochs": 1}}
    fit(config, folder / "run")
    for name in ("nodes.csv", "edges.csv"):
        (folder / name).rename(folder / f"{name}.keep")
    (folder / "run" / "env.json").unlink(missing_ok=True)


def restore(folder: Path) -> None:
    """Puts the data of a run back to where its configuration looks for it."""
    for name in ("nodes.csv", "edges.csv"):
        path = folder / f"{name}.keep"
        if path.exists():
            path.rename(folder / name)


@target("run", run_folder)
def read_run(folder: Path) -> None:
    from graphkit.experiments import compare_runs, evaluate_run, open_run
    from graphkit.report import report

    restore(folder)
    run = open_run(folder / "run")
    for step in (lambda: compare_runs([run, run]), lambda: evaluate_run(run), lambda: report(run)):
        try:
            step()
        except (ValueError, OSError) as error:
            failure: Exception | None = error
        else:
            failure = None
    if failure is not None:
        raise failure


@target("resume", run_folder)
def resume_run(folder: Path) -> None:
    from tests.fitting import resume

    restore(folder)
    (folder / "run" / "result.json").unlink(missing_ok=True)
    resume(folder / "run")


def exported(folder: Path) -> None:
    from graphkit.experiments import open_run
    from graphkit.export import export_run
    from tests.fitting import fit

    clips(folder)
    config = {"model": {"name": "stigcn"}, "data": {"name": str(folder), "layout": "coco-17"}, "train": {"epochs": 1}}
    fit(config, folder / "run")
    run = open_run(folder / "run")
    export_run(run, "onnx", folder / "model.onnx")
    export_run(run, "pt2", folder / "model.pt2")


@target("exported", exported)
def read_exported(folder: Path) -> None:
    from graphkit.export import open_exported

    failure: Exception | None = None
    for name in ("model.onnx", "model.pt2"):
        try:
            open_exported(folder / name)
        except (ValueError, OSError) as error:
            failure = error
    if failure is not None:
        raise failure
