#!/usr/bin/env bash
# Build the project's virtual environment from the pinned requirements.
#   tools/setup_env.sh PYTHON VENV
# The environment counts as whole only once VENV/.complete exists, which is written last.
set -euo pipefail

python=$1
venv=$2
cd "$(dirname "$0")/.."

say() { printf '\n[env] %s\n' "$*"; }
die() { printf '[env] error: %s\n' "$*" >&2; exit 1; }

# From an activated .venv, python3 is in the folder that is about to be removed: take the one it was
# made with.
base=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))') && python=${base:-$python}
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null ||
    die "'$python' is not Python 3.10, 3.11 or 3.12 (mmcv 2.1.0 and numpy 1.26 need one of these); run e.g. 'make env PYTHON=python3.11'"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    die "'$python' has no venv module; on Debian: apt-get install python3-venv"
"$python" -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
    die "the headers of '$python' are missing; on Debian: apt-get install python3-dev"
command -v g++ >/dev/null || die "no C++ compiler; on Debian: apt-get install g++"

say "building $venv with $("$python" --version): PyTorch (about 5 GB with its CUDA libraries), then mmcv,"
say "which is compiled here and takes 2 to 5 minutes the first time (pip's cache keeps the result)."
rm -rf "$venv"
"$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
# -g0 -O2 halves mmcv's build time, and so does reading PyTorch's headers once. DirectPose calls no
# compiled operator of mmcv, so only those for the CPU are built, unless FORCE_CUDA=1; mmcv would
# build the others too if it saw a GPU. With FORCE_CUDA=1 they are for the GPUs that it sees.
[ "${FORCE_CUDA:-0}" = 1 ] || export CUDA_VISIBLE_DEVICES=''
compile() {
    mkdir -p "$venv/headers"
    # setuptools takes CXX apart at spaces.
    [[ $PWD == *[[:space:]]* ]] || export CXX=${CXX:-$PWD/tools/torch_pch.sh}
    TORCH_PCH_DIR=$(cd "$venv/headers" && pwd) \
        MMCV_WITH_OPS=1 FORCE_CUDA=${FORCE_CUDA:-0} MAX_JOBS=${MAX_JOBS:-$(nproc)} CFLAGS='-g0 -O2' \
        pip install --no-build-isolation --no-deps --no-binary mmcv,xtcocotools "$@" -r requirements/compiled.txt
    rm -rf "$venv/headers"
}

say "1/4 PyTorch and the build tools"
pip install -c requirements/lock.txt -r requirements/build.txt
say "2/4 mmcv and xtcocotools, from source (minutes)"
compile
say "3/4 mmengine, mmdet, mmpose and the rest"
pip install --no-build-isolation --no-deps -r requirements/lock.txt
say "4/4 directpose itself, and a check that everything imports"
pip install --no-build-isolation --no-deps -e .
check='import cv2, mmcv.ops, xtcocotools.mask, mmdet.models, mmpose.models, directpose'
if ! "$venv/bin/python" -W ignore -c "$check"; then
    # A wheel from pip's cache may have been compiled for another torch or numpy.
    say "the compiled packages do not import: building them anew, without pip's cache"
    compile --no-cache-dir --force-reinstall
    "$venv/bin/python" -W ignore -c "$check" || die "the environment does not import; see the messages above"
fi
touch "$venv/.complete"
say "done: $venv"
