#!/usr/bin/env bats
# playbooks/web-form-abuse, killed at every step, and started again
# shellcheck disable=SC2030,SC2031,SC2154

load lib/quell
load lib/web_form

setup() {
	web_world
}

teardown() {
	web_teardown
}

@test "killed at every step, the end is the same" {
	local rc=137 n=0 step
	abuse
	mkdir killed all
	ln -s "$QUELL_B"/bin/* all/
	# the web server is a command, too
	cp nginx all/web-server
	"$QUELL_ROOT/tests/drill/killer.sh" make "$PWD/killer" "$PWD/all"
	sed -i "s|exec \"$PWD/nginx\"|exec web-server|; s|\*) exec |*) PATH=$PWD/killer:\$PATH exec |" host
	export KILLER_INCIDENT=$PWD/case KILLER_DONE=$PWD/killed \
		KILLER_BIN=$PWD/all QUELL_LOCK_WAIT=60
	while [ "$rc" = 137 ] && [ "$n" -lt 60 ]; do
		rc=0
		PATH="$PWD/killer:$PATH" setsid -w "$PLAY" "${args[@]}" --apply \
			--incident case --block me --host-checked me \
			</dev/null >>play.out 2>&1 3>&- || rc=$?
		n=$((n + 1))
	done
	[ "$rc" = 0 ] || { cat play.out; false; }
	echo "killed $((n - 1)) times:" killed/*
	for step in 10_identify_forms 12_identify_users 20_contain_intake \
		30_preserve_logs 40_eradicate_rules 41_eradicate_block \
		42_eradicate_quarantine 43_eradicate_prove 50_recover_release; do
		[ -d "killed/$step.before" ] && [ -d "killed/$step.after" ]
	done
	web_ended case
	[ "$(find web | sort | tr '\n' ' ')" = \
		'web web/quell-web-forms.conf web/quell-web-forms.conf.quell-none ' ]
}
