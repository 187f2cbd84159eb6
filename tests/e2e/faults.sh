#!/bin/bash
# faults.sh - launchers that fail, signals, a store older than its journal: what the user is told.
. "$(dirname "$0")/common.sh"
cd "$W" || exit 1
run() { timeout 100 "$SHOAL" run "$SWEEPS/tiny.yaml" --progress none "$@"; }
live() { # store: waits until its run has begun
    for _ in $(seq 100); do
        grep -qs '"started"' "$1.d/journal" && return
        sleep 0.1
    done
    fail "no run in $1 after 10 s"
}
begin() { # words...: a run that takes long, in the background; sets job
    "$SHOAL" run "$SWEEPS/slow.yaml" --progress none "$@" >/dev/null 2>"$W/err" &
    job=$!
}
ends() { # status, description: how job ends
    wait $job
    got=$?
    [ $got = "$1" ] || fail "$2: status $got instead of $1: $(tail -n 2 "$W/err")"
}

status_is 3 "launcher that starts nothing" run -o a.h5 --launcher true
grep -q "before the run did" "$W/err" || fail "nothing said of a launcher that starts nothing"
status_is 3 "launcher that fails" run -o a.h5 --launcher false
status_is 3 "no launcher" run -o a.h5 --launcher nowhere

begin -o usr1.h5 --np 2
live usr1.h5
kill -USR1 $job
ends 75 "SIGUSR1 to the front end"
status_is 75 "status after a drain" "$SHOAL" status usr1.h5 --exit-code

(trap '' HUP; exec "$SHOAL" run "$SWEEPS/tiny.yaml" -o nohup.h5 --np 2 --progress none >/dev/null 2>"$W/err") &
job=$!
live nohup.h5
kill -HUP $job
ends 0 "SIGHUP under nohup"

begin -o align.h5 --np 2
live align.h5
status_is 4 "align of a live store" timeout 60 "$SHOAL" align align.h5 --np 1
kill -TERM $job
ends 143 "SIGTERM to the front end"

for delay in 0.1 0.2 0.3; do # while the ranks are in MPI_Init, too
    timeout 60 mpirun -n 2 "$SHOAL" run "$SWEEPS/slow.yaml" -o "early$delay.h5" >/dev/null 2>"$W/err" &
    job=$!
    for _ in $(seq 200); do # the first rank's process is there
        rank=$(pgrep -f "$SHOAL run .*-o early$delay.h5" | tail -n 1)
        [ "$(readlink "/proc/$rank/exe" 2>/dev/null)" = "$SHOAL" ] && break
        sleep 0.01
    done
    sleep "$delay"
    pkill -USR1 -P $job mpirun
    ends 75 "SIGUSR1 $delay s after the ranks began"
done

ok "whole run" run -o whole.h5 --np 2
ok "one seed" run -o stale.h5 --np 2 --seeds 1
cp stale.h5 backup.h5
ok "all seeds" run -o stale.h5 --np 2
cp backup.h5 stale.h5
ok "a store older than its journal" run -o stale.h5 --np 2
numbers whole.h5 >whole.txt
numbers stale.h5 >stale.txt
cmp whole.txt stale.txt || fail "rows that the store lacks were not run again"

status_is 3 "srun without process management" env -u OMPI_COMM_WORLD_SIZE -u PMIX_RANK -u PMI_RANK \
    SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4 timeout 60 "$SHOAL" run "$SWEEPS/tiny.yaml" -o w.h5
grep -q -- "--mpi=pmix" "$W/err" || fail "srun's fix is not named"
finish
