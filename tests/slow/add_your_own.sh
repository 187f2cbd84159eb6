#!/bin/bash
# add_your_own.sh - the examples of the README's section "Add your own", whole, in add_your_own.patch: they
# apply to the code as it is, compile without a warning, pass the tests that walk the tables, and train.
. "$(dirname "$0")/../e2e/common.sh"
root=$(readlink -f "$(dirname "$0")/../..")
mkdir "$W/tree"
(cd "$root" && tar -cf - --exclude='./build*' --exclude=./out --exclude=./.git .) | tar -C "$W/tree" -xf -
cd "$W/tree" || exit 1
ok "the patch applies" patch -s -p1 -i tests/slow/add_your_own.patch
ok "configuring" cmake --preset release
tests="test_activation test_data test_gradients test_loss test_ops test_optim_rules test_param test_trainer"
ok "building" cmake --build --preset release -- shoal $tests
for test in $tests; do ok "$test" timeout 600 "build/tests/$test"; done
SHOAL=$W/tree/build/shoal
ok "a sweep of all six" ranks 3 run "$SWEEPS/own.yaml" -o "$W/own.h5"
"$SHOAL" export "$W/own.h5" --csv --filter 'test_acc > 0.75' | grep -c done | grep -qx 2 || fail "they do not learn"
finish
