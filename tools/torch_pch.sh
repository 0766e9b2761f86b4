#!/usr/bin/env bash
# A C++ compiler that reads PyTorch's headers once, precompiled, for a package of many small files:
#   CXX=tools/torch_pch.sh TORCH_PCH_DIR=DIR pip install --no-build-isolation mmcv
# Of the 8 seconds that one of mmcv's 77 files takes, torch/types.h takes six. It is compiled with
# the options of the first file into DIR (430 MB). GCC takes that for files with the same options,
# and reads the header as usual for others, or if it could not be compiled.
set -euo pipefail

compiler=${TORCH_PCH_CXX:-g++}
[[ ${TORCH_PCH_DIR:-} && " $* " == *' -DTORCH_EXTENSION_NAME='* && " $* " == *' -c '* ]] || exec "$compiler" "$@"

header=$TORCH_PCH_DIR/torch_headers.h
(
    flock 9
    if [[ ! -e $header ]]; then
        options=()
        while (($#)); do
            case $1 in
            -o | -MF) shift ;; # with the name that follows
            -c | -MMD | *.cpp) ;;
            *) options+=("$1") ;;
            esac
            shift
        done
        echo '#include <torch/types.h>' > "$header.new"
        "$compiler" "${options[@]}" -x c++-header "$header.new" -o "$header.gch" || rm -f "$header.gch"
        mv "$header.new" "$header"
    fi
) 9> "$TORCH_PCH_DIR/lock"
exec "$compiler" -include "$header" "$@"
