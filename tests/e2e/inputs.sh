#!/bin/bash
# inputs.sh - recorded inputs, which are the same in every network, are not what makes two of them
# agree.
. "$(dirname "$0")/common.sh"
layers() { # store, layers: the best layers of all pairs of networks
    ok "layers $2" ranks 2 run "$SWEEPS/tiny.yaml" --set "record.representations.layers=$2" -o "$1"
    "$SHOAL" align "$1" --np 2 --measure cka,mutual_knn@10 --json 2>"$W/err" |
        grep -o '"layer_a": [^,]*, "layer_b": [^,]*' | sort -u
}
layers "$W/three.h5" '[input, hidden.1, hidden.last]' >"$W/three"
grep -q hidden "$W/three" || fail "no pair of layers: $(cat "$W/err")"
grep -q '"input".*"input"' "$W/three" && fail "inputs agree with themselves"
layers "$W/one.h5" '[input]' >"$W/one"
grep -q '"input".*"input"' "$W/one" || fail "inputs alone are compared: $(cat "$W/one" "$W/err")"
finish
