#!/usr/bin/env bash
# Test on a Slurm cluster.
#
#     bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [arguments of tools/test.py]
#
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS are for srun; PYTHON is the interpreter.
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "error: give a partition, a name, a config and a checkpoint:" \
        "bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT …" >&2
    exit 2
fi
partition=$1 name=$2 config=$3 checkpoint=$4
shift 4
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
# SRUN_ARGS is a list of words.
# shellcheck disable=SC2086
exec srun -p "$partition" --job-name "$name" \
    --ntasks "$gpus" --ntasks-per-node "$per_node" --gres "gpu:$per_node" \
    --cpus-per-task "${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/test.py" "$config" "$checkpoint" \
    --launcher slurm "$@"
