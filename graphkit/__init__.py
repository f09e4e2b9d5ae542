"""graphkit: five published graph-learning methods for PyTorch Geometric.

The levels, from the bottom up: :mod:`graphkit.ops` (operators), :mod:`graphkit.nn` (layers and models),
:mod:`graphkit.data`, :mod:`graphkit.skeleton`, :mod:`graphkit.transforms`, :mod:`graphkit.sampling`,
:mod:`graphkit.metrics`, :mod:`graphkit.tasks`, :mod:`graphkit.config`, :mod:`graphkit.distributed`,
:mod:`graphkit.training`, :mod:`graphkit.distill`, :mod:`graphkit.continual`, :mod:`graphkit.experiments`,
:mod:`graphkit.report`, :mod:`graphkit.export` and :mod:`graphkit.cli`. Each is imported when it is used, so that
``import graphkit`` itself costs nothing.
"""

from graphkit.version import __version__

__all__ = ["__version__"]
