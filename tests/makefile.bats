#!/usr/bin/env bats
# What make builds again, and what it does not.

load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset MAKEFLAGS MAKELEVEL CFLAGS
}

cli_o() {
	make -s -C "$QUELL_ROOT" B="$PWD/b" HARDEN=0 CFLAGS=-O0 \
		PKG_CONFIG="$PWD/pkg-config" "$PWD/b/lib/core/cli.o"
}

@test "an optional library that appears is used by what was built without it" {
	pkg-config --exists libidn2 || skip 'no libidn2 here'
	printf '#!/bin/sh\n[ -e "%s/here" ] || [ "$*" != "--exists libidn2" ] || exit 1\nexec %s "$@"\n' \
		"$PWD" "$(command -v pkg-config)" >pkg-config
	chmod +x pkg-config
	cli_o
	run ! grep -q libidn2 b/lib/core/cli.o
	touch here
	cli_o
	grep -q libidn2 b/lib/core/cli.o
	# and nothing is built again for nothing
	stat -c %y b/lib/core/cli.o >before
	cli_o
	stat -c %y b/lib/core/cli.o | cmp - before
}
