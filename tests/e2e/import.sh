#!/bin/bash
# import.sh - files of numpy and h5py become models of a store. Skipped (77) without them.
. "$(dirname "$0")/common.sh"
PYTHON=/usr/bin/python3
$PYTHON -c 'import h5py, numpy' 2>/dev/null || exit 77
export HDF5_USE_FILE_LOCKING=FALSE
ok "run" ranks 2 run "$SWEEPS/tiny.yaml" -o "$W/t.h5"
ok "numpy and h5py" $PYTHON - "$W" <<'P'
import sys, h5py, numpy
x = numpy.random.default_rng(1).normal(size=(256, 3, 5))
numpy.savez_compressed(sys.argv[1] + "/a.npz", b10=x[:, 0], b9=numpy.asfortranarray(x.astype("f2")), row_ids=numpy.arange(256))
with h5py.File(sys.argv[1] + "/a.h5", "w") as f:
    f.create_dataset("enc/b10", data=x[:, 0], chunks=(10, 5), compression="gzip")
    f["b9"] = x.astype("f2")
    f["row_ids"] = numpy.arange(256, dtype="u2")
numpy.save(sys.argv[1] + "/x.npy", x)
P
for file in npz h5; do
    ok "import of .$file" "$SHOAL" import "$W/t.h5" "$W/a.$file" --model "of_$file" --probe test --attr size=7e9 --modality vision
done
ok "import of a layer" "$SHOAL" import "$W/t.h5" "$W/a.npz" --model one --probe test --layer b9.2
status_is 2 "the same name" "$SHOAL" import "$W/t.h5" "$W/a.npz" --model one --probe test
ok "the same name by force" "$SHOAL" import "$W/t.h5" "$W/a.npz" --model one --probe test --force
status_is 2 "other rows" "$SHOAL" import "$W/t.h5" "$W/x.npy" --model other --probe test
ok "what was imported" $PYTHON - "$W" <<'P'
import sys, h5py, numpy
x = numpy.random.default_rng(1).normal(size=(256, 3, 5))
half, single = x.astype("f2").astype("f4"), x[:, 0].astype("f4")
for model, names in ("of_npz", "b10 b9.0 b9.1 b9.2"), ("of_h5", "b9.0 b9.1 b9.2 enc.b10"):
    with h5py.File(f"{sys.argv[1]}/t.h5.d/imported/{model}.h5") as f:
        assert list(f["layers"]) == names.split(), list(f["layers"])
        assert f["attributes"].attrs["size"] == 7e9 and f.attrs["modality"] == "vision"
        for name, d in f["layers"].items():
            assert numpy.array_equal(d, half[:, int(name[-1])] if name[:2] == "b9" else single), name
P
cat "$W/err"
finish
