#!/bin/bash
# bits.sh - the same metrics and representations on 1, 2, 3 and 4 ranks, and from the front end.
. "$(dirname "$0")/common.sh"
for n in 1 2 3 4; do
    ok "tiny on $n ranks" ranks "$n" run "$SWEEPS/tiny.yaml" -o "$W/$n.h5"
    same "$W/1.h5" "$W/$n.h5" /metrics /representations /probe
done
ok "front end" timeout 120 "$SHOAL" run "$SWEEPS/tiny.yaml" -o "$W/front.h5" --np 3
same "$W/1.h5" "$W/front.h5" /metrics /representations
for n in 1 2 3 4; do
    h5diff -q -d 1e-12 "$W/1.h5.d/alignment.h5" "$W/$n.h5.d/alignment.h5" ||
        fail "alignment differs between 1 and $n ranks"
    h5diff -q "$W/1.h5.d/alignment.h5" "$W/$n.h5.d/alignment.h5" /alignment/mutual_knn@10 /alignment/mutual_knn@10 ||
        fail "neighbours differ between 1 and $n ranks"
done
finish
