#!/bin/bash
# install.sh - cmake --install puts the program and its data in place, and they work there.
. "$(dirname "$0")/common.sh"
ok "install" cmake --install "$(dirname "$SHOAL")" --prefix "$W/usr"
ok "version" "$W/usr/bin/shoal" --version
ok "shipped sweep" "$W/usr/bin/shoal" check "$W/usr/share/shoal/experiments/quickstart.yaml"
finish
