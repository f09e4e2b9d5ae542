#!/usr/bin/env bash
# Forty runs of a model by eight jobs of an array that share a folder: sbatch examples/cluster/slurm_shards.sh
#
# All may begin at the same moment, and the last one to end merges the result. A job that died, or that SLURM has put back
# into the queue, goes on where it was. To start a single one of the eight again: SHARDS=8 sbatch --array=3 THIS_FILE
#SBATCH --job-name=graphkit-shards
#SBATCH --array=0-7
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A-%a.log

set -euo pipefail

: "${GRAPHKIT_DATA:=$HOME/graphkit-data}"  # raw files: a folder that all jobs see
: "${RUN:=$SLURM_SUBMIT_DIR/runs/gat-cora-shards}"  # the run folder: the same
: "${SHARDS:=$SLURM_ARRAY_TASK_COUNT}"
export GRAPHKIT_DATA
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

graphkit train --model gat --dataset cora --seeds 40 --output "$RUN" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --quiet
