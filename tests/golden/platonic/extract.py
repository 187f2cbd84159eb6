"""Writes reference.json: what test_alignment and test_metric_svd compare with, out of the complete
table of reference values golden_metrics.json (all measures, in float32, float64 and NumPy float64).

    extract.py golden_metrics.json > reference.json
"""

import json
import sys

GLOBAL = {"cka": "cka", "cka_unbiased": "unbiased_cka", "cka_rbf": "cka_rbf_sigma1"}
OF_NEIGHBOURS = {
    "mutual_knn": "mutual_knn", "cycle_knn": "cycle_knn", "lcs_knn": "lcs_knn",
    "edit_distance_knn": "edit_distance_knn", "cknna": "cknna",
    "cknna_paper": "cknna_paper_formula",
}

table = json.load(open(sys.argv[1]))
out = {"cases": []}
values = 0
for name, case in table.items():
    for kind, normalize in (("raw", "none"), ("l2norm", "l2")):
        if not isinstance(case, dict) or kind not in case:
            continue
        one = case[kind]
        row = {"name": name, "normalize": normalize}
        for measure, key in GLOBAL.items():
            row[measure] = one["global"][key]["ref"]
        for c in (5, 10):
            row[f"svcca@{c}"] = one["global"][f"svcca_dim{c}"]["ref_exact"]
        for k in (1, 5, 10, 20):
            for measure, key in OF_NEIGHBOURS.items():
                if key in one.get(f"k={k}", {}):
                    row[f"{measure}@{k}"] = one[f"k={k}"][key]["ref"]
        values += sum(isinstance(v, float) for v in row.values())
        out["cases"].append(row)
out["values"] = values
layers = table["layers"]
searches = []
for clip, kind in (("model", "exact"), ("sample", "inexact")):
    for measure, found in layers["compute_score"][kind].items():
        for when in ("HEAD", "paper_time_d3da2a5") if "matrix" not in measure else ():
            ours = {"unbiased_cka": "cka_unbiased", "cka": "cka"}.get(measure, measure + "@10")
            searches.append({
                "measure": ours, "clip_by": clip, "concat": when != "HEAD",
                "score": found[when]["score"],
                "layer_a": found[when]["idx"][0], "layer_b": found[when]["idx"][1],
            })
each = layers["compute_score_list_per_layer_clip"]
searches.append({"measure": "mutual_knn@10", "clip_by": "layer", "concat": False,
                 "score": each["score"], "layer_a": each["idx"][0], "layer_b": each["idx"][1]})
out["layers"] = {
    "threshold_0.95": layers["remove_outliers_q0.95"]["ref_exact"],
    "threshold_0.5": layers["remove_outliers_q0.5"]["ref_exact"],
    "inexact_threshold_0.95": layers["remove_outliers_q0.95"]["ref_inexact"],
    "inexact_threshold_0.5": layers["remove_outliers_q0.5"]["ref_inexact"],
    "mutual_knn@10": layers["compute_score"]["exact"]["pair_matrix_mutual_knn_k10"],
    "searches": searches,
}
out["negative_only"] = layers["negative_only"]["true_unbiased_cka"]
print(json.dumps(out, indent=1))
