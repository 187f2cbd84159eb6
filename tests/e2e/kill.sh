#!/bin/bash
# kill.sh - SIGKILL of the whole job at random times, then the same line again: nothing is lost, and
# the store holds the bits of an uninterrupted run. Then the same while a store is extended.
. "$(dirname "$0")/common.sh"
command -v setsid >/dev/null || { echo "no setsid"; exit 1; }

killed_run() { # seconds, words of shoal...: starts 3 ranks and kills all after so long
    after=$1
    shift
    setsid timeout 120 mpirun -n 3 "$SHOAL" "$@" >"$W/out" 2>&1 &
    job=$!
    sleep "$after"
    kill -9 -- -$job 2>/dev/null
    wait $job 2>/dev/null
}
random_s() { awk -v seed="$1" -v base="$2" 'BEGIN { srand(seed); print base + 0.8 * rand() }'; }

ok "whole run" ranks 3 run "$SWEEPS/tiny.yaml" -o "$W/whole.h5"
ok "whole run, 6 seeds" ranks 3 run "$SWEEPS/tiny.yaml" --seeds 6 -o "$W/six.h5"
for seed in 1 2 3 4; do
    for try in 1 2 3; do
        killed_run "$(random_s $((10 * seed + try)) 0.2)" run "$SWEEPS/tiny.yaml" -o "$W/k$seed.h5"
        [ ! -e "$W/k$seed.h5" ] || h5dump -H "$W/k$seed.h5" >/dev/null 2>&1 || fail "unreadable after a kill"
    done
    ok "continued" ranks 2 run "$SWEEPS/tiny.yaml" -o "$W/k$seed.h5"
    same "$W/whole.h5" "$W/k$seed.h5" /metrics /representations /probe
done
cp -r "$W/whole.h5" "$W/e.h5"
cp -r "$W/whole.h5.d" "$W/e.h5.d"
for try in 1 2 3; do
    killed_run "$(random_s $((70 + try)) 0.15)" run "$SWEEPS/tiny.yaml" --seeds 6 -o "$W/e.h5"
    h5dump -H "$W/e.h5" >/dev/null 2>&1 || fail "unreadable after a kill during extension"
done
ok "extension continued" ranks 3 run "$SWEEPS/tiny.yaml" --seeds 6 -o "$W/e.h5"
numbers "$W/e.h5" >"$W/e.txt"
numbers "$W/six.h5" >"$W/six.txt"
same "$W/six.h5" "$W/e.h5" /probe
cmp "$W/e.txt" "$W/six.txt" || fail "extended store differs from one made at once"
finish
