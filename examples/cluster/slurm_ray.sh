#!/usr/bin/env bash
# Forty fits of a model on four nodes: sbatch examples/cluster/slurm_ray.sh
#
# Ray runs on all nodes for the time of the job, and graphkit on the first one gives it the fits. A job that died, or that
# SLURM has put back into the queue, goes on where it was.
#SBATCH --job-name=graphkit
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=32G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -euo pipefail

: "${GRAPHKIT_DATA:=$HOME/graphkit-data}"  # raw files: a folder that all nodes see
: "${RUN:=$SLURM_SUBMIT_DIR/runs/gat-cora-$SLURM_JOB_ID}"  # the run folder: the same
export GRAPHKIT_DATA
export RAY_AUTH_MODE=token  # otherwise, every user of the network could run code
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN
export RAY_USAGE_STATS_ENABLED=0

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address="$first:6379"
options=(--num-cpus "$SLURM_CPUS_PER_TASK" --block)

srun --nodes=1 --ntasks=1 --nodelist="$first" \
    ray start --head --port=6379 --include-dashboard=false --temp-dir="/tmp/ray-$SLURM_JOB_ID" "${options[@]}" &
until ray status --address "$address" > /dev/null 2>&1; do sleep 2; done
if ((SLURM_JOB_NUM_NODES > 1)); then
    others=$((SLURM_JOB_NUM_NODES - 1))
    srun --nodes="$others" --ntasks="$others" --exclude="$first" ray start --address="$address" "${options[@]}" &
fi

if [[ -f "$RUN/config.yaml" ]]; then
    arguments=(--resume "$RUN")
else
    arguments=(--model gat --dataset cora --seeds 40 --output "$RUN")
fi
RAY_ADDRESS=$address graphkit train "${arguments[@]}" --on ray --unit-cpus 2 --quiet
