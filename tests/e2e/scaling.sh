#!/bin/bash
# scaling.sh - a run fits the laws that its file names, the verb fits others, the report shows them.
. "$(dirname "$0")/common.sh"
cat >"$W/s.yaml" <<'YAML'
name: scaling
data: {name: gaussian_teacher, dim: 8, classes: 2, train: 256, test: 256}
model: {kind: mlp, depth: 1}
optim: {lr: 0.1, batch: 32, steps: 40}
sweep:
  axes: {model.width: [4, 8, 16, 32, 64], model.activation: [relu, tanh]}
  seeds: 3
record: {metrics: [test_loss]}
analysis:
  scaling:
    - {y: test_loss, x: params, group: model.activation}
    - {y: test_loss, x: model.width, form: broken}
report:
  figures: [{type: scaling, y: test_loss, x: params}]
YAML
ok "run" ranks 2 run "$W/s.yaml" -o "$W/s.h5"
grep -q "warning: no scaling fit: broken: 6 parameters need at least 7" "$W/err" || fail "no word of what cannot be fitted"
[ -s "$W/s.h5.d/scaling.json" ] || fail "the run left no fits"
cp "$W/s.h5.d/scaling.json" "$W/of_run.json"

status_is 2 "one of the file's fits is refused" "$SHOAL" scaling "$W/s.h5"
[ "$(grep -c '^    alpha ' "$W/out")" = 2 ] || fail "not two exponents: $(cat "$W/out")"
cmp "$W/s.h5.d/scaling.json" "$W/of_run.json" || fail "the verb's fits are not those of the run"
# 8 inputs, 2 classes: 4 hidden units have 9 * 4 + 5 * 2 parameters
grep -q '"x": *\[ *46' <(tr -d '\n' <"$W/of_run.json" | tr -s ' ') || fail "46 parameters are no size"
ok "a fit of the command line" "$SHOAL" scaling "$W/s.h5" --y test_loss --x model.width --form "a + b*log(x)" --csv
[ "$(wc -l <"$W/out")" = 3 ] || fail "rows of a line: $(cat "$W/out")"
ok "json" "$SHOAL" scaling "$W/s.h5" --y test_loss --x params --json
cmp "$W/out" "$W/s.h5.d/scaling.json" || fail "what is printed is not what is kept"
status_is 2 "y alone" "$SHOAL" scaling "$W/s.h5" --y test_loss
status_is 2 "a metric that is not there" "$SHOAL" scaling "$W/s.h5" --y test_acc --x params
ok "fits again" "$SHOAL" scaling "$W/s.h5" --y test_loss --x params --group model.activation
ok "report" "$SHOAL" report "$W/s.h5" -o "$W/report"
grep -q "<h2>Scaling laws</h2>" "$W/report/index.html" || fail "the page shows no laws"
[ "$(wc -l <"$W/report/scaling.csv")" = 7 ] || fail "rows of the report: $(cat "$W/report/scaling.csv")"
[ "$(grep -c ',mean,' "$W/report/fig1.csv")" = 10 ] || fail "not 5 means of 2 laws: $(head -3 "$W/report/fig1.csv")"
[ "$(grep -c '^tanh,law,' "$W/report/fig1.csv")" = 61 ] || fail "no curve of tanh"
[ -s "$W/report/fig1.svg" ] || ! command -v gnuplot >/dev/null || fail "gnuplot drew no law"
finish
