"""Command ``graphkit doctor``."""

import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from graphkit.screen import echo

_OPTIONAL = (
    "matplotlib", "ogb", "onnx", "onnxruntime", "onnxscript", "optuna", "ray", "rdkit", "tensorboard", "torch-scatter"
)  # fmt: skip


@click.command(short_help="Print installed versions, devices and operator backends.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--tested", metavar="FILE", help="Record of tested CUDA kernels to add, written by benchmarks/gpu.")
def doctor(as_json: bool, tested: str | None) -> None:
    """Print installed versions, devices, and the backend of each operator.

    With --tested, CUDA kernels that passed their tests on a GPU are enabled for its architecture, in the installed
    package.

    \b
    Examples:
      graphkit doctor
      graphkit doctor --tested results/tested_devices.json
    """
    import torch

    from graphkit import ops
    from graphkit.data.raw_files import cache_folder
    from graphkit.ops._cuda import RECORD, add_to_record, seen_architecture
    from graphkit.version import __version__

    if tested is not None:
        rows = add_to_record(Path(tested), RECORD)
        echo(f"added to {RECORD}; in use from the next start:")
        for row in rows:
            echo(f"  {row.operator:<28} {row} ({row.device})")
        return
    versions = {name: _version(name) for name in ("torch", "torch-geometric", "numpy", "scipy", "networkx")}
    report: dict[str, Any] = {
        "command": "doctor",
        "graphkit": __version__,
        "python": sys.version.split()[0],
        "packages": versions,
        "extras": {name: _version(name) for name in _OPTIONAL},
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cuda_architecture": seen_architecture(),
        "threads": torch.get_num_threads(),
        "data": os.environ.get("GRAPHKIT_DATA"),
        "cache": str(cache_folder()),
        "backend": ops.backend(),
        "operators": [row._asdict() for row in ops.describe()],
    }
    if as_json:
        echo(json.dumps(report))
        return
    echo(f"graphkit {__version__}, Python {report['python']}")
    for name, version in versions.items():
        echo(f"  {name:<16} {version or 'missing'}")
    for name, version in report["extras"].items():
        echo(f"  {name:<16} {version or f'not installed (optional): pip install {name}'}")
    device = f"{report['cuda']}, {report['cuda_architecture']}"
    echo(f"  {'CUDA':<16} {device if report['cuda'] else 'no device found; everything runs on the CPU'}")
    echo(f"  {'threads':<16} {report['threads']}")
    echo(f"  {'raw data':<16} {report['data'] or 'GRAPHKIT_DATA is not set; raw files come from the cache'}")
    echo(f"  {'cache':<16} {report['cache']}")
    echo(f"operators: {report['backend']}")
    for row in report["operators"]:
        echo(f"  {row['operator']:<28} CPU   {row['backend']:<7} {row['reason']}")
        echo(f"  {'':<28} CUDA  {row['cuda_backend']:<7} {row['cuda_reason']}")
    for kind, key in (("CPU", "remedy"), ("CUDA", "cuda_remedy")):
        for remedy in dict.fromkeys(row[key] for row in report["operators"] if row[key]):
            echo(f"for native operators on {kind}: {remedy}")


def _version(name: str) -> str | None:
    """Returns the installed version of a package, or ``None``."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
