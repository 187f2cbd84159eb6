#!/bin/bash
# stages.sh - trials that need trials: the same bits on any number of ranks and after kills, parents
# before children, more seeds, a parent that diverges, the best learning rate, weights in the store.
. "$(dirname "$0")/common.sh"
command -v setsid >/dev/null || { echo "no setsid"; exit 1; }
F=$SWEEPS/lineage.yaml
summary() { sed -n 's/^lineage: //p' "$W/err"; }

column() { # store, filter, column...: these cells of each trial, sorted
    store=$1 filter=$2
    shift 2
    "$SHOAL" export "$store" --csv --filter "$filter" | awk -F, -v names="$*" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(names, want, " "); next }
        { line = ""; for (k = 1; k <= n; k++) line = line (k > 1 ? " " : "") $at[want[k]]; print line }' | sort
}

for n in 1 2 3 4; do
    ok "$n ranks" ranks $n run "$F" -o "$W/r$n.h5"
done
for n in 2 3 4; do
    same "$W/r1.h5" "$W/r$n.h5" /metrics /weights
    for set in id state seed stage optim.lr checksum steps_done from.base from.next from.one base.model.activation; do
        same "$W/r1.h5" "$W/r$n.h5" /trials/$set
    done
done

# What a trial comes from.
column "$W/r3.h5" 'stage == base' trial seed model.activation | sort >"$W/parents"
column "$W/r3.h5" 'stage == next' from.base seed model.activation >"$W/children"
cmp "$W/parents" "$W/children" || fail "next does not go on from base, seed by seed and activation by activation"
[ "$(column "$W/r3.h5" 'stage == shared' from.one | sort -u | wc -l)" = 1 ] || fail "the parent of all seeds is not one"
[ "$(column "$W/r3.h5" 'stage == taught' base.model.activation seed | sort -u | wc -l)" = 4 ] || fail "taught is not there once a teacher"
[ "$(h5ls -r "$W/r3.h5" | grep -c '^/weights/.*/data')" = 1 ] || fail "no weights of parents: $(h5ls -r "$W/r3.h5" | grep weights)"
[ "$(h5ls "$W/r3.h5/weights/195/trial" | sed 's/.*{\(.*\)}/\1/')" = 9 ] || fail "weights of $(h5ls "$W/r3.h5/weights/195/trial")"

# Every parent's end is in the journal before any child begins.
awk -F'"' '
    { for (i = 2; i < NF; i += 2) if ($i == "event") e = $(i + 2); else if ($i == "trial") t = $(i + 2) }
    e == "started" && !(t in began) { began[t] = NR }
    e == "done" { ended[t] = NR }
    END { while ((getline line < parents) > 0) { split(line, p, " ")
              if (!(p[1] in ended) || began[p[2]] < ended[p[1]]) { print p[2], "began before", p[1]; bad = 1 } }
          exit bad }' parents=<(for p in base next one; do column "$W/r4.h5" 'state == done' from.$p trial | grep -E '^[0-9a-f]{16} '; done) \
    "$W"/r4.h5.d/journal* >"$W/out" || fail "$(head -1 "$W/out")"

# The best learning rate of each activation, from the table.
for activation in relu tanh; do
    best=$(column "$W/r3.h5" "stage == tuned and model.activation == $activation" test_loss optim.lr | sort -g | head -1 | cut -d' ' -f2)
    taken=$(column "$W/r3.h5" "stage == last and model.activation == $activation" optim.lr | sort -u)
    [ "$best" = "$taken" ] || fail "$activation: the best learning rate is $best, taken was $taken"
done

ok "again" ranks 2 run "$F" -o "$W/r2.h5"
summary | grep -q ' 0 done now, 29 before' || fail "running again trained: $(summary)"

