# shellcheck shell=bash disable=SC2034
# common.sh - sourced by every end-to-end test: SHOAL, a scratch folder W, failure counting.
# usage: TEST.sh path/to/shoal
set -u
SHOAL=$(readlink -f "$1")
HERE=$(dirname "$(readlink -f "$0")")
SWEEPS=$HERE/../sweeps
W=$(mktemp -d "${TMPDIR:-/tmp}/shoal-e2e.XXXXXX")
trap 'rm -rf "$W"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
    OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1 OPENBLAS_NUM_THREADS=1
failed=0

fail() { # message
    echo "FAIL: $*"
    failed=$((failed + 1))
}

ok() { # description, command...: the command succeeds
    what=$1
    shift
    "$@" >"$W/out" 2>"$W/err" || fail "$what: status $?: $(tail -n 2 "$W/err")"
}

status_is() { # wanted status, description, command...
    wanted=$1 what=$2
    shift 2
    "$@" >"$W/out" 2>"$W/err"
    got=$?
    [ $got = "$wanted" ] || fail "$what: status $got, wanted $wanted: $(tail -n 2 "$W/err")"
}

ranks() { # number, words of shoal...: under mpirun, with a time limit
    n=$1
    shift
    timeout 120 mpirun -n "$n" "$SHOAL" "$@"
}

same() { # store, store, group...: the groups hold the same bits
    a=$1 b=$2
    shift 2
    for group in "$@"; do
        h5diff -q "$a" "$b" "$group" "$group" || fail "$group differs: $(basename "$a") $(basename "$b")"
    done
}

cell() { # file, dataset, row, column: a number of a matrix
    h5dump -m %.17g -d "$2" -s "$3,$4" -c 1,1 -y "$1" | sed -n '/DATA {/{n;s/ //g;p;}'
}

mark() { # file, dataset, columns, row, column: 0.125 becomes the number there
    at=$(h5dump -p -H -d "$2" "$1" | sed -n 's/.*OFFSET //p')
    printf '\0\0\0\0\0\0\300\077' |
        dd of="$1" bs=1 seek=$((at + 8 * ($3 * $4 + $5))) conv=notrunc status=none
}

noise() { # rows, columns, number: an .npy file of noise, another for every number
    printf "\223NUMPY\1\0\166\0%-117s\n" "{'descr': '|i1', 'fortran_order': False, 'shape': ($1, $2)}"
    seq "${3}000000" "${3}030000" | gzip -n | tail -c +2000 | head -c $(($1 * $2))
}

numbers() { # store: id, state, seed, settings and metrics of every trial, in the order of ids
    "$SHOAL" export "$1" --csv | awk -F, '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i
                  n = split("trial state seed model.width model.activation step train_loss test_loss test_acc soft_error", want, " ")
                  next }
        { line = ""; for (k = 1; k <= n; k++) line = line " " $at[want[k]]; print line }' | sort
}

finish() {
    [ $failed = 0 ] && echo "all held" || echo "$failed failed"
    exit $((failed > 0))
}
