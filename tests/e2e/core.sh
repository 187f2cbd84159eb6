#!/bin/bash
# core.sh - every optimizer, augmentation and kind of network, heads, probes and pairs: the same bits on
# 1, 2, 3 and 4 ranks, in plain loops too.
. "$(dirname "$0")/common.sh"
for n in 1 2 3 4; do
    ok "core on $n ranks" ranks "$n" run "$SWEEPS/core.yaml" -o "$W/$n.h5"
    same "$W/1.h5" "$W/$n.h5" /metrics /representations /weights /arrays /trials/checksum
done
[ "$("$SHOAL" export "$W/1.h5" --csv --filter 'state == done' | wc -l)" = 17 ] || fail "not all 16 trials are done"
export SHOAL_KERNELS=plain
for n in 1 3; do
    ok "core in plain loops on $n ranks" ranks "$n" run "$SWEEPS/core.yaml" -o "$W/plain$n.h5"
done
same "$W/plain1.h5" "$W/plain3.h5" /metrics /representations /weights /arrays
unset SHOAL_KERNELS

# Arrays: what has no classes leaves none, a store grows with them, figures show all of their rows.
[ "$(h5ls "$W/1.h5/arrays/confusion/10x10/trial" | sed 's/.*{\(.*\)}/\1/')" = 15 ] ||
    fail "arrays of $(h5ls "$W/1.h5/arrays/confusion/10x10/trial")"
ok "arrays" ranks 2 run "$SWEEPS/arrays.yaml" -o "$W/arrays.h5"
ok "arrays, one seed more" ranks 3 run "$SWEEPS/arrays.yaml" --seeds 3 -o "$W/arrays.h5"
ok "arrays, 3 seeds at once" ranks 1 run "$SWEEPS/arrays.yaml" --seeds 3 -o "$W/once.h5"
total() { # store: samples counted in all trials
    h5dump -y -d /arrays/confusion/4x4/data "$1" | awk '/^ *}/ { if (in_data) exit } in_data; / DATA {/ { in_data = 1 }' |
        grep -oE '[0-9]+' | awk '{ s += $1 } END { print s }'
}
for f in "$W/arrays.h5" "$W/once.h5"; do
    [ "$(total "$f")" = 1200 ] || fail "6 trials answered $(total "$f") test samples, not 200 each"
done
ok "status of arrays" "$SHOAL" status "$W/arrays.h5"
grep -q "^arrays: /arrays/confusion in $W/arrays.h5" "$W/out" || fail "status does not tell of arrays: $(tail -n 1 "$W/out")"
ok "report of arrays" "$SHOAL" report "$W/arrays.h5" -o "$W/report"
[ "$(awk -F, '$1 == "relu" { n += $5 } END { print n }' "$W/report/fig1.csv")" = 12 ] ||
    fail "not 3 seeds x 4 classes in the histogram: $(head -3 "$W/report/fig1.csv")"
finish