# Killed and continued.
for seed in 1 2 3; do
    for try in 1 2 3; do
        setsid timeout 120 mpirun -n 3 "$SHOAL" run "$F" -o "$W/k$seed.h5" >"$W/out" 2>&1 &
        job=$!
        sleep "$(awk -v s=$((10 * seed + try)) 'BEGIN { srand(s); print 0.3 + 0.5 * rand() }')"
        kill -9 -- -$job 2>/dev/null
        wait $job 2>/dev/null
    done
    ok "continued" ranks 2 run "$F" -o "$W/k$seed.h5"
    same "$W/r1.h5" "$W/k$seed.h5" /metrics /weights /trials/checksum /trials/optim.lr
done

# More seeds: old rows stay, new children find parents of their seed.
ok "3 seeds at once" ranks 3 run "$F" --seeds 3 -o "$W/once.h5"
ok "one seed more" ranks 3 run "$F" --seeds 3 -o "$W/r3.h5"
summary | grep -q ' 11 done now, 29 before' || fail "a third seed trained: $(summary)"
for f in "$W/once.h5" "$W/r3.h5"; do
    column "$f" 'state == done' trial stage seed optim.lr from.base from.next from.one train_loss test_loss >"$f.txt"
done
cmp "$W/once.h5.txt" "$W/r3.h5.txt" || fail "grown and made at once differ"
column "$W/r1.h5" 'state == done' trial stage seed optim.lr from.base from.next from.one train_loss test_loss |
    comm -23 - "$W/r3.h5.txt" >"$W/lost"
[ -s "$W/lost" ] && fail "an old row changed: $(head -1 "$W/lost")"

# A parent that diverges: its descendants are skipped, the others are not.
status_is 0 "diverging parent" ranks 3 run "$F" --set stages.base.optim.lr=1e6 -o "$W/d.h5"
summary | grep -q '2 diverged, 0 failed, 6 skipped' || fail "diverging parent: $(summary)"
[ "$(column "$W/d.h5" 'state == skipped' stage | sort | uniq -c | xargs)" = "2 last 2 next 2 taught" ] ||
    fail "skipped: $(column "$W/d.h5" 'state == skipped' stage | sort | uniq -c | xargs)"
grep -q 'which diverged' "$W"/d.h5.d/journal* || fail "the journal does not say why"
ok "status" "$SHOAL" status "$W/d.h5"
grep -q '6 skipped' "$W/out" || fail "status: $(tail -n 1 "$W/out")"
status_is 0 "diverging parent again" ranks 2 run "$F" --set stages.base.optim.lr=1e6 -o "$W/d.h5"
summary | grep -q ' 0 done now, 23 before.* 6 skipped' || fail "again: $(summary)"
status_is 1 "nothing is best" ranks 2 run "$F" --set stages.tuned.optim.momentum=0.999 \
    --set 'stages.tuned.sweep.axes.optim.lr=[1e5, 1e6]' -o "$W/n.h5"
summary | grep -q '2 diverged, 2 failed' || fail "nothing is best: $(summary)"

# Children that come later want weights that nobody kept.
sed '/^  tuned/,/^record/{/^record/!d}' "$F" >"$W/base.yaml"
ok "parents alone" ranks 2 run "$W/base.yaml" -o "$W/later.h5"
ok "children later" ranks 2 run "$F" -o "$W/later.h5"
summary | grep -q ' 29 done now, 0 before' || fail "children later: $(summary)"
same "$W/r1.h5" "$W/later.h5" /metrics /weights /trials/checksum

# A stage of another name is the same stage.
sed 's/\bbase\b/zero/g' "$F" >"$W/renamed.yaml"
ok "renamed" ranks 2 run "$W/renamed.yaml" -o "$W/r4.h5"
summary | grep -q ' 0 done now, 29 before' || fail "a renamed stage was trained again: $(summary)"
[ "$(column "$W/r4.h5" 'stage == zero' seed | wc -l)" = 4 ] || fail "the store has the old name of a stage"

# The sweep in the store is the sweep.
ok "report" "$SHOAL" report "$W/r1.h5" -o "$W/report"
cp "$W/r1.h5" "$W/before.h5"
ok "resume" timeout 120 "$SHOAL" resume "$W/r1.h5" --np 2 --progress none
cmp "$W/before.h5" "$W/r1.h5" || fail "resume changed a store with nothing left to do"
finish
