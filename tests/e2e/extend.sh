#!/bin/bash
# extend.sh - running again continues; more seeds or a new axis value train only what is new and keep
# every old bit; a store of another sweep is refused.
. "$(dirname "$0")/common.sh"
done_now() { sed -n 's/.*: \([0-9]*\) done now.*/\1/p' "$W/err"; }

ok "first" ranks 2 run "$SWEEPS/tiny.yaml" -o "$W/s.h5"
cp "$W/s.h5" "$W/before.h5"
before=$(md5sum <"$W/s.h5")
ok "again" ranks 2 run "$SWEEPS/tiny.yaml" -o "$W/s.h5"
[ "$(done_now)" = 0 ] || fail "running again trained $(done_now) trials"
[ "$before" = "$(md5sum <"$W/s.h5")" ] || fail "running again changed the store"

ok "plan against the store" "$SHOAL" plan "$SWEEPS/tiny.yaml" --seeds 3 -o "$W/s.h5" --json
grep -q '"kept": *12' "$W/out" && grep -q '"new": *6' "$W/out" || fail "plan: $(grep -E 'kept|new' "$W/out")"
ok "plan against a store without its journal" "$SHOAL" plan "$SWEEPS/tiny.yaml" -o "$W/before.h5" --json
grep -q '"kept": *0' "$W/out" || fail "plan keeps trials that a run trains again: $(grep kept "$W/out")"
ok "more seeds" ranks 2 run "$SWEEPS/tiny.yaml" --seeds 3 -o "$W/s.h5"
[ "$(done_now)" = 6 ] || fail "3 seeds trained $(done_now) trials, wanted 6"
ok "new value" ranks 3 run "$SWEEPS/tiny.yaml" --seeds 3 --set 'sweep.axes.model.activation=[relu, tanh, gelu]' -o "$W/s.h5"
[ "$(done_now)" = 9 ] || fail "a new activation trained $(done_now) trials, wanted 9"
numbers "$W/before.h5" >"$W/old.txt"
numbers "$W/s.h5" >"$W/new.txt"
[ "$(comm -23 "$W/old.txt" "$W/new.txt" | wc -l)" = 0 ] || fail "an old row changed: $(comm -23 "$W/old.txt" "$W/new.txt" | head -1)"
same "$W/before.h5" "$W/s.h5" /probe
ok "made at once" ranks 3 run "$SWEEPS/tiny.yaml" --seeds 3 --set 'sweep.axes.model.activation=[relu, tanh, gelu]' -o "$W/once.h5"
numbers "$W/once.h5" | cmp - "$W/new.txt" || fail "grown and made at once differ"

ok "another activation" ranks 2 run "$SWEEPS/tiny.yaml" --set 'sweep.axes.model.activation=[relu, sine]' -o "$W/s.h5"
ok "status of a part" "$SHOAL" status "$W/s.h5"
grep -q '^12 trials: 12 done$' "$W/out" || fail "status counts trials that are not in the sweep: $(tail -n 1 "$W/out")"

ok "report block edited" ranks 2 run "$SWEEPS/tiny.yaml" --seeds 3 --set 'sweep.axes.model.activation=[relu, tanh, gelu]' \
    --set report.question=Edited -o "$W/s.h5"
[ "$(done_now)" = 0 ] || fail "an edited report block trained $(done_now) trials"
ok "report" "$SHOAL" report "$W/s.h5" -o "$W/report"
grep -q Edited "$W/report/index.html" || fail "the report shows the question of an older run"

mkdir "$W/disk"
ok "a store elsewhere" ranks 2 run "$SWEEPS/tiny.yaml" -o "$W/disk/s.h5"
ln -s disk/s.h5 "$W/link.h5" && ln -s disk/s.h5.d "$W/link.h5.d"
ok "extended through a link" ranks 2 run "$SWEEPS/tiny.yaml" --seeds 3 -o "$W/link.h5"
[ -L "$W/link.h5" ] || fail "a link to a store became a file"
[ "$(numbers "$W/disk/s.h5" | wc -l)" = 18 ] || fail "the store behind a link was not extended"

status_is 2 "other root seed" ranks 1 run "$SWEEPS/tiny.yaml" --set seed=8 -o "$W/s.h5"
status_is 2 "other recording" ranks 1 run "$SWEEPS/tiny.yaml" --set 'record.metrics=[test_loss]' -o "$W/s.h5"
status_is 2 "nothing in common" ranks 1 run "$SWEEPS/tiny.yaml" --set optim.lr=0.05 -o "$W/s.h5"
status_is 2 "plan refuses what run refuses" "$SHOAL" plan "$SWEEPS/tiny.yaml" --set optim.lr=0.05 -o "$W/s.h5"
grep -q -- '-o' "$W/err" || fail "refusal does not say what to do"
finish
