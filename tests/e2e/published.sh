#!/bin/bash
# published.sh - features from numpy and h5py make a store, and its scores are those of the published
# formulas (Huh et al. 2024, released code), written down here in numpy. Skipped (77) without them.
. "$(dirname "$0")/common.sh"
PYTHON=/usr/bin/python3
$PYTHON -c 'import h5py, numpy' 2>/dev/null || exit 77
export HDF5_USE_FILE_LOCKING=FALSE
S=$W/zoo.h5
measures=mutual_knn@10,cka,cka_unbiased,cknna@10,cycle_knn@10,lcs_knn@10,edit_distance_knn@10
options=(--np 2 --normalize l2 --epsilon 1e-6)
cat >"$W/zoo.py" <<'P'
"""The models: noisy linear views of the same latent numbers, float32."""
import numpy

draw = numpy.random.default_rng(5)
N = 96
latent = draw.normal(size=(N, 6))


def view(d, noise):
    return (latent @ draw.normal(size=(6, d)) + noise * draw.normal(size=(N, d))).astype("f4")


one = {"layer": view(16, 0.5)}
two = {"early": view(8, 2), "late": view(24, 0.3)}
three = {"b.2": view(12, 1), "b.10": view(40, 0.8)}
deep = {f"layer.{i}": x for i, x in enumerate(view(10, noise) for noise in (3, 1, 0.1, 2))}
models = {"one": one, "two": two, "three": three, "deep": deep}
P
ok "files" $PYTHON - "$W" <<'P'
import sys, h5py, numpy
sys.path.insert(0, sys.argv[1])
import zoo
numpy.save(sys.argv[1] + "/one.npy", zoo.one["layer"])
numpy.savez(sys.argv[1] + "/two.npz", **zoo.two, row_ids=numpy.arange(zoo.N))
with h5py.File(sys.argv[1] + "/three.h5", "w") as f:
    for name, x in zoo.three.items():
        f[name] = x
    f["row_ids"] = numpy.arange(zoo.N)
open(sys.argv[1] + "/ids", "w").writelines(f"{i}\n" for i in range(zoo.N))
numpy.save(sys.argv[1] + "/deep.npy", numpy.stack(list(zoo.deep.values()), 1))
P
ok "import of .npy" "$SHOAL" import "$S" "$W/one.npy" --rows "$W/ids" --model one --modality vision --attr size=1e6
ok "import of .npz" "$SHOAL" import "$S" "$W/two.npz" --model two --modality vision --attr size=2e6
ok "import of .h5" "$SHOAL" import "$S" "$W/three.h5" --model three --modality language --attr size=3e6
ok "import of layers" "$SHOAL" import "$S" "$W/deep.npy" --rows "$W/ids" --model deep --modality language --attr size=4e6
ok "align" "$SHOAL" align "$S" "${options[@]}" --measure $measures --json
cp "$W/out" "$W/pairs.json"
cat >"$W/check.py" <<'P'
"""All pairs of layers by plain formulas in double precision; the best is what align must say."""
import json, sys, numpy

sys.path.insert(0, sys.argv[1])
import zoo

K = 10


def unit(x):
    x = x.astype("f8")
    return x / numpy.linalg.norm(x, axis=1, keepdims=True)


def neighbours(x):  # of equal ones the lower number is nearer
    s = x @ x.T
    numpy.fill_diagonal(s, -1e8)
    return numpy.argsort(-s, axis=1, kind="stable")[:, :K]


def mutual_knn(x, y):
    return numpy.mean([len(set(a) & set(b)) for a, b in zip(neighbours(x), neighbours(y))]) / K


def cycle_knn(x, y):
    a, b = neighbours(x), neighbours(y)
    return numpy.mean([any(i in a[j] for j in b[i]) for i in range(len(x))])


def table(a, b, same, skip):
    """The last number of a table of dynamic programming over two lists."""
    t = numpy.zeros((len(a) + 1, len(b) + 1))
    if skip:
        t[0, :], t[:, 0] = range(len(b) + 1), range(len(a) + 1)
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            t[i + 1, j + 1] = same(t, i, j, p == q)
    return t[-1, -1]


def lcs_knn(x, y):
    step = lambda t, i, j, eq: t[i, j] + 1 if eq else max(t[i, j + 1], t[i + 1, j])
    return numpy.mean([table(a, b, step, False) for a, b in zip(neighbours(x), neighbours(y))])


