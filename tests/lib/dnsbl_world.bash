# dnsbl_world.bash - DNS lists that behave and, mostly, that do not
#
# dnsbl_world DIR     DIR/zones.json for fakedns, DIR/lists.tsv (the table for
#                     dnsbl-check) and DIR/truth: "ZONE listed|clean|other",
#                     what may be said of 192.0.2.10; "other" is neither
#                     listed nor clean, because nobody can know
# dnsbl_wrong DIR     how many lines of standard input ("ZONE WORD") say what
#                     must not be said; each on stderr
# check ARG...        dnsbl-check with the options of the array R
# field ZONE NAME     of the record of that zone in $output
#
# What is started below $DNS is stopped when the file's tests are done.
# shellcheck shell=bash

dnsbl_world()	# DIR
{
	mkdir -p "$1"
	jq -n '
	def good($more): {records: ({"2.0.0.127": [["A","127.0.0.2"]]} + $more)};
	def bad: good({"10.2.0.192": [["A","127.0.0.2"], ["TXT","spam"]]});
	{
	"listed.test": bad,
	"clean.test": good({}),
	"tcp.test": (bad + {mode: "truncate"}),
	"white.test": good({"10.2.0.192": [["A","127.0.3.0"]]}),
	"openres.test": {mode: "wildcard", value: "127.255.255.254"},
	"rate.test": {mode: "wildcard", value: "127.255.255.255"},
	"typo.test": {mode: "wildcard", value: "127.255.255.252"},
	"refuse1.test": {mode: "wildcard", value: "127.0.0.1"},
	"adblock.test": {mode: "wildcard", value: "0.0.0.0"},
	"parked.test": {mode: "wildcard", value: "203.0.113.80"},
	"world.test": {mode: "wildcard", value: "127.0.0.2"},
	"refused.test": {mode: "refused"},
	"servfail.test": {mode: "servfail"},
	"notimp.test": {mode: "notimp"},
	"silent.test": {mode: "drop"},
	"empty.test": {mode: "empty"},
	"gone.test": {mode: "nxdomain"},
	"emptied.test": {records: {"@": [["NS","ns.emptied.test"]]}},
	"cut.test": (bad + {mode: "truncate-drop"}),
	"hijack.test": {records: {"2.0.0.127": [["A","127.0.0.2"]],
	    "*": [["A","203.0.113.80"]]}},
	"mixed.test": good({"10.2.0.192": [["A","127.0.0.2"],
	    ["A","127.255.255.255"]]}),
	"keyed.test": {mode: "refused"},
	"garbage.test": {mode: "garbage"},
	"id.test": (bad + {mode: "wrong-id"}),
	"name.test": (bad + {mode: "wrong-name"})
	}' >"$1/zones.json"
	jq -r 'keys[] | . + " " + ({"listed.test": "listed",
	    "tcp.test": "listed", "clean.test": "clean"}[.] // "other")' \
	    "$1/zones.json" >"$1/truth"
	{
		sed 's/ .*//; /^white/d; s/^keyed/KEY.keyed/' "$1/truth"
		printf 'white.test\t4\twhite\t1\t.0.2=test;127.0.2.0-127.0.9.255=trusted\n'
	} >"$1/lists.tsv"
}

dnsbl_wrong()	# DIR
{
	awk 'NR == FNR { truth[$1] = $2; next }
	    { seen[$1] = 1
	      bad = $2 != truth[$1]
	      if (truth[$1] == "other") bad = $2 == "listed" || $2 == "clean"
	      if (bad) { n++; print $1 ": " $2 >"/dev/stderr" } }
	    END { for (z in truth) if (!seen[z]) { n++
	          print z ": not a word" >"/dev/stderr" }
	      print n + 0 }' "$1/truth" -
}

check()	# ARG...
{
	dnsbl-check "${R[@]}" "$@"
}

field()	# ZONE NAME
{
	# shellcheck disable=SC2154
	jq -r --arg z "$1" "select(.zone == \$z) | $2" <<<"$output"
}

teardown_file()
{
	local d
	for d in "$DNS"/*/; do
		dns_stop "${d%/}"
	done
}
