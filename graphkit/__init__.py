"""graphkit: five published graph-learning methods for PyTorch Geometric.

:func:`fit` trains a model, :func:`load` loads a data set and :func:`open_run` opens a run folder. The levels, from the
bottom up: :mod:`graphkit.ops` (operators), :mod:`graphkit.nn` (layers and models), :mod:`graphkit.data`,
:mod:`graphkit.skeleton`, :mod:`graphkit.transforms`, :mod:`graphkit.sampling`, :mod:`graphkit.metrics`,
:mod:`graphkit.tasks`, :mod:`graphkit.config`, :mod:`graphkit.distributed`, :mod:`graphkit.training`,
:mod:`graphkit.distill`, :mod:`graphkit.continual`, :mod:`graphkit.experiments`, :mod:`graphkit.report`,
:mod:`graphkit.export` and :mod:`graphkit.cli`. Each is imported when it is used, so that ``import graphkit`` is fast.
"""

from typing import TYPE_CHECKING, Any

from graphkit.version import __version__

if TYPE_CHECKING:
    from graphkit.data import load
    from graphkit.experiments import fit, open_run

__all__ = ["__version__", "fit", "load", "open_run"]

_MODULES = {"fit": "graphkit.experiments", "load": "graphkit.data", "open_run": "graphkit.experiments"}


def __getattr__(name: str) -> Any:
    """Imports a function of the package when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'graphkit' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Returns the names of the package."""
    return sorted(__all__)
