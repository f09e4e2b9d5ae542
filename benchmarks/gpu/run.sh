#!/usr/bin/env bash
# Proves, measures and switches on the CUDA kernels, on a machine with a GPU and without a network. See README.md.
#
#   bash benchmarks/gpu/run.sh [--minutes 9] [--data FOLDER] [--wheels FOLDER] [--out FOLDER] [--from STEP] [--dry-run]
#
# PYTHON names the interpreter. --dry-run goes the same way on the CPU with tiny sizes, and fails if any step does.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="${PYTHON:-python3}"

# Nothing is downloaded. A dry run proves that: where the system allows, it has no network at all.
export PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1 GRAPHKIT_OFFLINE=1 HF_HUB_OFFLINE=1
export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9
isolate=()
for argument in "$@"; do
    if [[ "$argument" == --dry-run ]] && unshare --user --map-root-user --net true 2> /dev/null; then
        isolate=(unshare --user --map-root-user --net)
    fi
done
exec ${isolate[@]+"${isolate[@]}"} "$python" -u "$here/steps/main.py" "$@"
