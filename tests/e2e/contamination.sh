#!/bin/bash
# contamination.sh - the experiment feature_contamination from end to end: the same bits on any
# number of ranks and after a kill, what must contaminate does and what must not does not, a report.
. "$(dirname "$0")/common.sh"
command -v setsid >/dev/null || { echo "no setsid"; exit 1; }
F=$SWEEPS/contamination.yaml

for n in 1 3; do
    ok "$n ranks" ranks $n run "$F" -o "$W/r$n.h5"
done
same "$W/r1.h5" "$W/r3.h5" /metrics /arrays /weights

# Killed on the way, and once more.
setsid timeout 120 mpirun -n 3 "$SHOAL" run "$F" -o "$W/k.h5" >"$W/log" 2>&1 &
p=$!
sleep 1.2
kill -9 -- -$p 2>/dev/null
wait $p 2>/dev/null
sleep 1
ok "after a kill" ranks 3 run "$F" -o "$W/k.h5"
same "$W/r1.h5" "$W/k.h5" /metrics /arrays

# While no shifted margin exceeds 1: OOD risk = 1 - (mean output of y = +1 less that of -1) / 2.
"$SHOAL" export "$W/r1.h5" --csv --filter 'stage == theory' | awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["ood_margin_max"] < 1 {
        off = $at["ood_risk"] - 1 + ($at["f_ood_pos"] - $at["f_ood_neg"]) / 2
        n++; if (off * off > 1e-12) bad++ }
    END { exit !(n > 0 && !bad) }' || fail "OOD risk is not that of the mean outputs"

ok "report" "$SHOAL" report "$W/r1.h5" -o "$W/report"
[ "$(grep -c '| yes |' "$W/report/compare.md")" = 4 ] || fail "compared: $(cat "$W/report/compare.md")"
for f in fig1.svg fig2.pdf fig3.csv fig4.svg fig5.tex compare.tex index.html; do
    [ -s "$W/report/$f" ] || fail "no $f"
done
"$SHOAL" report "$W/r1.h5" -o "$W/again" >"$W/out" 2>&1
diff -r "$W/report" "$W/again" >"$W/out" || fail "a report made twice differs: $(head -n 2 "$W/out")"

[ $failed = 0 ] && echo "all held" || { echo "$failed failed"; exit 1; }
