"""check_store.py STORE - the store as h5py and xarray users see it. Exit 77: no h5py."""
import sys

try:
    import h5py
except ImportError:
    sys.exit(77)

path = sys.argv[1]
with h5py.File(path, "r") as f:
    n = f["trials/id"].shape[0]
    assert len(set(f["trials/id"][:])) == n, "ids are not distinct"
    assert f["trials/state"].dtype == "u1"
    for name, d in f["trials"].items():
        assert d.shape == (n,), name
        assert d.dims[0].keys() == ["trial"], name
    for name, d in f["metrics"].items():
        assert d.shape == (n, f["record"].shape[0]), name
        assert [x.keys()[0] for x in d.dims] == ["trial", "record"], name
    assert f.attrs["name"] == "fake" and f.attrs["seed"] == "42"
    assert f["trials"].attrs["optim.lr"] == "0.1"
    assert f["provenance"].attrs["git"] == "0123abc"
    assert f["provenance/resolved"][()] == b"name: fake\n"
    for layer in f["representations/test"].values():
        for c in layer.values():
            assert c["data"].shape[0] == c["trial"].shape[0]
            names = [x.keys()[0] for x in c["data"].dims]
            assert names == ["trial", "slot", "probe", "feature"], names
    for c in f["arrays/neurons"].values():
        assert c["data"].attrs["columns"] == "mean sd max"
        assert [x[0].name.split("/")[-1] for x in c["data"].dims] == ["trial", "neuron", "statistic"]
    for c in f["arrays/visual"].values():
        assert c["data"].shape == (c["trial"].shape[0],) + tuple(map(int, c.name.split("/")[-1].split("x")))
    assert list(f["slot"][:]) == [-1, -2]
    assert list(f["probe/test/index"][:]) == list(range(6))
    assert list(f["probe/test/labels"][:]) == [i * i % 7 for i in range(6)]
    assert (f["probe/test/inputs"][:].ravel() == [i / 2 - 3 for i in range(24)]).all()
    for name, dims in {"labels": ["index"], "inputs": ["index", "input"]}.items():
        assert [x[0].name.split("/")[-1] for x in f["probe/test"][name].dims] == dims, name
        assert "varies" not in f["probe/test"][name].attrs

try:
    import xarray
    import h5netcdf  # noqa: F401
except ImportError:
    sys.exit(0)

metrics = xarray.open_dataset(path, group="metrics", engine="h5netcdf")
assert dict(metrics.sizes) == {"trial": n, "record": 5}, metrics.sizes
assert metrics["train_loss"].dims == ("trial", "record")
trials = xarray.open_dataset(path, group="trials", engine="h5netcdf")
assert trials["model.width"].dims == ("trial",)
data = xarray.open_dataset(path, group="representations/test/hidden.1/8", engine="h5netcdf")
assert data["data"].dims == ("trial", "slot", "probe", "feature"), data
probes = xarray.open_dataset(path, group="probe/test", engine="h5netcdf")
assert probes["labels"].dims == ("index",) and probes["inputs"].dims == ("index", "input"), probes
neurons = xarray.open_dataset(path, group="arrays/neurons/8x3", engine="h5netcdf")
assert neurons["data"].dims == ("trial", "neuron", "statistic"), neurons
visual = xarray.open_dataset(path, group="arrays/visual/2x3x4x5", engine="h5netcdf")
assert visual["data"].dims == ("trial", "dim_0", "dim_1", "dim_2", "dim_3"), visual
