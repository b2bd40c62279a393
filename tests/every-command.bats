#!/usr/bin/env bats
# What holds for every command: it loops over cmd/*.c.

load lib/quell

each() {	# each FUNCTION: call it with every command's name
	local c bad=0
	for c in "$QUELL_ROOT"/cmd/*.c; do
		c=${c##*/}
		if ! "$1" "${c%.c}"; then
			echo "failed for ${c%.c}"
			bad=1
		fi
	done
	return $bad
}

code() {	# code N COMMAND...: it exits with exactly N
	local want=$1 got=0
	shift
	"$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null ||
		got=$?
	[ "$got" = "$want" ] || { echo "$* exited $got, not $want"; return 1; }
}

out_has() {
	grep -q -- "$1" "$BATS_TEST_TMPDIR/out"
}

@test "--help and --version are on stdout, exit 0" {
	f() {
		code 0 "$1" --help && out_has "usage: $1" &&
			code 0 "$1" -h && out_has "$1(1)" &&
			code 0 "$1" --version && out_has "$1 (quell)" &&
			out_has libcrypto && code 0 "$1" -V &&
			[ ! -s "$BATS_TEST_TMPDIR/err" ]
	}
	each f
}

@test "an unknown option is 64, nothing on stdout, a message and a hint" {
	f() {
		code 64 "$1" --no-such-option && ! out_has . &&
			grep -q "^$1: unknown option" "$BATS_TEST_TMPDIR/err" &&
			grep -q "^$1: hint:" "$BATS_TEST_TMPDIR/err" &&
			code 64 "$1" --output=xml && code 64 "$1" --output= &&
			code 64 "$1" -o json --output json
	}
	each f
}

@test "stdout on a full device is 74" {
	f() {
		local got=0
		"$1" --help >/dev/full 2>/dev/null || got=$?
		[ "$got" = 74 ]
	}
	each f
}

@test "a closed stdout is 74" {
	f() {
		local got=0
		"$1" --help >&- 2>/dev/null || got=$?
		[ "$got" = 74 ]
	}
	each f
}

@test "the man page exists, lints, and agrees with the options" {
	shared=$(sed -n 's/^\.It Fl [a-zA-Z] , Fl -\([a-z-]*\).*/\1/p
		s/^\.It Fl -\([a-z-]*\).*/\1/p' "$QUELL_ROOT/cmd/quell.7")
	f() {
		local page=$QUELL_ROOT/cmd/$1.1 opt missing=0
		[ -f "$page" ] || return 1
		mandoc -T lint -W warning "$page" || return 1
		"$1" --dump-options | cut -f2 >"$BATS_TEST_TMPDIR/opts"
		while read -r opt; do
			grep -qE -- "Fl -$opt( |$)" "$page" ||
				grep -qx -- "$opt" <<<"$shared" || {
				echo "--$opt is not documented"
				missing=1
			}
		done <"$BATS_TEST_TMPDIR/opts"
		# and the page promises nothing that does not exist
		while read -r opt; do
			grep -qx -- "$opt" "$BATS_TEST_TMPDIR/opts" || {
				echo "--$opt is documented but does not exist"
				missing=1
			}
		done < <(sed -n 's/^\.It Fl [a-zA-Z] , Fl -\([a-z-]*\).*/\1/p
			s/^\.It Fl -\([a-z-]*\).*/\1/p' "$page")
		[ "$missing" = 0 ]
	}
	each f
}

@test "every command has examples, tests and a row in the README" {
	f() {
		[ -n "$(man_examples "$1")" ] &&
			grep -q "run_examples $1" "$QUELL_ROOT/tests/$1.bats" &&
			grep -q "^| \`$1\`" "$QUELL_ROOT/README.md"
	}
	each f
}

@test "no option takes a secret" {
	f() {
		local n
		n=$("$1" --dump-options | cut -f2 | grep -cE \
			'^(password|secret|token|key-secret|smtp-password)$')
		[ "$n" = 0 ]
	}
	each f
}

@test "nothing is left writable or set-uid by install, and uninstall undoes it" {
	# a blank in the way must not lead rm somewhere else
	local root="$BATS_TEST_TMPDIR/the root"
	mkdir -p "$BATS_TEST_TMPDIR/the" "$root/usr/bin"
	: >"$root/usr/bin/other"
	make -s -C "$QUELL_ROOT" DEPS=0 B="${B:-build}" install \
		DESTDIR="$root" PREFIX=/usr >/dev/null
	run -0 find "$root" -type f \( -perm /022 -o -perm /6000 \)
	[ -z "$output" ]
	[ -x "$root/usr/bin/abuse-parse" ]
	[ -f "$root/usr/share/man/man7/quell.7" ]
	[ -x "$root/usr/share/quell/playbooks/abuse-report" ]
	run -0 "$root/usr/share/quell/playbooks/abuse-report" --list
	make -s -C "$QUELL_ROOT" uninstall \
		DESTDIR="$root" PREFIX=/usr >/dev/null
	run -0 find "$root" -type f
	[ "$output" = "$root/usr/bin/other" ]
	[ -d "$BATS_TEST_TMPDIR/the" ]
}
