#!/usr/bin/env bash
# Build an environment with the community forks (requirements/forks.txt), for `make test-forks`.
#
#     bash tools/dev/setup_forks.sh PYTHON VENV
set -euo pipefail
python=$1 venv=$2
cd "$(dirname "$0")/../.."
# From an activated environment, python3 may be in the folder that is about to be removed.
python=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
"$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' ||
    { echo "error: '$python' is not Python 3.10 to 3.12 with venv; run e.g. 'make test-forks PYTHON=python3.11'" >&2; exit 1; }
rm -rf "$venv"
"$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

echo ">> 1/3 PyTorch and the build tools, with the newest setuptools"
grep -v '^setuptools' requirements/build.txt > "$venv/build.txt"
pip install -c requirements/lock.txt setuptools -r "$venv/build.txt"
echo ">> 2/3 the forks, of which mmcv is compiled here (minutes)"
compiled() {
    CUDA_VISIBLE_DEVICES='' MMCV_WITH_OPS=1 FORCE_CUDA=0 MAX_JOBS=${MAX_JOBS:-$(nproc)} CFLAGS='-g0 -O2' \
        pip install --no-build-isolation --no-deps "$@"
}
compiled -r requirements/forks.txt
compiled --no-binary xtcocotools "$(grep '^xtcocotools' requirements/compiled.txt)"
echo ">> 3/3 mmpose and the rest, and directpose"
grep -vE '^(mmengine|mmdet)=' requirements/lock.txt > "$venv/lock.txt"
pip install --no-build-isolation --no-deps -r "$venv/lock.txt"
pip install --no-build-isolation --no-deps -e .
"$venv/bin/python" -W ignore -c 'import mmcv.ops, xtcocotools.mask, mmdet.models, mmpose.models, directpose'
touch "$venv/.complete"
