#!/bin/bash
# many.sh - 10,000 trials of a tiny network: few files, all done, every row the same as from one rank.
. "$(dirname "$0")/common.sh"
ok "10,000 trials" ranks 3 run "$SWEEPS/many.yaml" -o "$W/m.h5"
cat "$W/err"
files=$(find "$W"/m.h5* -type f | wc -l)
[ "$files" -le 16 ] || fail "$files files"
ok "status" "$SHOAL" status "$W/m.h5" --json
grep -q '"done": *10000' "$W/out" || fail "not all done: $(cat "$W/out")"
ok "export" "$SHOAL" export "$W/m.h5" --csv
[ "$(wc -l <"$W/out")" = 10001 ] || fail "export has $(wc -l <"$W/out") lines"
finish
