#!/bin/bash
# weights.sh - weights go from trial to trial and through safetensors files without losing a bit.
. "$(dirname "$0")/common.sh"
cat >"$W/sweep.yaml" <<'END'
name: weights
seed: 7
data: {name: gaussian_teacher, dim: 8, classes: 3, train: 256, test: 256}
model: {kind: mlp, depth: 1, width: 8, norm: batch}
optim: {lr: 0.1, batch: 32, steps: 20}
sweep: {seeds: 2}
stages:
  tuned: {optim: {steps: 10}, sweep: {axes: {optim.lr: [0.001, 0.5]}, seeds: 1}}
  base: {from: {best: {stage: tuned, by: test_loss, take: [optim.lr]}}}
  same: {from: {base: weights}, optim: {steps: 0}}
record: {metrics: [test_loss, test_acc], every: {log: 4}}
END
cat >"$W/file.yaml" <<'END'
name: file
seed: 7
data: {name: gaussian_teacher, dim: 8, classes: 3, train: 256, test: 256}
model: {kind: mlp, depth: 1, width: 8, norm: batch}
stages:
  eval: {from: {file: w.safetensors}, optim: {steps: 0}}
record: {metrics: [test_loss, test_acc], every: {log: 4}}
END
losses() { # store, filter: test_loss of these trials
    "$SHOAL" export "$1" --csv --filter "$2" | awk -F, '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "test_loss") c = i; next } { print $c }'
}
id_of() { "$SHOAL" export "$1" --csv --filter "$2" | awk -F, 'NR == 2 { print $1 }'; }

ok "run" ranks 3 run "$W/sweep.yaml" -o "$W/s.h5"
[ "$(losses "$W/s.h5" 'stage == base')" = "$(losses "$W/s.h5" 'stage == same')" ] ||
    fail "weights in the store are not those of the trial"
id=$(id_of "$W/s.h5" 'stage == base and seed == 1')
ok "weights" "$SHOAL" weights "$W/s.h5" "${id:0:8}" -o "$W/w.safetensors"
ok "from a file" ranks 2 run "$W/file.yaml" -o "$W/f.h5"
[ "$(losses "$W/f.h5" 'stage == eval')" = "$(losses "$W/s.h5" 'stage == base and seed == 1')" ] ||
    fail "weights in a file are not those of the trial"
cp "$W/w.safetensors" "$W/first.safetensors"
ok "other weights" "$SHOAL" weights "$W/s.h5" "$(id_of "$W/s.h5" 'stage == base and seed == 0')" -o "$W/w.safetensors"
cmp -s "$W/w.safetensors" "$W/first.safetensors" && fail "two trials have the same weights"
status_is 2 "another file is another trial" ranks 2 run "$W/file.yaml" -o "$W/f.h5"
grep -q 'belongs to another sweep' "$W/err" || fail "another file: $(tail -1 "$W/err")"

status_is 2 "unknown trial" "$SHOAL" weights "$W/s.h5" zz -o "$W/x"
status_is 2 "without -o" "$SHOAL" weights "$W/s.h5" "$id"
"$SHOAL" weights "$W/s.h5" "$(id_of "$W/s.h5" 'stage == same')" -o "$W/x" 2>"$W/err" && fail "weights that were not kept"
grep -q 'weights: true' "$W/err" || fail "not kept: $(cat "$W/err")"
ok "weights of all" ranks 2 run "$W/sweep.yaml" --set record.weights=true -o "$W/all.h5"
ok "weights of any" "$SHOAL" weights "$W/all.h5" "$(id_of "$W/all.h5" 'stage == same')" -o "$W/x"
finish
