# tests/run.sh itself, in a copy with made-up test files: what it counts, and
# what TEST_AGAIN=1 makes of a test that fails once and of one that always does.

load lib/quell

# "$TMP/tests/$1.bats" with the test on stdin; each run leaves a line in ran
fake() {
	{
		printf '@test "%s" {\n' "$1"
		printf 'echo %s >>"%s/ran"\n' "$1" "$TMP"
		cat
		printf '}\n'
	} >"$TMP/tests/$1.bats"
}

setup() {
	TMP=$BATS_TEST_TMPDIR
	mkdir -p "$TMP/tests"
	cp "$QUELL_ROOT/tests/run.sh" "$TMP/tests/run.sh"
	fake steady <<<"true"
	# it fails the first time, and says so
	fake moody <<<"[ -e '$TMP/mood' ] || {
		touch '$TMP/mood'; echo 'what went wrong'; false; }"
	fake broken <<<"echo 'wrong for good'; false"
}

# run_sh CODE [NAME=VALUE...] -- FILE...
run_sh() {
	local want=$1
	shift
	local -a set=()
	while [ "$1" != -- ]; do
		set+=("$1")
		shift
	done
	shift
	cd "$TMP" || return
	run "-$want" env -u CI -u QUELL_ASAN -u TEST_AGAIN B=build \
		QUELL_PYTHON=none "${set[@]}" tests/run.sh "${@/#/tests/}"
	last=${lines[-1]}
}

@test "without TEST_AGAIN a test that fails once has failed" {
	run_sh 1 -- steady.bats moody.bats
	[ "$last" = "1 passed, 1 failed" ]
	[ "$(cat "$TMP/build/results")" = "1 1" ]
	[[ $output == *"=== moody (exit 1)"*"what went wrong"* ]]
	[[ $output != *unsteady* ]]
	[ "$(grep -c moody "$TMP/ran")" = 1 ]
}

@test "TEST_AGAIN: what passes alone counts, and is listed as unsteady" {
	run_sh 0 TEST_AGAIN=1 -- moody.bats steady.bats
	[ "$last" = "2 passed, 0 failed" ]
	[ "$(cat "$TMP/build/results")" = "2 0" ]
	# what it printed the first time stands below the heading
	[[ $output == *"--- unsteady (passed when run alone; look into it):"*"=== moody (exit 1)"*"not ok 1 moody"*"what went wrong"* ]]
	# again only what failed, and after all others
	[ "$(grep -c steady "$TMP/ran")" = 1 ]
	[ "$(tail -n 1 "$TMP/ran")" = moody ]
}

@test "TEST_AGAIN: what fails both times has failed, once" {
	run_sh 1 TEST_AGAIN=1 -- broken.bats steady.bats
	[ "$last" = "1 passed, 1 failed" ]
	[[ $output == *"=== broken (exit 1)"*"wrong for good"* ]]
	[[ $output != *unsteady* ]]
	[ "$(grep -c broken "$TMP/ran")" = 2 ]
	run_sh 1 TEST_AGAIN=1 -- broken.bats moody.bats
	[ "$last" = "1 passed, 1 failed" ]
	[[ $output == *"=== broken"*"--- unsteady"*"=== moody"* ]]
}

@test "TEST_AGAIN: a file that crashed, and a unit program, run again too" {
	mkdir -p "$TMP/build/unit" "$TMP/tests/room"
	cat >"$TMP/build/unit/shaky" <<-EOF
	#!/bin/sh
	[ -e '$TMP/shaken' ] || { touch '$TMP/shaken'; echo 'Segmentation'; exit 139; }
	echo '1..1'; echo 'ok 1 - shaky'
	EOF
	chmod +x "$TMP/build/unit/shaky"
	rm "$TMP/tests/broken.bats"
	cp "$TMP/tests/steady.bats" "$TMP/tests/room/other.bats"
	run_sh 0 TEST_AGAIN=1 --
	[ "$last" = "4 passed, 0 failed" ]
	[[ $output == *"--- unsteady"*"=== unit-shaky (exit 139)"*Segmentation* ]]
	rm "$TMP/shaken" "$TMP/mood"
	run_sh 1 --
	[ "$last" = "2 passed, 2 failed" ]
}

@test "only .ci/run asks for it, and a skip that hides the real part fails" {
	run -0 grep -rl TEST_AGAIN=1 "$QUELL_ROOT/.ci" "$QUELL_ROOT/Makefile"
	[ "$output" = "$QUELL_ROOT/.ci/run" ]
	fake hidden <<<"skip 'no such tool'"
	run_sh 1 CI=true TEST_AGAIN=1 -- hidden.bats steady.bats
	[ "$last" = "1 passed, 1 failed" ]
	run_sh 0 -- hidden.bats steady.bats
	[ "$last" = "1 passed, 0 failed" ]
}
