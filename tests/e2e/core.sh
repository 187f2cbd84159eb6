#!/bin/bash
# core.sh - every optimizer, augmentation and kind of network, heads, probes and pairs: the same bits on
# 1, 2, 3 and 4 ranks, in plain loops too.
. "$(dirname "$0")/common.sh"
for n in 1 2 3 4; do
    ok "core on $n ranks" ranks "$n" run "$SWEEPS/core.yaml" -o "$W/$n.h5"
    same "$W/1.h5" "$W/$n.h5" /metrics /representations /weights /trials/checksum
done
[ "$("$SHOAL" export "$W/1.h5" --csv --filter 'state == done' | wc -l)" = 17 ] || fail "not all 16 trials are done"
export SHOAL_KERNELS=plain
for n in 1 3; do
    ok "core in plain loops on $n ranks" ranks "$n" run "$SWEEPS/core.yaml" -o "$W/plain$n.h5"
done
same "$W/plain1.h5" "$W/plain3.h5" /metrics /representations /weights
finish
