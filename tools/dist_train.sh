#!/usr/bin/env bash
# Train with several processes, one for each GPU; on a machine without GPUs they share its cores.
#
#     bash tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
# Several machines: NNODES, NODE_RANK (0, 1, …), MASTER_ADDR, PORT. PYTHON is the interpreter.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "error: give a config and the number of GPUs: bash tools/dist_train.sh CONFIG GPUS …" >&2
    exit 2
fi
config=$1 gpus=$2
shift 2
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}" \
    --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}" \
    --nproc_per_node "$gpus" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
