#!/usr/bin/env bash
# Everything of docs/benchmarks.md on a GPU, and what only a GPU can tell; about an hour.
#
#     make gpu-bench [PYTHON_BIN=…]     writes work_dirs/gpu_bench/benchmarks_gpu.md
#
# With COCO in data/coco, the ablation of R-50 follows (25 epochs each): ABLATION=1 make gpu-bench
set -euo pipefail
PYTHON_BIN=${PYTHON_BIN:-.venv/bin/python}
OUT=work_dirs/gpu_bench
BASE=configs/directpose/directpose_r50-caffe_fpn_8xb4-100e_coco-800x1333.py
FCOS=mmdet::fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py
RTMO=mmpose::body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py
KEYPOINT_RCNN=configs/keypoint_rcnn/keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py
GCM=configs/keypoint_rcnn/keypoint-rcnn_r50_fpn_gcm_8xb2-3x_coco-800x1333.py

"$PYTHON_BIN" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' || {
    echo 'error: PyTorch sees no GPU; make gpu-bench is for one' >&2
    exit 1
}
mkdir -p "$OUT"

table() {
    echo "## $1"
    shift
    printf '\n```bash\npython tools/benchmark.py %s\n```\n\n' "$*"
    "$PYTHON_BIN" tools/benchmark.py "$@" --runs 50 --warmup 10
    echo
}

{
    echo '# Benchmarks on a GPU'
    echo
    table 'DirectPose and FCOS' "$BASE" --vs "$FCOS" --size 800x1216 --batch 1 8
    table 'Half precision' "$BASE" --vs "$FCOS" --forms half --size 800x1216 --batch 1 8
    table 'bfloat16' "$BASE" --vs "$FCOS" --amp bfloat16 --size 800x1216 --batch 1 8
    table 'Compiled' "$BASE" --vs "$FCOS" --compile --size 800x1216
    table 'Compiled, half precision' "$BASE" --vs "$FCOS" --forms half --compile --size 800x1216
    table 'Other one-stage detectors' "$BASE" --vs "$RTMO" --size own 640x640
    table 'Keypoint R-CNN' "$KEYPOINT_RCNN" --vs "$GCM" --size 800x1216 --candidates 10 30 100
    table 'Training step' "$BASE" --vs "$FCOS" --train --size 800x800 --batch 4
    table 'Training step, float16' "$BASE" --vs "$FCOS" --train --amp --size 800x800 --batch 4
    table 'Training step, bfloat16' \
        "$BASE" --vs "$FCOS" --train --amp bfloat16 --size 800x800 --batch 4
    table 'Training step, Keypoint R-CNN' \
        "$KEYPOINT_RCNN" --vs "$GCM" --train --size 800x1216 --batch 2 --people 5 30
} | tee "$OUT/benchmarks_gpu.md.part"
mv "$OUT/benchmarks_gpu.md.part" "$OUT/benchmarks_gpu.md"
"$PYTHON_BIN" -m pytest tests/models/test_cuda.py

if [ "${ABLATION:-0}" = 1 ]; then
    configs=()
    for part in directpose-naive_r50_fpn directpose_r50_fpn_{ungrouped-shared,shared-features} \
        directpose_r50_fpn_{same-level,no-heatmap} directpose_r50_fpn; do
        configs+=("configs/directpose/${part}_8xb2-25e_coco-800x1333.py")
    done
    "$PYTHON_BIN" tools/dev/ablation.py "${configs[@]}" --seeds 0 --work-dir "$OUT/ablation" --amp
fi
