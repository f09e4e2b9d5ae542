#!/usr/bin/env bash
# One training on two nodes, with one process for each of their GPUs: sbatch examples/cluster/slurm_torchrun.sh
#
# torchrun starts the processes, brings them together and, where one dies, starts all of them again, up to three times;
# they go on from the last checkpoint. The job's number names the rendezvous, so that a job that SLURM itself has put
# back into the queue goes on in the folder that it made, too.
#SBATCH --job-name=graphkit
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=2
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -euo pipefail

: "${GRAPHKIT_DATA:=$HOME/graphkit-data}"  # raw files: a folder that all nodes see
: "${RUN:=$SLURM_SUBMIT_DIR/runs/stigcn-$SLURM_JOB_ID}"  # the run folder: the same
: "${PROCESSES:=2}"  # on each node: one for each GPU
export GRAPHKIT_DATA
export OMP_NUM_THREADS=$((SLURM_CPUS_PER_TASK / PROCESSES))

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

srun --kill-on-bad-exit=1 torchrun \
    --nnodes "$SLURM_JOB_NUM_NODES" \
    --nproc-per-node "$PROCESSES" \
    --rdzv-backend c10d \
    --rdzv-endpoint "$first:29500" \
    --rdzv-id "$SLURM_JOB_ID" \
    --max-restarts 3 \
    -m graphkit train --model stigcn --dataset ntu60-xsub --output "$RUN"
