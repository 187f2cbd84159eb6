#!/bin/sh
# setup.sh - everything from a bare Debian 12 to a report, step by step.
#
#   ./setup.sh deps     install the packages below (asks first on a terminal)
#   ./setup.sh build    deps, then build/shoal
#   ./setup.sh run      build, then the main job on real images; prints where the report is
#   ./setup.sh test     run, then all tests, and the unit tests again under sanitizers
#
# Each step does nothing that is done already. Only `deps` needs root, and only when a package is
# missing. Documented for other systems in docs/install.md.
set -eu
cd "$(dirname "$0")"

packages="
  gcc libc6-dev cmake ninja-build pkg-config git
  openmpi-bin libopenmpi-dev libscalapack-openmpi-dev libopenblas-serial-dev libdnnl-dev
  libhdf5-openmpi-dev hdf5-tools
  libyaml-dev libjansson-dev libxxhash-dev librandom123-dev liblbfgs-dev zlib1g-dev libzip-dev
  gnuplot-nox fonts-liberation
  dataset-fashion-mnist
  check"

say() { printf '== %s\n' "$*" >&2; }

deps() {
    missing=""
    for package in $packages; do
        case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
            *"ok installed"*) ;;
            *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    say "packages to install:$missing"
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { say "run as root: apt-get install$missing"; exit 3; }
        as_root=sudo
    fi
    if [ -t 0 ] && [ -t 2 ]; then
        printf 'Install them now? [Y/n] ' >&2
        read -r answer
        case "$answer" in n* | N*) exit 3 ;; esac
    fi
    export DEBIAN_FRONTEND=noninteractive
    $as_root apt-get -q update >&2
    # shellcheck disable=SC2086 # a list of words
    $as_root apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install $missing >&2
}

# build PRESET TARGET...
build() {
    preset=$1
    shift
    say "building ($preset)"
    cmake --preset "$preset" >&2
    cmake --build --preset "$preset" -- "$@" >&2
}

main_job() {
    mkdir -p out
    say "experiments/quickstart.yaml on $(nproc) cores"
    build/shoal run experiments/quickstart.yaml -o out/quickstart.h5
    build/shoal report out/quickstart.h5 -o out/quickstart
}

all_tests() {
    build asan unit_tests
    say "unit tests under address and undefined-behaviour sanitizers"
    ctest --test-dir build-asan -L unit -j "$(nproc)" --output-on-failure --no-tests=error
    say "all tests"
    ctest --test-dir build -LE slow -j "$(nproc)" --output-on-failure --no-tests=error
}

case "${1:-}" in
    deps) deps ;;
    build) deps; build release ;;
    run) deps; build release; main_job ;;
    test) deps; build release; main_job; all_tests ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
