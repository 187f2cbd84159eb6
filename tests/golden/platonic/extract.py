"""Writes reference.json: what test_alignment and test_metric_svd compare with, out of the
complete table of reference values golden_metrics.json (all measures, in float32, float64 and NumPy
float64).

    extract.py golden_metrics.json > reference.json
"""

import json
import sys

table = json.load(open(sys.argv[1]))
out = {"cases": [], "svcca": []}
for name, case in table.items():
    for kind, normalize in (("raw", "none"), ("l2norm", "l2")):
        if not isinstance(case, dict) or kind not in case:
            continue
        one = case[kind]
        row = {"name": name, "normalize": normalize}
        row["cka"] = one["global"]["cka"]["ref"]
        row["cka_unbiased"] = one["global"]["unbiased_cka"]["ref"]
        for k in (1, 5, 10, 20):
            if f"k={k}" not in one:
                continue
            row[f"mutual_knn@{k}"] = one[f"k={k}"]["mutual_knn"]["ref"]
        out["cases"].append(row)
        row = {"name": name, "normalize": normalize}
        for c in (5, 10):
            row[f"svcca@{c}"] = one["global"][f"svcca_dim{c}"]["ref_exact"]
        out["svcca"].append(row)
layers = table["layers"]
exact = layers["compute_score"]["exact"]
out["layers"] = {
    "threshold_0.95": layers["remove_outliers_q0.95"]["ref_exact"],
    "threshold_0.5": layers["remove_outliers_q0.5"]["ref_exact"],
    "mutual_knn@10": exact["pair_matrix_mutual_knn_k10"],
    "cka": exact["cka"]["HEAD"],
    "cka_unbiased": exact["unbiased_cka"]["HEAD"],
    "per_layer_clip": layers["compute_score_list_per_layer_clip"],
}
print(json.dumps(out, indent=1))
