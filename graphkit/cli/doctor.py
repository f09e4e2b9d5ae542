"""``graphkit doctor``."""

import importlib.metadata
import json
import os
import sys
from typing import Any

import click

#: Optional packages and the extra that brings them.
_EXTRAS = {
    "matplotlib": "plot",
    "ogb": "ogb",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "rdkit": "molecules",
    "torch-scatter": "scatter",
}


@click.command(short_help="Say what is installed and which operators are in use.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
def doctor(as_json: bool) -> None:
    """Say which versions are installed, whether a GPU is seen, and which backend each operator uses and why.

    \b
    Example:
      graphkit doctor
    """
    import torch

    from graphkit import ops
    from graphkit.data.raw_files import cache_folder
    from graphkit.version import __version__

    versions = {name: _version(name) for name in ("torch", "torch-geometric", "numpy", "scipy", "networkx")}
    found: dict[str, Any] = {
        "command": "doctor",
        "graphkit": __version__,
        "python": sys.version.split()[0],
        "packages": versions,
        "extras": {name: _version(name) for name in _EXTRAS},
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "data": os.environ.get("GRAPHKIT_DATA"),
        "cache": str(cache_folder()),
        "backend": ops.backend(),
        "operators": [row._asdict() for row in ops.describe()],
    }
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"graphkit {__version__}, Python {found['python']}")
    for name, version in versions.items():
        click.echo(f"  {name:<16} {version or 'missing'}")
    for name, version in found["extras"].items():
        click.echo(f"  {name:<16} {version or f'not installed (optional): pip install graphkit[{_EXTRAS[name]}]'}")
    click.echo(f"  {'CUDA':<16} {found['cuda'] or 'no device is seen; everything runs on the CPU'}")
    click.echo(f"  {'threads':<16} {found['threads']}")
    click.echo(f"  {'raw data':<16} {found['data'] or 'GRAPHKIT_DATA is not set; raw files come from the cache'}")
    click.echo(f"  {'cache':<16} {found['cache']}")
    click.echo(f"operators: {found['backend']}")
    for row in found["operators"]:
        click.echo(f"  {row['operator']:<28} CPU   {row['backend']:<7} {row['reason']}")
        click.echo(f"  {'':<28} CUDA  {row['cuda_backend']:<7} {row['cuda_reason']}")
    for device, key in (("CPU", "remedy"), ("CUDA", "cuda_remedy")):
        for remedy in dict.fromkeys(row[key] for row in found["operators"] if row[key]):
            click.echo(f"for native operators on {device}: {remedy}")


def _version(name: str) -> str | None:
    """Returns the installed version of a package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
