#!/bin/bash
# layers.sh - includes go to the own folder or to one on its left; coord's plain parts know no
# training.
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
bad=0
rooms=(base linalg worker experiments coord)
for i in "${!rooms[@]}"; do
    for j in "${!rooms[@]}"; do
        [ "$j" -gt "$i" ] || continue
        grep -n "#include \"${rooms[j]}/" "${rooms[i]}"/*.[ch] && bad=1
    done
done
for stem in plan journal state scheduler store results; do
    grep -n '#include "worker/' coord/$stem*.[ch] | grep -v 'worker/task.h\|worker/config.h\|worker/probe.h' && bad=1
done
[ $bad = 0 ] && echo "all held" || { echo "wrong includes"; exit 1; }
