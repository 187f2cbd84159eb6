#!/bin/bash
# python.sh - the store opens in h5py and, in one line, in xarray. Skipped (77) without them.
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
    p = f["probe/test"]
    assert (p["index"][:] == range(256)).all()
    assert set(p["labels"][:]) <= set(range(10)) and len(set(p["labels"][:])) > 1
    assert p["inputs"].shape == (256, 32) and numpy.isfinite(p["inputs"][:]).all()
metrics = xarray.open_dataset(path, group="metrics", engine="h5netcdf", phony_dims="access")
assert metrics["test_acc"].dims == ("trial", "record"), metrics["test_acc"].dims
assert metrics["test_acc"].shape == (12, 51)
P
cat "$W/err"
finish
