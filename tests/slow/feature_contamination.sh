#!/bin/bash
# feature_contamination.sh - the shipped experiments at full size: every number that the paper's code
# or its theorems give is met. About an hour on two cores.
. "$(dirname "$0")/../e2e/common.sh"
E=$HERE/../../experiments

for name in feature_contamination feature_contamination_distillation; do
    ok "$name" "$SHOAL" run "$E/$name.yaml" -o "$W/$name.h5" -q
    ok "report of $name" "$SHOAL" report "$W/$name.h5" -o "$W/$name"
    cat "$W/$name/compare.md"
    grep -q '| yes |' "$W/$name/compare.md" || fail "$name: nothing is compared"
    grep '| no |\| - |' "$W/$name/compare.md" && fail "$name: not what the paper has"
done

[ $failed = 0 ] && echo "all held" || { echo "$failed failed"; exit 1; }
