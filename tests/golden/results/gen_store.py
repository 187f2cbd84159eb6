"""gen_store.py FOLDER - makes small.h5 with small.h5.d/alignment.h5 there, by the schema of
coord/store.h, with numbers that a test can compute again:

    trial t = (activation relu|tanh) x (width 16, 64, 256) x (seed 0, 1, 2), row t + 1
    test_acc at record r = acc(t) * (r + 1) / 4;  train_loss = 1 / (r + 1) + t
    acc(t) = 0.5 + 0.1 * width place + 0.05 * tanh + 0.01 * seed
    score of models a, b = 0.2 + 0.1 * (width places of a and b) + 0.01 * |seed a - seed b|
                           + 0.05 * (same activation), 1 with itself

Row 0 is not in use; trial 4 diverged at record 2, trial 17 has not run."""
import sys, os
import h5py
import numpy as np

folder = sys.argv[1]
path = os.path.join(folder, "small.h5")
n, records = 18, 4
trials = [(a, w, s) for a in ("relu", "tanh") for w in (16, 64, 256) for s in range(3)]
place = {16: 0, 64: 1, 256: 2}


def column(values, dtype):
    return np.array([np.zeros((), dtype)] + list(values), dtype)


with h5py.File(path, "w", track_order=True) as f:
    f.attrs["name"] = "small <&> store"
    g = f.create_group("trials", track_order=True)
    g["id"] = column([0xABCDEF0000000000 + t for t in range(n)], "u8")
    g["state"] = column([4 if t == 4 else 0 if t == 17 else 3 for t in range(n)], "u1")
    g["seed"] = column([s for _, _, s in trials], "u8")
    g["seconds"] = column([0.5 + t for t in range(n)], "f8")
    g["worker"] = column([1 + t % 2 for t in range(n)], "i4")
    g["checksum"] = column(range(n), "u8")
    g["steps_done"] = column([50 if t == 4 else 0 if t == 17 else 200 for t in range(n)], "i8")
    g["model.width"] = column([w for _, w, _ in trials], "i8")
    g["model.activation"] = column([a.encode() for a, _, _ in trials], "S8")
    g.attrs["model.depth"], g.attrs["optim.name"], g.attrs["optim.nesterov"] = "2", "sgd", "true"
    g = f.create_group("metrics", track_order=True)
    loss = np.full((n + 1, records), np.nan)
    acc, step = loss.copy(), loss.copy()
    for t, (a, w, s) in enumerate(trials):
        for r in range({4: 2, 17: 0}.get(t, records)):
            step[t + 1, r] = 50 * (r + 1)
            loss[t + 1, r] = np.nan if t == 4 else 1 / (r + 1) + t
            last = 0.5 + 0.1 * place[w] + 0.05 * (a == "tanh") + 0.01 * s
            acc[t + 1, r] = last * (r + 1) / 4
    g["train_loss"], g["test_acc"], g["step"] = loss, acc, step
    g = f.create_group("provenance")
    g.attrs["mpi"] = "Open MPI 4.1.4"
    g["sweep"] = np.bytes_("version: 1\nname: small\n")
    g["resolved"] = np.bytes_('version: 1\nname: small\nmodel: {depth: 2} # "quoted" <tag>\n')

os.makedirs(path + ".d", exist_ok=True)
models = [t for t in range(n) if t not in (4, 17)]
with h5py.File(path + ".d/alignment.h5", "w") as f:
    g = f.create_group("alignment")
    g["trial"] = np.array([t + 1 for t in models], "i8")
    g["id"] = np.array([0xABCDEF0000000000 + t for t in models], "u8")
    g.attrs["layers"] = np.array([b"hidden.1", b"hidden.last"], "S64")
    m = g.create_group("cka")
    score = np.empty((len(models),) * 2)
    for i, a in enumerate(models):
        for j, b in enumerate(models):
            (x, w, s), (y, v, u) = trials[a], trials[b]
            score[i, j] = 0.2 + 0.1 * (place[w] + place[v]) + 0.01 * abs(s - u) + 0.05 * (x == y)
    np.fill_diagonal(score, 1)
    m["score"] = score
    m["layer_a"] = np.ones(score.shape, "i4")
    m["layer_b"] = np.zeros(score.shape, "i4")
