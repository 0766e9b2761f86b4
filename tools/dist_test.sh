#!/usr/bin/env bash
# Test with several processes, one for each GPU; on a machine without GPUs they share its cores.
#
#     bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [arguments of tools/test.py]
#
# Several machines: NNODES, NODE_RANK (0, 1, …), MASTER_ADDR, PORT. PYTHON is the interpreter.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "error: give a config, a checkpoint and the number of GPUs:" \
        "bash tools/dist_test.sh CONFIG CHECKPOINT GPUS …" >&2
    exit 2
fi
config=$1 checkpoint=$2 gpus=$3
shift 3
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}" \
    --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}" \
    --nproc_per_node "$gpus" \
    "$(dirname "$0")/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
