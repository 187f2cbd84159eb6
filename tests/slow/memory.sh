#!/bin/bash
# memory.sh - what a trial takes is what plan says, within a tenth.
. "$(dirname "$0")/../e2e/common.sh"

takes() { # data, model, optim: one trial alone, its peak looked at while it runs
    cat >"$W/m.yaml" <<YAML
version: 1
name: memory
data: {name: fashion_mnist, $1}
model: {$2}
optim: {$3}
record: {metrics: [train_loss, test_acc], every: {last: true}}
YAML
    rm -rf "$W"/m.h5*
    planned=$("$SHOAL" plan "$W/m.yaml" --json | sed 's/.*"memory_bytes": *\([0-9.e+]*\).*/\1/' | tail -n 1)
    mpirun -n 1 "$SHOAL" run "$W/m.yaml" -o "$W/m.h5" -q >"$W/out" 2>&1 &
    peak=0
    while [ -n "$(jobs -r)" ]; do
        for p in $(pgrep -f "run $W/m.yaml"); do
            now=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$p/status" 2>/dev/null)
            [ "${now:-0}" -gt $peak ] && peak=$now
        done
        sleep 0.02
    done
    awk -v p="$planned" -v u="$peak" 'BEGIN { r = p / (1024 * u); print "planned " p / 1e6 " MB, used " 1.024e-3 * u " MB"; exit !(r > 0.9 && r < 1.1) }' ||
        fail "$2: planned $planned bytes, used $peak KiB"
}

takes "" "kind: mlp, depth: 3, width: 1024" "steps: 30, name: adam, lr: 0.001"
takes "train: 10000, test: 1000" "kind: mlp, depth: 3, width: 4096" "steps: 4, name: adam, lr: 0.001"
takes "train: 2048, test: 256, augment: flip" "kind: preresnet18, width: 8" "steps: 8, momentum: 0.9, batch: 256"
takes "train: 512, test: 256" "kind: mcnn, width: 32" "steps: 4, batch: 512"
takes "train: 512, test: 256" "kind: vit, width: 128, depth: 4, heads: 4" "steps: 8, name: adamw, lr: 0.001"
takes "train: 256, test: 256" "kind: densenet, depth: 40, growth: 12" "steps: 3, batch: 64"
takes "train: 256, test: 256" "kind: mlp, width: 16" "steps: 20000, batch: 64"
finish
