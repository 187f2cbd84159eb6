#!/bin/bash
# coordcheck.sh - the coordinate check as a user sees it: what it refuses, what it prints and leaves,
# and that it tells parametrizations apart.
. "$(dirname "$0")/common.sh"
cd "$W" || exit 1
refused() { # what stderr has to say, words of coordcheck...
    pattern=$1
    shift
    status_is 2 "$*" timeout 60 "$SHOAL" coordcheck "$@"
    grep -q -- "$pattern" err || fail "coordcheck $*: $(tail -n 1 err)"
}
verdict() { # layer, wanted verdict
    grep -q "\"$1\": \"$2\"" out || fail "$what: $1 is not '$2': $(grep -o '"verdicts": {[^}]*}' out)"
}
sed '/^sweep:/,/^record:/{/^record:/!d}; /^  representations/d; /^analysis/,$d' "$SWEEPS/tiny.yaml" >one.yaml
sed 's/^model:.*/model: {kind: linear}/' one.yaml >linear.yaml
cat >stages.yaml <<'END'
version: 1
name: stages
seed: 7
data:  {name: gaussian_teacher, dim: 8, classes: 3, train: 200, test: 100}
optim: {name: sgd, lr: 0.1, batch: 20, steps: 20}
stages:
  first:  {model: {kind: mlp, depth: 1, width: 8}}
  tuned:  {model: {kind: mlp, depth: 1, width: 8}, from: {first: weights}}
END

refused "^shoal: model.width: .*linear" linear.yaml --widths 8,16
refused "^shoal: optim.steps: " one.yaml --steps 201
refused "--widths wants" one.yaml --widths 8,many
refused "two different widths" one.yaml --widths 8,8
refused "no stage 'first'" one.yaml --stage first
refused "several stages" stages.yaml
refused "^shoal: tuned: " stages.yaml --stage tuned
refused "unknown key" one.yaml --set model.wdith=3
ok "a stage" "$SHOAL" coordcheck stages.yaml --stage first --widths 8,16 --steps 1

sed -i 's/ momentum: 0.9,//' one.yaml
"$SHOAL" check one.yaml >/dev/null || fail "one.yaml: not a sweep file"
mup="--set model.parametrization=mup --set model.base_width=32 --set model.init=he_normal --set model.output_scale=0.1"
# shellcheck disable=SC2086
check() { # settings...
    timeout 120 "$SHOAL" coordcheck one.yaml --widths 32,64,128,256 --seeds 8 $mup "$@"
}
ok "muP" check --json -o folder
for key in '"schema": 1' '"widths": \[32, 64, 128, 256\]' '"diverged": 0' '"layer": "logits", "step": 5, "quantity": "change", "slope": '; do
    grep -q -- "$key" out || fail "no $key"
done
verdict hidden.1 width-independent
verdict hidden.2 width-independent
cp out first
ok "muP again" check --json
cmp -s out first || fail "a second check gives other numbers"
[ "$(wc -l <folder/coordcheck.csv)" = $((1 + 4 * 8 * 6 * 3)) ] || fail "lines of coordcheck.csv"
[ "$(head -1 folder/coordcheck.csv)" = "width,seed,step,layer,activation,change" ] || fail "header"
if command -v gnuplot >/dev/null; then
    for end in gp pdf svg; do [ -s folder/coordcheck.$end ] || fail "no coordcheck.$end"; done
fi
ok "NTK" check --json --set model.parametrization=ntk
verdict hidden.1 vanishes
verdict hidden.2 vanishes
# muP's settings that do not apply to the standard parametrization are left out
mup="--set model.init=he_normal --set model.output_scale=0.1"
ok "standard, Adam" check --json --set optim.name=adam --set optim.lr=0.001
verdict hidden.1 width-independent
verdict hidden.2 "grows with width"
verdict logits "grows with width"
ok "--csv" check --steps 1 --csv
[ "$(wc -l <out)" = $((1 + 3 * 3)) ] || fail "lines of --csv: $(wc -l <out)"
ok "the axis of the file" "$SHOAL" coordcheck "$SWEEPS/tiny.yaml" --steps 1
grep -q "^widths 8 16 32, 5 seeds" out || fail "widths are not those of the file: $(head -1 out)"
ok "default widths" "$SHOAL" coordcheck one.yaml --steps 1 --seeds 2
grep -q "^widths 64 128 256 512 1024, 2 seeds" out || fail "default widths: $(head -1 out)"
finish
