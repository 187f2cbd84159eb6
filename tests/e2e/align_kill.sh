#!/bin/bash
# align_kill.sh - SIGKILL of all ranks of align once something is written, and again on the way; then
# the same line: what was written stays as it is, and the file holds the bits of an uninterrupted run.
. "$(dirname "$0")/common.sh"
command -v setsid >/dev/null || { echo "no setsid"; exit 1; }
MODELS=20
K=$W/k.h5 F=$W/k.h5.d/alignment.h5 WHOLE=$W/whole.h5.d/alignment.h5
measures=(mutual_knn@10 procrustes)
words=(--measure "mutual_knn@10,procrustes" --permutations 500)

taken() { # measure: of all pairs of models in the file, 0 or 1 a line
    h5dump -d "/alignment/$1/taken" -w 1 -y "$F" | sed -n '/DATA {/,/}/s/[^01]//gp' | grep .
}
begin() { # a run in the background that can be killed; sets job
    setsid timeout 200 mpirun -n 2 "$SHOAL" align "$K" "${words[@]}" >"$W/out" 2>&1 &
    job=$!
}
end() { # kills its session: the ranks are in groups of their own
    kill -0 $job 2>/dev/null || fail "over before it could be killed"
    pkill -9 -s $job
    wait $job 2>/dev/null
    [ -z "$(pgrep -s $job)" ] || sleep 1
    h5dump -H "$F" >/dev/null 2>&1 || fail "unreadable after a kill"
}

for ((m = 10; m < 10 + MODELS; m++)); do
    noise 256 32 $m >"$W/noise.npy"
    ok "import" "$SHOAL" import "$K" "$W/noise.npy" --model "noise$m"
done
cp -r "$K" "$W/whole.h5"
cp -r "$K.d" "$W/whole.h5.d"

start=$(date +%s%N)
ok "whole" ranks 2 align "$W/whole.h5" "${words[@]}"
part=$(awk -v ns=$(($(date +%s%N) - start)) 'BEGIN { print ns / 3e9 }') # a third of the time it takes

# What is found is written every 10 s: that much goes by while the ranks are stopped.
begin
sleep "$part"
pkill -STOP -s $job
sleep 10
pkill -CONT -s $job
for _ in $(seq 600); do
    [ -e "$F" ] && break
    sleep 0.1
done
end
for measure in "${measures[@]}"; do
    taken "$measure" >"$W/taken"
    [ "$measure" = mutual_knn@10 ] || grep -q 0 "$W/taken" || fail "$measure was complete before the kill"
    at=$(awk -v m=$MODELS '$1 && int((NR - 1) / m) < (NR - 1) % m { print NR - 1; exit }' "$W/taken")
    [ -n "$at" ] || { fail "$measure: nothing was kept"; continue; }
    pair=($((at / MODELS)) $((at % MODELS)))
    [ "$(cell "$F" "/alignment/$measure/q_value" "${pair[@]}")" != nan ] || fail "$measure: a pair without q-value"
    for file in "$F" "$WHOLE"; do
        mark "$file" "/alignment/$measure/score" $MODELS "${pair[@]}"
    done
    echo "$measure: $(grep -c 1 "$W/taken") of $((MODELS * MODELS)) kept"
done

begin
sleep "$part"
end
ok "continued" ranks 2 align "$K" "${words[@]}"
for measure in "${measures[@]}"; do
    ! taken "$measure" | grep -q 0 || fail "$measure lacks pairs"
    same "$F" "$WHOLE" "/alignment/$measure"
done
same "$F" "$WHOLE" /alignment/name /alignment/id
finish
