#!/usr/bin/env bats
# What is installed, and what is not, seen through an apt-get that only notes.

load lib/quell

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset DEPS
	mkdir -p p/tests bin
	cp "$QUELL_ROOT"/tests/{deps.sh,venv.sh,requirements.txt} p/tests/
	export NOTES=$PWD/notes PIP_INDEX_URL=http://127.0.0.1:9/ \
		PIP_NO_CACHE_DIR=1 PIP_CONFIG_FILE=/dev/null \
		PIP_EXTRA_INDEX_URL='' PIP_FIND_LINKS=''
	: >notes
	tool apt-get 'echo "$*" >>"$NOTES"
		case " $* " in *" -s "*) echo "Inst ${PLAN-nothing} (1)" ;; esac'
	tool dpkg-query 'case $* in *binary*) cat "${HAVE:-/dev/null}" ;; esac'
	tool apt-cache ':'
	tool sudo 'echo "sudo $*" >>"$NOTES"; exec "$@"'
	PATH=$PWD/bin:$PATH
}

tool() {	# NAME SHELL-TEXT
	printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
	chmod +x "bin/$1"
}

have_all() {
	sed -n '/cat <<-END/,/END$/p' p/tests/deps.sh |
		awk 'NF == 3 { print "installed " $2 }' >have
	export HAVE=$PWD/have
}

@test "DEPS=0 does nothing; a wrong word is 64" {
	run -0 env DEPS=0 p/tests/deps.sh drill
	[ -z "$output$(cat notes)" ]
	run -64 p/tests/deps.sh everything
	[ ! -s notes ]
}

@test "what is missing is said and installed; what is there is not asked for" {
	echo 'installed gcc' >have
	HAVE=$PWD/have run -0 p/tests/deps.sh build
	[[ $output == *"installing with apt-get: "*libcurl4-openssl-dev* ]]
	[[ $output != *" gcc "* ]]
	grep -q -- '-y .*install .*libcurl4-openssl-dev' notes
	have_all
	: >notes
	run -0 p/tests/deps.sh build
	[ -z "$output$(cat notes)" ]
}

@test "a mail or name server does not come in by the back door" {
	for s in exim4-base postfix unbound rbldnsd bind9; do
		: >notes
		PLAN=$s run -1 p/tests/deps.sh build
		[[ $output == *"would install a service"* ]]
		run -1 grep -- '-y.* install' notes
	done
	# nor is one asked for by name
	run -1 grep -wE 'exim4|rbldnsd|unbound' \
		<(sed -n '/cat <<-END/,/END$/p' p/tests/deps.sh)
}

@test "no package index: the distribution's botocore; without it tests are left out" {
	/usr/bin/python3 -c 'import botocore' 2>/dev/null &&
		skip "botocore is installed here"
	have_all
	run -0 p/tests/deps.sh check
	grep -q 'install python3-botocore$' notes
	[[ $output == *"python3-botocore"*"left out: every test that needs the AWS emulator"* ]]
	[ ! -e p/build/venv ]
	# the drill cannot be without
	run -1 p/tests/deps.sh drill
}

@test "without botocore a test of the emulator is skipped, not failed" {
	mkdir -p t/tests/aws
	cp "$QUELL_ROOT/tests/aws/emu.bash" t/tests/aws/
	sed 's/^%/@/' >t/tests/x.bats <<-'END'
	load aws/emu.bash
	emu_python() { return 1; }
	setup_file() { emu_start; }
	setup() { emu_set '{}'; }
	teardown_file() { emu_stop; }
	%test "x" { false; }
	END
	sed 's/setup_file/shared/; s/emu_set .{}./emu_start/' t/tests/x.bats \
		>t/tests/y.bats
	for t in x y; do
		run -0 env -i PATH=/usr/local/bin:/usr/bin:/bin bats --tap "t/tests/$t.bats"
		[[ $output == *"ok 1"*"# skip no python with botocore"* ]]
	done
}
