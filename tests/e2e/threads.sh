#!/bin/bash
# threads.sh - the same bits whatever the environment says of BLAS threads. Products large enough
# for OpenBLAS to split. Skipped (77) where it has no threads, as it could not fail there
# (Debian: libopenblas0-pthread has them, libopenblas0-serial has not).
. "$(dirname "$0")/common.sh"
"$SHOAL" version | grep -q '^blas .*SINGLE_THREADED' && exit 77
wide=(--set data.dim=512 --set optim.batch=1000 --set optim.steps=20)
OPENBLAS_NUM_THREADS=1 ok "one thread" ranks 2 run "$SWEEPS/tiny.yaml" "${wide[@]}" -o "$W/1.h5"
OPENBLAS_NUM_THREADS=4 ok "four threads" ranks 2 run "$SWEEPS/tiny.yaml" "${wide[@]}" -o "$W/4.h5"
same "$W/1.h5" "$W/4.h5" /metrics /representations
finish
