"""Independent work, divided among processes and machines that share a folder."""

from graphkit.experiments.shards.manifest import FOLDER, open_folder, parse_shard
from graphkit.experiments.shards.shard import Shard, refuse_processes

__all__ = ["FOLDER", "Shard", "open_folder", "parse_shard", "refuse_processes"]
