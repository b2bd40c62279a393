# blocklisted.bash - a listed address: name server, mail host, its log; for the
# tests of playbooks/ip-blocklisted
# shellcheck shell=bash disable=SC2154 # run's variables

load lib/dns

PLAY=$QUELL_ROOT/playbooks/ip-blocklisted
IP=203.0.113.25

blocklisted_world() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export QUELL_STATE_DIR=$PWD/state QUELL_INCIDENTS=$PWD/incidents TZ=UTC
	zones answer
	fakedns_start dns zones.json --default nxdomain
	printf '%s\n' $'bl.test\t4\tblack\t1\t.0.2=spam source\t-\tstd\thttps://bl.test/remove' \
		$'other.test\t4\tblack\t2' >lists.tsv
	: >mainlog
	refused "$(date -u +%F)" 10:00:00
	# a mail host: two programs of it, and its log
	mkdir host
	printf '#!/bin/sh\ncat "%s/suspects"\n' "$PWD" >host/exim-queue
	printf '#!/bin/sh\necho "{\\"type\\":\\"mail-hold\\",\\"id\\":\\"h\\",\\"held\\":$(cat "%s/held")}"\n' \
		"$PWD" >host/exim-hold
	chmod +x host/*
	: >suspects
	echo false >held
	export QUELL_MAILHOST_CMD="env PATH=$PWD/host:$PATH"
	args=(--address "$IP" --resolver "127.0.0.1:$(dns_port dns)"
		--blocklist-zones "$PWD/lists.tsv" --log "$PWD/mainlog"
		--since 30d --dnsbl-option=--force --dnsbl-option=--retest)
}

zones() {	# answer: bl.test has the address; clean: nobody has
	local here='[["A", "127.0.0.2"], ["TXT", "spam seen, see https://bl.test/"]]'
	[ "$1" = answer ] || here='[]'
	jq -n --argjson here "$here" '{"bl.test": {ttl: 0, records: ({"2.0.0.127":
		[["A", "127.0.0.2"]]} + if $here == [] then {} else
		{"25.113.0.203": $here} end)},
		"shop.test": {ttl: 0, records: {"@":
			[["TXT", "v=spf1 ip4:192.0.2.1 -all"]]}},
		"other.test": {ttl: 0, records: {"2.0.0.127": [["A", "127.0.0.2"]]}}}' \
		>zones.new
	mv zones.new zones.json
}

refused() {	# DATE TIME
	printf '%s %s 1xUtVi-0006tA-0D ** a@hotmail.com R=d T=s H=hotmail-com.olc.protection.outlook.com [192.0.2.7]: SMTP error from remote mail server after MAIL FROM:<x@y.example>: 550 5.7.1 Unfortunately, messages from [%s] were not sent. Please contact your Internet service provider since part of their network is on our block list (S3140).\n' \
		"$1" "$2" $IP >>mainlog
}

taken() {	# DATE TIME
	printf '%s %s 1xUtVj-0006tA-0D => a@hotmail.com R=d T=s H=hotmail-com.olc.protection.outlook.com [192.0.2.7] C="250 ok"\n' \
		"$1" "$2" >>mainlog
}

play() {	# CODE [option...]
	local code=$1
	shift
	run "-$code" "$PLAY" "${args[@]}" "$@"
}
