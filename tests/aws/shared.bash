# shellcheck shell=bash
# One emulator for all the tests of a file:
#
#   load aws/shared.bash
#   setup() { emu_fresh '{"preset": "immediate"}'; ... }
#
# A file that wants another world has its own setup_file, which calls emu_start.

# shellcheck source=tests/aws/emu.bash
. "$(dirname "${BASH_SOURCE[0]}")/emu.bash"

setup_file() {
	emu_start
}

teardown_file() {
	emu_stop
}

# emu_fresh [JSON]: how each test begins: in its folder, with a state folder
# of its own, without faults, with an empty log and JSON set.
emu_fresh() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state
	emu_env
	emu_control POST clear_faults >/dev/null || return 1
	[[ -z ${1:-} ]] || emu_set "$1" || return 1
	emu_reset_log
}
