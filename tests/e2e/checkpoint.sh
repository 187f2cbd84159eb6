#!/bin/bash
# checkpoint.sh - a trial that was killed goes on where it was, to the bits of one that was not; damaged
# checkpoints are as good as none; none is left behind.
. "$(dirname "$0")/common.sh"
command -v setsid >/dev/null || { echo "no setsid"; exit 1; }
F=$SWEEPS/long.yaml
ok "uninterrupted" ranks 3 run "$F" -o "$W/whole.h5"
[ -z "$(find "$W/whole.h5.d" -name '*.checkpoint*')" ] || fail "checkpoints are left behind"

killed() { # store, ranks: started, and killed once there is a checkpoint
    setsid timeout 120 mpirun -n "$2" "$SHOAL" run "$F" -o "$1" >"$W/out" 2>&1 &
    job=$!
    for _ in $(seq 300); do
        [ -n "$(find "$1.d" -name '*.checkpoint' 2>/dev/null)" ] && break
        sleep 0.02
    done
    kill -9 -- -$job 2>/dev/null
    wait $job 2>/dev/null
    sleep 2 # ranks outlive their mpirun by a second
    [ -n "$(find "$1.d" -name '*.checkpoint' 2>/dev/null)" ] || fail "no checkpoint was made"
}

killed "$W/k.h5" 3
ok "continued on 2 ranks" ranks 2 run "$F" -o "$W/k.h5"
grep -q 'goes on at step [1-9]' "$W/err" || fail "nothing was continued: $(cat "$W/err")"
same "$W/whole.h5" "$W/k.h5" /metrics /representations /weights /trials/checksum
[ -z "$(find "$W/k.h5.d" -name '*.checkpoint*')" ] || fail "checkpoints are left behind"

killed "$W/d.h5" 2
for f in "$W"/d.h5.d/checkpoints/*.checkpoint; do
    printf 'x' | dd of="$f" bs=1 seek=5000 conv=notrunc 2>/dev/null
done
ok "damaged" ranks 2 run "$F" -o "$W/d.h5"
grep -q 'is no checkpoint of this trial' "$W/err" || fail "damage went unseen"
same "$W/whole.h5" "$W/d.h5" /metrics /representations /weights

sed 's/every: 0.3s/every: often/' "$F" >"$W/often.yaml"
status_is 2 "no duration" "$SHOAL" check "$W/often.yaml"
grep -q ':14:.*no duration' "$W/err" || fail "the place of a wrong duration: $(cat "$W/err")"
finish
