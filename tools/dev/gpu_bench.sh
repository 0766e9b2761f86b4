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
V2=configs/directpose_v2/directposev2-s_8xb32-300e_coco-640x640.py
RTMO=mmpose::body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py
KEYPOINT_RCNN=configs/keypoint_rcnn/keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py
GCM=configs/keypoint_rcnn/keypoint-rcnn_r50_fpn_gcm_8xb2-3x_coco-800x1333.py

"$PYTHON_BIN" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' || {
    echo 'error: PyTorch sees no GPU; make gpu-bench is for one' >&2
    exit 1
}
mkdir -p "$OUT"
DIRECTPOSE_TEST_GPU=1 "$PYTHON_BIN" -m pytest tests/models/test_cuda.py ||
    echo 'tests fail on the GPU; the benchmarks follow' >&2

# FCOS and Keypoint R-CNN call operators of mmcv, which make env builds for the CPU only.
fcos=() rcnn=()
if "$PYTHON_BIN" -W ignore -c 'import sys; from directpose.models.keypoint_rcnn.detector import has_operators
sys.exit(not has_operators("cuda"))'; then
    fcos=("$FCOS") rcnn=("$KEYPOINT_RCNN" "$GCM")
else
    echo 'without FCOS and Keypoint R-CNN: mmcv has no operators for CUDA, see docs/installation.md' >&2
fi

# A table that fails does not end the others.
table() {
    local title=$1 options=$2
    shift 2
    [ $# -gt 0 ] || return 0
    local models=("$1" ${2:+--vs "${@:2}"})
    printf '## %s\n\n```bash\npython tools/benchmark.py %s %s\n```\n\n' "$title" "${models[*]}" "$options"
    # shellcheck disable=SC2086
    "$PYTHON_BIN" tools/benchmark.py "${models[@]}" $options --runs 50 --warmup 10 ||
        echo '*This command failed; its message is on the screen.*'
    echo
}

{
    echo '# Benchmarks on a GPU'
    echo
    table 'DirectPose and FCOS' '--size 800x1216 --batch 1 8' "$BASE" "${fcos[@]}"
    table 'Half precision' '--forms half --size 800x1216 --batch 1 8' "$BASE" "${fcos[@]}"
    table 'bfloat16' '--amp bfloat16 --size 800x1216 --batch 1 8' "$BASE" "${fcos[@]}"
    table 'Compiled' '--compile --size 800x1216' "$BASE" "${fcos[@]}"
    table 'Compiled, half precision' '--forms half --compile --size 800x1216' "$BASE" "${fcos[@]}"
    table 'Other one-stage detectors' '--size own 640x640' "$BASE" "$V2" "$RTMO"
    table 'Keypoint R-CNN' '--size 800x1216 --candidates 10 30 100' "${rcnn[@]}"
    table 'Training step' '--train --size 800x800 --batch 4' "$BASE" "${fcos[@]}"
    table 'Training step, float16' '--train --amp --size 800x800 --batch 4' "$BASE" "${fcos[@]}"
    # mmcv's focal loss, which FCOS takes, has no form for bfloat16.
    table 'Training step, bfloat16' '--train --amp bfloat16 --size 800x800 --batch 4' "$BASE"
    table 'Training step, Keypoint R-CNN' '--train --size 800x1216 --batch 2 --people 5 30' "${rcnn[@]}"
} | tee "$OUT/benchmarks_gpu.md.part"
mv "$OUT/benchmarks_gpu.md.part" "$OUT/benchmarks_gpu.md"

if [ "${ABLATION:-0}" = 1 ]; then
    configs=()
    for part in directpose-naive_r50_fpn directpose_r50_fpn_{ungrouped-shared,shared-features} \
        directpose_r50_fpn_{same-level,no-heatmap} directpose_r50_fpn; do
        configs+=("configs/directpose/${part}_8xb2-25e_coco-800x1333.py")
    done
    "$PYTHON_BIN" tools/dev/ablation.py "${configs[@]}" --seeds 0 --work-dir "$OUT/ablation" --amp
fi
