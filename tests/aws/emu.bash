# shellcheck shell=bash
# Start, ask and stop the AWS emulator from bats:
#
#   load aws/emu.bash
#   setup()    { emu_start; }
#   teardown() { emu_stop; }
#
# (one for a whole file: shared.bash)
#
# Every function returns non-zero when it could not do its work.

emu_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The first Python that has botocore; its path on stdout.
emu_python() {
	local one
	for one in "${QUELL_PYTHON:-}" "$emu_here/../../build/venv/bin/python3" \
	    /usr/bin/python3 python3; do
		[[ -n $one ]] || continue
		if "$one" -c 'import botocore' 2>/dev/null; then
			printf '%s\n' "$one"
			return 0
		fi
	done
	echo 'emu: no python with botocore; run tests/venv.sh' >&2
	return 1
}

# The tests that need botocore are left out where there is none.
emu_skip() {
	[[ -z ${EMU_NONE:-} ]] || skip 'no python with botocore'
}

# What commands need to find the emulator. emu_start does it; tests that share
# one (emu_start in setup_file) do it in setup, for quell.bash has unset it.
emu_env() {
	emu_skip
	export AWS_ENDPOINT_URL="http://{service}.{region}.localhost:$EMU_HTTP"
	export AWS_CA_BUNDLE="$EMU_DIR/ca.pem"
	export AWS_ACCESS_KEY_ID=AKIARESPONDERKEY0001
	export AWS_SECRET_ACCESS_KEY='r3sp0nd/+ErSecretKeyForTheEmulator+00001'
	export AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
	export QUELL_SES_SMTP="email-smtp.{region}.localhost:$EMU_SMTP"
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE
}

# emu_start [WORLD.json [ARGUMENT...]]
emu_start() {
	local python world=() tries=400
	if ! python=$(emu_python); then
		[[ $(type -t skip) = function ]] || return 1
		# bats cannot skip in setup_file: what asks the emulator later does
		export EMU_NONE=1
		[[ -z ${BATS_TEST_TMPDIR:-} ]] || emu_skip
		return 0
	fi
	[[ -z ${1:-} ]] || world=(--seed "$1")
	shift || true
	local tmp=${BATS_TEST_TMPDIR:-${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}}
	EMU_DIR=$(mktemp -d "$tmp/emu.XXXXXX") || return 1
	# bats waits for whoever holds fd 3. The parent is the one that runs the
	# tests: $PPID would already be gone after a crash of the test file.
	"$python" "$emu_here/emulator.py" --dir "$EMU_DIR" --parent-pid "$$" \
	    "${world[@]}" "$@" >"$EMU_DIR/log" 2>&1 </dev/null 3>&- &
	EMU_PID=$!
	while [[ ! -e $EMU_DIR/ports.json ]]; do
		if ! kill -0 "$EMU_PID" 2>/dev/null || ((--tries == 0)); then
			echo 'emu: did not start:' >&2
			cat "$EMU_DIR/log" >&2
			return 1
		fi
		sleep 0.05
	done
	local ports
	ports=$(jq -r '"\(.http) \(.https) \(.imds) \(.smtp_starttls) \(.smtp_tls)"' \
	    "$EMU_DIR/ports.json") || return 1
	read -r EMU_HTTP EMU_HTTPS EMU_IMDS EMU_SMTP EMU_SMTPS <<<"$ports"
	export EMU_DIR EMU_PID EMU_HTTP EMU_HTTPS EMU_IMDS EMU_SMTP EMU_SMTPS
	emu_env
}

# A test fails by it if a client ever broke a rule, though the log was reset
# since; a script, which may stop more in the same trap, is only told.
emu_stop() {
	[[ -n ${EMU_PID:-} ]] || return 0
	kill "$EMU_PID" 2>/dev/null || true
	wait "$EMU_PID" 2>/dev/null || true
	unset EMU_PID
	[[ -s $EMU_DIR/violations.jsonl ]] || return 0
	echo 'emu: violations:' >&2
	cat "$EMU_DIR/violations.jsonl" >&2
	[[ $(type -t skip) != function ]]
}

# emu_control METHOD PATH [JSON]
emu_control() {
	local data=()
	emu_skip
	[[ -z ${3:-} ]] || data=(--data-binary "$3")
	curl -sS --fail-with-body --noproxy '*' -X "$1" "${data[@]}" \
	    "http://127.0.0.1:$EMU_HTTP/_emu/$2"
}

# emu_calls [FILTER]: the calls as one JSON array, through jq
emu_calls() {
	emu_control GET calls | jq -c "${1:-.[]}"
}

emu_mutating_count() {
	emu_control GET 'calls?mutating=1' | jq length
}

emu_fault() {
	emu_control POST fault "$1" >/dev/null
}

emu_set() {
	emu_control POST set "$1" >/dev/null
}

# emu_key JSON: makes a user and a key; prints {"id","secret","status"}
emu_key() {
	emu_control POST key "$1"
}

emu_world() {
	emu_control GET world | jq -c "${1:-.}"
}

# Prints the violations; fails if there are any.
emu_violations() {
	local found
	found=$(emu_control GET violations | jq -c '.[]') || return 1
	[[ -n $found ]] || return 0
	printf '%s\n' "$found"
	return 1
}

emu_no_violations() {
	emu_violations >&2
}

# emu_violated PATTERN: there was such a violation and it was meant to be:
# emu_stop does not fail by it.
emu_violated() {
	local file=$EMU_DIR/violations.jsonl
	if ! grep -qE -e "$1" "$file"; then
		echo "emu: no violation like this: $1" >&2
		return 1
	fi
	grep -vE -e "$1" "$file" >"$file.rest" || true
	cat "$file.rest" >"$file"
}

emu_reset_log() {
	emu_control POST reset_log >/dev/null
}