def edit_distance_knn(x, y):
    step = lambda t, i, j, eq: min(t[i, j] + (not eq), t[i, j + 1] + 1, t[i + 1, j] + 1)
    return 1 - numpy.mean([table(a, b, step, True) for a, b in zip(neighbours(x), neighbours(y))]) / K


def hsic(k, l):
    h = numpy.eye(len(k)) - 1 / len(k)
    return numpy.trace(k @ h @ l @ h)


def hsic_unbiased(k, l):
    n, k, l = len(k), k - numpy.diag(numpy.diag(k)), l - numpy.diag(numpy.diag(l))
    return ((k * l.T).sum() + k.sum() * l.sum() / (n - 1) / (n - 2)
            - 2 * (k @ l).sum() / (n - 2)) / (n * (n - 3))


def cka(x, y, of=hsic):
    k, l = x @ x.T, y @ y.T
    return of(k, l) / (numpy.sqrt(of(k, k) * of(l, l)) + 1e-6)


def cka_unbiased(x, y):
    return cka(x, y, hsic_unbiased)


def cknna(x, y):
    mask = [numpy.zeros((len(x), len(x))) for _ in range(2)]
    for m, z in zip(mask, (x, y)):
        numpy.put_along_axis(m, neighbours(z), 1, 1)
    k, l, both = x @ x.T, y @ y.T, mask[0] * mask[1]
    of = lambda m, a, b: hsic_unbiased(m * a, m * b)
    return of(both, k, l) / (numpy.sqrt(of(mask[0], k, k) * of(mask[1], l, l)) + 1e-6)


def main():
    measure = [mutual_knn, cka, cka_unbiased, cknna, cycle_knn, lcs_knn, edit_distance_knn]
    measure = {f.__name__: f for f in measure}
    one_way = {"cycle_knn", "cknna"}
    pairs = json.load(open(sys.argv[2]))["pairs"]
    names = list(zoo.models)
    assert len(pairs) == 5 * 6 + 2 * 12, len(pairs)
    seen, worst, n_deep = set(), 0, 0
    for pair in pairs:
        name = pair["measure"].split("@")[0]
        a, b = zoo.models[pair["a"]], zoo.models[pair["b"]]
        score = {(i, j): measure[name](unit(x), unit(y)) for i, x in a.items() for j, y in b.items()}
        best = max(score.values())
        worst = max(worst, abs(pair["score"] - best))
        assert abs(pair["score"] - best) <= 1e-9, (pair, best)
        chosen = score[pair["layer_a"], pair["layer_b"]]
        assert abs(chosen - best) <= 1e-9, (pair, score)
        if name not in ("cka", "cka_unbiased"):  # of equal ones the first
            first = next(at for at, s in score.items() if s >= best - 1e-12)
            assert (pair["layer_a"], pair["layer_b"]) == first, (pair, score)
        seen.add((name, pair["a"], pair["b"]))
        if pair["a"] == "deep" and name not in one_way:  # the layer with the least noise
            assert pair["layer_a"] == "layer.2", pair
            n_deep += 1
    assert n_deep == 5 * 3, n_deep
    for name in measure:
        for i in names:
            for j in names:
                way = (name, i, j) in seen
                assert i == j or way != (name not in one_way and (name, j, i) in seen), (name, i, j)
    print(f"{len(pairs)} pairs, at most {worst:.1e} from the formulas")


main()
P
ok "the published formulas" $PYTHON "$W/check.py" "$W" "$W/pairs.json"
cat "$W/out" "$W/err"

# The models by their names, with what is known of them.
ok "export" "$SHOAL" export "$S" --csv
cp "$W/out" "$W/models.csv"
ok "a row a model" $PYTHON - "$W/models.csv" <<'P'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
got = sorted((r["model"], r["modality"], float(r["size"]), r["state"]) for r in rows)
assert got == [("deep", "language", 4e6, "done"), ("one", "vision", 1e6, "done"),
               ("three", "language", 3e6, "done"), ("two", "vision", 2e6, "done")], rows
P
cat "$W/err"
ok "report" "$SHOAL" report "$S" -o "$W/report"
for word in one two three deep vision language size mutual_knn@10 cka; do
    grep -rqw --include='*.csv' --include='*.html' -e "$word" "$W/report" || fail "the report does not say $word"
done
finish
