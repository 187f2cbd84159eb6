#!/bin/bash
# python.sh - the store opens in h5py and, in one line, in xarray; files of numpy and h5py are imported. Skipped (77)
# without them.
. "$(dirname "$0")/common.sh"
PYTHON=/usr/bin/python3
$PYTHON -c 'import h5py, xarray' 2>/dev/null || exit 77
ok "run" ranks 2 run "$SWEEPS/tiny.yaml" -o "$W/t.h5"
ok "h5py and xarray" env HDF5_USE_FILE_LOCKING=FALSE $PYTHON - "$W/t.h5" <<'P'
import sys, h5py, numpy, xarray
path = sys.argv[1]
with h5py.File(path, "r") as f:
    assert (f["trials/state"][:] == 3).all()
    data = f["representations/test/hidden.last/16/data"]
    assert data.shape[1:] == (1, 256, 16) and numpy.isfinite(data[:]).all()
metrics = xarray.open_dataset(path, group="metrics", engine="h5netcdf", phony_dims="access")
assert metrics["test_acc"].dims == ("trial", "record"), metrics["test_acc"].dims
assert metrics["test_acc"].shape == (12, 51)
P
cat "$W/err"
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
