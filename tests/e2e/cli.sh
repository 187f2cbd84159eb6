#!/bin/bash
# cli.sh - verbs, exit codes and machine-readable shapes, as a script would use them.
. "$(dirname "$0")/common.sh"
cd "$W" || exit 1
has() { # description, pattern in the last output
    grep -qE -- "$2" "$W/out" || fail "$1: $(head -c 300 "$W/out")"
}
ok "help" "$SHOAL" --help
for verb in init check plan run resume status report export align import coordcheck scaling list schema version help; do
    ok "$verb --help" "$SHOAL" "$verb" --help
    has "usage of $verb" "usage: shoal $verb"
done
ok "--version" "$SHOAL" --version
status_is 2 "unknown verb" "$SHOAL" rnu x.yaml
grep -q "did you mean 'run'" "$W/err" || fail "no suggestion for rnu"
status_is 2 "unknown option" "$SHOAL" run x.yaml --ouptut y
grep -q -- "--output" "$W/err" || fail "no suggestion for --ouptut"
status_is 2 "bad --np" "$SHOAL" run x.yaml --np zero
status_is 2 "missing operand" "$SHOAL" check
status_is 3 "missing file" "$SHOAL" check nowhere.yaml
status_is 3 "endless file" timeout 60 "$SHOAL" check /dev/zero
{ cat "$SWEEPS/tiny.yaml"; printf '\0\nunknown: 1\n'; } >nul.yaml
status_is 2 "what stands behind a NUL" "$SHOAL" check nul.yaml
grep -q "control character U+0000" "$W/err" || fail "a NUL is not located: $(head -1 "$W/err")"

ok "init" "$SHOAL" init first.yaml
ok "check of init's file" "$SHOAL" check first.yaml
status_is 2 "init does not overwrite" "$SHOAL" init first.yaml
ok "schema" "$SHOAL" schema
ok "list" "$SHOAL" list
has "list names gelu" "gelu"
ok "list of one kind" "$SHOAL" list optimizers
ok "help of a setting" "$SHOAL" help model.width
has "its range" "range"

ok "plan" "$SHOAL" plan "$SWEEPS/tiny.yaml" --json
for key in '"schema": 1' '"trials": 12' flops memory_bytes disk_bytes files longest; do has "plan --json" "$key"; done
ok "plan --list" "$SHOAL" plan "$SWEEPS/tiny.yaml" --list --csv
ok "dry run" "$SHOAL" run "$SWEEPS/tiny.yaml" -n -o none.h5
[ ! -e none.h5 ] || fail "a dry run made a store"

ok "run" timeout 120 "$SHOAL" run "$SWEEPS/tiny.yaml" -o t.h5 --np 2 --progress none
ok "status" "$SHOAL" status t.h5 --json
for key in '"schema": 1' '"state": "done"' '"done": 12' '"eta_s"'; do has "status --json" "$key"; done
status_is 0 "status --exit-code" "$SHOAL" status t.h5 --exit-code
mkdir -p unaligned.h5.d/alignment.h5 # where the analysis wants to put a file
status_is 3 "failing analysis" ranks 2 run "$SWEEPS/tiny.yaml" -o unaligned.h5
status_is 3 "status of a failed run" "$SHOAL" status unaligned.h5 --exit-code
has "a failed run is not dead" "^failed "
ok "export --json" "$SHOAL" export t.h5 --json
for key in '"schema": ?1' '"rows"' '"trial"' '"state": ?"done"' '"seed"' '"model.width"' '"test_acc"'; do
    has "export --json" "$key"
done
ok "export --csv" "$SHOAL" export t.h5 --csv --filter 'model.width >= 16 and model.activation == relu'
[ "$(wc -l <"$W/out")" = 5 ] || fail "filter kept $(wc -l <"$W/out") lines"
ok "export --records" "$SHOAL" export t.h5 --csv --records
[ "$(wc -l <"$W/out")" = $((1 + 12 * 51)) ] || fail "records: $(wc -l <"$W/out") lines"
ok "align --json" timeout 120 "$SHOAL" align t.h5 --measure cka,mutual_knn@5 --np 3 --json
for key in '"schema": ?1' '"pairs"' '"a"' '"measure": ?"mutual_knn@5"' '"score"' '"layer_a"' '"p_value"'; do
    has "align --json" "$key"
done
ok "align --spectra" timeout 120 "$SHOAL" align t.h5 --spectra --np 2 --json
for key in '"spectra": ?\[' '"model"' '"layer": ?"hidden' '"participation_ratio": ?[0-9]' '"d95"'; do has "align --spectra" "$key"; done
status_is 2 "unknown measure" timeout 60 "$SHOAL" align t.h5 --measure ckaa --np 1
status_is 3 "no store" "$SHOAL" export nowhere.h5 --csv
status_is 2 "import without a name" "$SHOAL" import zoo.h5 gone.npy
status_is 2 "a wrong attribute" "$SHOAL" import zoo.h5 gone.npy --model a --attr size
status_is 3 "import of no file" "$SHOAL" import zoo.h5 gone.npy --model a --attr size=7e9
[ ! -e zoo.h5 ] && [ ! -e zoo.h5.d ] || fail "an import that failed made a store"
ok "report" "$SHOAL" report t.h5 -o r1
ok "report again" env SOURCE_DATE_EPOCH=1 "$SHOAL" report t.h5 -o r2
ok "report again" env SOURCE_DATE_EPOCH=1 "$SHOAL" report t.h5 -o r3
diff -r r2 r3 >/dev/null || fail "two reports differ: $(diff -rq r2 r3 | head -2)"
for kind in pdf svg gp csv tex; do [ -s "r1/fig1.$kind" ] || fail "no fig1.$kind"; done
[ -s r1/index.html ] || fail "no index.html"

ok "resume" timeout 120 "$SHOAL" resume t.h5 --np 2 --progress none
status_is 2 "bad file under mpirun" ranks 2 run "$SWEEPS/unknown_key.yaml" -o bad.h5
[ ! -e bad.h5 ] || fail "a broken file made a store"
status_is 3 "srun without --mpi" env OMPI_COMM_WORLD_SIZE= SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4 \
    timeout 60 "$SHOAL" run "$SWEEPS/tiny.yaml" -o w.h5
status_is 3 "no such launcher" "$SHOAL" run "$SWEEPS/tiny.yaml" -o w.h5 --launcher nowhere
status_is 3 "a launcher of another MPI" env PMI_RANK=1 PMI_SIZE=4 timeout 60 "$SHOAL" run "$SWEEPS/tiny.yaml" -o w.h5
grep -q -- "--mpi=" "$W/err" || fail "the world-size message names no fix"

"$SHOAL" run "$SWEEPS/slow.yaml" -o busy.h5 --np 2 --progress none >/dev/null 2>&1 &
first=$!
for _ in $(seq 100); do [ -e busy.h5.d/journal ] && break; sleep 0.1; done
sleep 1
status_is 4 "store in use" timeout 60 "$SHOAL" run "$SWEEPS/slow.yaml" -o busy.h5 --np 1 --progress none
ok "status of a live run" "$SHOAL" status busy.h5 --json
has "live state" '"state": "running"'
kill -TERM $first
wait $first
ended=$?
[ $ended = 143 ] || fail "SIGTERM to the front end: status $ended"
finish
