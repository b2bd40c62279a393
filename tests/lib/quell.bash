# quell.bash - what every .bats file loads: paths, the man page examples, and
# how a command is asked.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

QUELL_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
QUELL_B=$QUELL_ROOT/${B:-build}
PATH="$QUELL_B/bin:$PATH"
export QUELL_ROOT QUELL_B PATH
# a person's own setup must not leak into a test
unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_REGION AWS_DEFAULT_REGION \
	AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN \
	AWS_ENDPOINT_URL QUELL_STATE_DIR http_proxy https_proxy
export AWS_CONFIG_FILE=/nonexistent AWS_SHARED_CREDENTIALS_FILE=/nonexistent
export AWS_EC2_METADATA_DISABLED=true
# LeakSanitizer cannot work under strace or in a sandboxed process
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:exitcode=99}

# LeakSanitizer does not work in a traced process: the other
# checks of the sanitizers do
no_leak_check() {
	export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
}

# preload_faults: sets preload, for LD_PRELOAD="$preload" before one command;
# the sanitizer's own library must come first
preload_faults() {
	preload=$QUELL_B/faults.so
	if [[ $QUELL_B == *asan* ]]; then
		preload="$(gcc -print-file-name=libasan.so) $preload"
		no_leak_check
	fi
}

# man_examples NAME: the commands of the EXAMPLES section (lines ".Dl $ ..."),
# one a line; a comment '.\" exit N' before one gives the code it must have.
man_examples() {
	awk '/^\.Sh/ { on = ($2 == "EXAMPLES") ; next }
	    !on { next }
	    /^\.\\" exit / { code = $3 }
	    /^\.Dl \$ / { sub(/^\.Dl \$ /, ""); gsub(/\\e/, "\\");
		gsub(/\\-/, "-"); gsub(/\\(aq|\[aq\])/, "\x27");
		gsub(/\\\(dq|\\\(aq/, "\x27"); gsub(/\\&/, "");
		print (code == "" ? 0 : code) "\t" $0; code = "" }' \
	    "$QUELL_ROOT/cmd/$1.1"
}

# run_examples NAME: run them all in the current folder; the test prepares
# the files and the environment they speak of.
run_examples() {
	local code line n=0 got
	while IFS=$'\t' read -r code line; do
		n=$((n + 1))
		got=0
		bash -euo pipefail -c "$line" >example.out 2>example.err ||
			got=$?
		if [ "$got" != "$code" ]; then
			echo "example exited $got, not $code: $line"
			cat example.out example.err
			return 1
		fi
	done < <(man_examples "$1")
	[ "$n" -gt 0 ]
}

# code N COMMAND...: it exits with N; its stdout in out, its stderr in err
code() {
	local want=$1 got=0
	shift
	"$@" >out 2>err </dev/null || got=$?
	[ "$got" = "$want" ] || {
		echo "$* exited $got, not $want"
		cat out err
		return 1
	}
}

# json_is JSON FILTER: jq says true
json_is() {
	jq -e "$2" <<<"$1" >/dev/null || {
		printf 'not %s: %s\n' "$2" "$1"
		return 1
	}
}

# is FILTER: jq says true of the record on stdout
is() {
	json_is "${output-}" "$1"
}
