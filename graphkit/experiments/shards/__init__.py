"""Independent work, divided among processes and machines that share a folder."""

from graphkit.experiments.shards.manifest import open_folder, parse_shard
from graphkit.experiments.shards.shard import Shard, refuse_processes

__all__ = ["Shard", "open_folder", "parse_shard", "refuse_processes"]
