#!/bin/bash
# probes.sh - the store says what the probes are: labels and inputs are those of the data at the index,
# on any number of ranks, after more seeds; unknown where trials have different data. Skipped (77)
# without h5py.
. "$(dirname "$0")/common.sh"
PYTHON=/usr/bin/python3
$PYTHON -c 'import h5py' 2>/dev/null || exit 77
$PYTHON - "$W/d.npz" <<'P'
import sys, numpy
r = numpy.random.default_rng(1)
x, y = r.normal(size=(300, 12)).astype("f4"), r.integers(0, 5, 300).astype("i8")
numpy.savez(sys.argv[1], train_x=x[:200], train_y=y[:200], test_x=x[200:], test_y=y[200:])
P
cat >"$W/d.yaml" <<Y
version: 1
name: probes
experiment: train
seed: 3
data:  {name: npz, path: $W/d.npz}
model: {kind: mlp, depth: 1, width: 8, activation: relu}
optim: {name: sgd, lr: 0.1, batch: 50, steps: 20}
sweep: {axes: {model.width: [4, 8]}, seeds: 2}
record:
  metrics: [test_acc]
  every: {last: true}
  representations:
    layers: [hidden.last]
    at: [final]
    probe:
      test:  {split: test, n: 60}
      train: {split: train, n: 70}
      noisy: {split: train, n: 70, data: {label_noise: 0.5}}
Y
check_probes() { # store, sets whose labels are known, sets whose inputs are
    ok "probes of $(basename "$1")" env HDF5_USE_FILE_LOCKING=FALSE $PYTHON - "$W/d.npz" "$@" <<'P'
import sys, h5py, numpy
data, (store, labels, inputs) = numpy.load(sys.argv[1]), sys.argv[2:]
with h5py.File(store, "r") as f:
    for name, p in f["probe"].items():
        split = "test" if name == "test" else "train"
        index = p["index"][:]
        assert len(set(index)) == len(index) and list(index) != sorted(index)
        changed = (p["labels"][:] != data[split + "_y"][index]).mean()
        if name not in labels.split():
            assert (p["labels"][:] == -1).all() and p["labels"].attrs["varies"]
        else:
            assert 0.2 < changed < 0.8 if name == "noisy" else changed == 0, (name, changed)
        if name not in inputs.split():
            assert numpy.isnan(p["inputs"][:]).all() and p["inputs"].attrs["varies"]
        else:
            assert (p["inputs"][:] == data[split + "_x"][index]).all(), name
P
}
ok "a file" ranks 3 run "$W/d.yaml" -o "$W/d.h5"
check_probes "$W/d.h5" "test train noisy" "test train noisy"
ok "more seeds" ranks 2 run "$W/d.yaml" --seeds 3 -o "$W/d.h5"
check_probes "$W/d.h5" "test train noisy" "test train noisy"
ok "label noise varies" ranks 2 run "$W/d.yaml" --set 'sweep.axes.data.label_noise=[0, 0.2]' --seeds 3 -o "$W/d.h5"
check_probes "$W/d.h5" "noisy" "test train noisy"
cp "$W/d.npz" "$W/copy.npz"
ok "the file varies" ranks 2 run "$W/d.yaml" --set "sweep.axes.data.path=['$W/d.npz', '$W/copy.npz']" -o "$W/v.h5"
check_probes "$W/v.h5" "" ""
finish
