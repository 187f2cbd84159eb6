#!/bin/bash
# alignment.sh - scores of all pairs as a user asks for them: the same on any number of ranks, only new
# pairs computed, p-values, baselines, wrong requests, figures.
. "$(dirname "$0")/common.sh"
cat >"$W/a.yaml" <<'Y'
version: 1
name: pairs
seed: 3
data:  {name: fashion_mnist, train: 1000, test: 500}
model: {kind: mlp, depth: 2, width: 16, activation: relu}
optim: {name: sgd, lr: 0.1, momentum: 0.9, batch: 64, steps: 40}
sweep: {axes: {model.width: [8, 16, 24]}, seeds: 2}
record:
  metrics: [test_loss, test_acc]
  every: {last: true}
  representations: {layers: [hidden.1, hidden.2, logits], at: [init, final], probe: {split: test, n: 128}}
analysis: {alignment: {measures: [cka, mutual_knn@5, mutual_knn@10], normalize: l2}}
report:
  figures:
    - {type: matrix, value: mutual_knn@10, order: cluster}
    - {type: map, value: cka, hue: model.width}
    - {type: trend, value: mutual_knn@10, x: params}
    - {type: bins, value: mutual_knn@10, by: test_acc, bins: 3}
    - {type: agreement, measures: [cka, mutual_knn@10]}
    - {type: neighbours, value: mutual_knn}
Y
S=$W/a.h5 F=$W/a.h5.d/alignment.h5
exact=mutual_knn@10,mutual_knn_ties@10,jaccard_knn@10,rank_knn@10,edit_distance_knn@10,lcs_knn@10,cycle_knn@10
sums=cka,cka_unbiased,cka_rbf,rsa,cknna@10,procrustes,cca,linear_regression

align() { timeout 120 "$SHOAL" align "$@"; }
pairs() { grep -c '"a": ' "$W/out"; } # in the JSON of the last command
column() { # field: of all pairs in the JSON of the last command, a line each
    sed -n "s/.*\"$1\": \([^,}]*\).*/\1/p" "$W/out"
}
refused() { # place, fix, words...: status 2, and both are said
    place=$1 fix=$2
    shift 2
    status_is 2 "align $*" align "$S" --np 2 "$@"
    grep -qF -- "$place" "$W/err" || fail "align $*: no '$place' in: $(cat "$W/err")"
    grep -qF -- "$fix" "$W/err" || fail "align $*: no '$fix' in: $(cat "$W/err")"
}

ok "run" ranks 2 run "$W/a.yaml" -o "$S"

# Any number of ranks.
for np in 1 2 3; do
    ok "$np ranks" align "$S" --np $np --force --json --measure "$exact"
    cp "$W/out" "$W/exact$np.json"
    ok "$np ranks, sums" align "$S" --np $np --force --json --measure "$sums"
    column score >"$W/sums$np.txt"
    cp "$F" "$W/np$np.h5"
