"""Shards: independent units, distributed over processes with a shared folder."""

from graphkit.experiments.shards.manifest import open_folder, parse_shard
from graphkit.experiments.shards.shard import Shard, refuse_processes

__all__ = ["Shard", "open_folder", "parse_shard", "refuse_processes"]