done
[ "$(grep -c '"a": ' "$W/exact1.json")" = $((6 * 15 + 30)) ] || fail "pairs: $(grep -c '"a": ' "$W/exact1.json")"
[ "$(wc -l <"$W/sums1.txt")" = $((6 * 15 + 2 * 30)) ] || fail "pairs of sums: $(wc -l <"$W/sums1.txt")"
for np in 2 3; do
    cmp "$W/exact1.json" "$W/exact$np.json" || fail "neighbours on 1 and on $np ranks differ"
    # shellcheck disable=SC2046 # one word a measure
    same "$W/np1.h5" "$W/np$np.h5" $(for m in ${exact//,/ }; do echo "/alignment/$m"; done)
    paste "$W/sums1.txt" "$W/sums$np.txt" | awk '
        !($1 - $2 <= 1e-12 && $2 - $1 <= 1e-12) || $1 == "null" { bad = 1 } END { exit bad }' ||
        fail "sums on 1 and on $np ranks differ"
    for m in ${sums//,/ }; do
        h5diff -q -d 1e-12 "$W/np1.h5" "$W/np$np.h5" "/alignment/$m" || fail "$m on 1 and on $np ranks differs"
    done
done
ok "same bits again" align "$S" --np 2 --json --measure "$exact"
cmp "$W/exact1.json" "$W/out" || fail "a second align changed scores"
ok "little memory" align "$S" --np 2 --force --json --measure "$exact" --memory 0.00001
cmp "$W/exact1.json" "$W/out" || fail "models in groups have other scores"

# Only new pairs are computed: what was in the file, right or wrong, stays.
mark "$F" /alignment/mutual_knn@10/score 6 0 1
mark "$F" /alignment/mutual_knn@10/score 6 1 0
first=$(cell "$F" /alignment/mutual_knn@10/score 0 2)
ok "a third seed" ranks 2 run "$W/a.yaml" --seeds 3 -o "$S"
ok "align again" align "$S" --np 2 --json --measure mutual_knn@10
[ "$(pairs)" = 36 ] || fail "$(pairs) pairs of 9 networks"
[ "$(grep -c '"score": 0.125,' "$W/out")" = 1 ] || fail "an old score was computed again"
[ "$(cell "$F" /alignment/mutual_knn@10/score 0 2)" = "$first" ] || fail "an old score changed"
! column score | grep -q null || fail "a new pair has no score"
ok "from scratch" align "$S" --np 3 --json --measure mutual_knn@10 --force
cp "$W/out" "$W/forced.json"
! grep -q '"score": 0.125,' "$W/out" || fail "--force kept a score"
rm "$F"
ok "without the file" align "$S" --np 2 --json --measure mutual_knn@10
cmp "$W/forced.json" "$W/out" || fail "grown and new scores differ"

# Chance and baselines, and a model of nothing but noise.
noise 128 8 1 >"$W/noise.npy"
ok "import" "$SHOAL" import "$S" "$W/noise.npy" --model noise --probe test
ok "a null and baselines" align "$S" --np 2 --json --measure mutual_knn@10,cka_unbiased --permutations 19 \
    --baselines untrained,input,random
n=$((2 * 9 + 1 + 2))
[ "$(pairs)" = $((n * (n - 1))) ] || fail "$(pairs) pairs with baselines"
whole() { awk '{ k = int(20 * $1 + 0.5); if (k < 1 || k > 20 || (20 * $1 - k) ^ 2 > 1e-18) bad = 1; seen[$1] }
    END { exit bad || NR == 0 || length(seen) < least }' least="$1"; }
column p_value | whole 3 || fail "p-values are not 1/20 to 1"
column p_adjusted | whole 1 || fail "adjusted p-values are not 1/20 to 1"
column q_value | awk '!($1 > 0.05 - 1e-12 && $1 <= 1) { bad = 1 } END { exit bad || NR == 0 }' || fail "q-values"
for name in untrained: baseline:input baseline:random; do
    grep -q "\"b\": \"$name" "$W/out" || fail "no $name"
done
ok "baselines are no trials" "$SHOAL" export "$S" --csv
! grep -q 'baseline:\|untrained:' "$W/out" || fail "baselines among the trials"
[ "$(wc -l <"$W/out")" = 11 ] || fail "$(wc -l <"$W/out") lines for 9 trials and noise"
rm "$S.d/imported/noise.h5"
ok "a model is forgotten" align "$S" --np 2 --json --measure mutual_knn@10 --permutations 19
[ "$(pairs)" = 36 ] || fail "$(pairs) pairs without noise and baselines"
! grep -q 'baseline\|noise' "$W/out" || fail "models that are gone"
ok "within classes" align "$S" --np 2 --json --measure mutual_knn@10 --permutations 19 --within-class
[ "$(pairs)" = 36 ] || fail "$(pairs) pairs within classes"
column p_value | whole 1 || fail "p-values within classes"

# Wrong requests.
refused "alignment measure 'ckaa'" "did you mean 'cka'" --measure mutual_knn@10,ckaa
refused "mutual_knn@128" "1 to 127" --measure cka,mutual_knn@128
refused "mutual_knn@0" "'mutual_knn@10'" --measure mutual_knn@0
refused "cka@3" "write 'cka'" --measure cka@3
refused "--measure" "a name" --measure ""
refused "--clip 0" "above 0 and at most 1" --clip 0
refused "--clip" "number" --clip nan
refused "--memory 0" "above 0" --memory 0
refused "--within-class" "--permutations" --within-class
refused "--classes" "--within-class" --permutations 19 --classes "$W/a.yaml"
refused "20 lines" "128" --permutations 19 --within-class --classes "$W/a.yaml"
refused "baseline 'inputs'" "did you mean 'input'" --baselines inputs

# Figures.
ok "scores of the report" align "$S" --np 2
ok "report" "$SHOAL" report "$S" -o "$W/report"
i=0
while read -r figure; do
    i=$((i + 1))
    grep -q "<b>Figure $i\\. $figure" "$W/report/index.html" || fail "figure $i is not '$figure'"
    [ -s "$W/report/fig$i.svg" ] || fail "figure $i is not drawn"
done <<'F'
mutual_knn@10 between all networks
networks by cka, model.width
mutual_knn@10 with the others against params
mutual_knn@10 among networks of like test_acc
agreement of 2 measures
mutual_knn against the number of neighbours
F
grep -q 'ordered by likeness' "$W/report/index.html" || fail "the matrix is not ordered by likeness"
finish
