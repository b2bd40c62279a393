# blocklists.sh - what playbooks do about lists and providers that refuse an
# address: who does, is the spam over, what to ask of whom, in which words.
# shellcheck shell=bash disable=SC2154 # lib.sh sets pb_..., the playbook args

# What the playbook sets: options for dnsbl-check, the names to ask about.
lists_args=() lists_names=()

# Which lists have them, into a file.  0 none, 1 some, 75 some did not tell;
# any other failure of the check is one of the step's.
lists_check() {	# FILE [OPTION...]
	local file=$1 rc=0
	shift
	dnsbl-check -o json "$@" ${lists_args[@]+"${lists_args[@]}"} -- \
		"${lists_names[@]}" </dev/null >"$file" || rc=$?
	return "$rc"
}

lists_told() {	# CODE FILE: what lists_check found, for the person
	case $1 in
	0) pb_say "in no blocklist" ;;
	1)
		pb_say "listed:"
		jq -r 'select(.verdict == "listed") |
			"  \(.id)  \(.zone)  \(.delist // "")"' "$2" >&2
		;;
	75) pb_say "listed nowhere, but some lists did not tell:" ;;
	esac
	jq -r 'select((.verdict == "unknown" or .verdict == "policy-refused") and
		.class != "white") | "  \(.zone): \(.why // .verdict)"' "$2" |
		sort -u | head -n 10 >&2
}

# Why providers refuse the host's mail, by its own log; it is copied from
# there, so that this host's table and eyes see it.  What was refused before
# the log was rotated is in the one before, and the new one may not be there.
lists_refusals() {	# LOG SINCE FILE
	pb_host sh -c 'some=
		for f in "$1.1" "$1"; do
			[ ! -e "$f" ] || { cat "$f" || exit; some=yes; }
		done
		[ -n "$some" ] || { echo "$1: no such file" >&2; exit 66; }' \
		sh "$1" </dev/null |
		mail-refusals -o json --since "$2" - >"$3"
}

# The refusals that a provider can end, and that have not ended.
lists_refusing() {	# FILE
	jq -c 'select(.type == "mail-refusal" and .still and
		(.class | IN("ip-blocked", "domain-blocked", "account", "rate")))' "$1"
}

# What was done, as the journal has it: "TIME  words", one a line.
lists_done() {
	[ -s "$pb_dir/journal.jsonl" ] || return 0
	jq -rs 'def words($n; $args):
		if $n == "exim-hold" and ($args | index("--release")) then
			"delivery of outbound mail resumed"
		elif $n == "exim-hold" then "all outbound mail of the host was held"
		elif $n == "exim-block" and ($args | index("--new-only") | not) then
			"the sources of the spam were blocked"
		elif $n == "exim-queue-purge" then
			"unsent spam was taken out of the queue"
		else null end;
	reduce .[] as $e ({out: [], open: {}};
		($e.event | split(".")) as $p |
		if ($e.event | endswith(".begin")) then
			.open[$p[0]] = ($e.data.args // [])
		elif ($e.event | endswith(".end")) and $e.data.exit == 0 and
				.open[$p[0]] != null then
			words($p[0]; .open[$p[0]]) as $w |
			if $w then .out += ["\($e.time)  \($w)"] else . end
		elif $e.event == "incident.contained" then
			.out += ["\($e.time)  the abuse was stopped, and that was proven"]
		elif $e.event == "credentials.published" then
			.out += ["\($e.time)  new credentials replaced the stolen ones"]
		elif $e.event == "host.checked" then
			.out += ["\($e.time)  the host was checked for what let them in"]
		elif $e.event == "cause.proven" and
				(($e.data.doubts // []) == []) then
			.out += ["\($e.time)  the queue shows no spam any more"]
		else . end) | .out | unique | .[]' "$pb_dir/journal.jsonl"
}

# A letter to who can end it; what only a person knows stays in brackets.
lists_letter() {	# TO SUBJECT WHAT SAMPLE ASKS CAUSE CONTACT
	local opened=''
	[ ! -s "$pb_dir/journal.jsonl" ] ||
		opened=$(jq -r 'select(.event == "incident.opened").time' \
			"$pb_dir/journal.jsonl" | head -n 1)
	cat <<-END
	To: $1
	Subject: $2

	$3

	Addresses: ${lists_names[*]}
	Noticed (UTC): ${opened:-[when]}
	Cause: ${6:-[what let the spam out]}

	What we did (UTC):
	$(lists_done | sed 's/^/- /' | grep . || echo '- [what was done, and when]')

	What your side told us:
	  ${4:-[the text of the refusal]}

	Please take the addresses off your list, or tell us what is still missing.

	Contact: ${7:-[name, mail address, telephone]}
	END
	[ -z "$5" ] || printf '\n(They ask for: %s)\n' "$5"
}

# One letter for each list and each provider, into a folder.
lists_letters() {	# TODO REFUSING FOLDER CAUSE CONTACT
	local n=0 to subject what sample asks name
	mkdir -p "$3"
	# a file: what cannot be read must not pass for no letters
	jq -rs --arg ip "${lists_names[*]}" 'def word: gsub("[^A-Za-z0-9.-]"; "_") |
			.[0:60];
		group_by(.zone)[] | [(.[0].zone | word),
		(.[0].delist // "the list has no form: it ends by itself"),
		"Removal of \([.[].id] | join(", ")) from \(.[0].zone)",
		"Our addresses are in your list \(.[0].zone) (\(.[0].meanings)).",
		(.[0].reason // "-"), (.[0].steps // "")] | @tsv' "$1" >"$3.tsv"
	jq -rs --arg ip "${lists_names[*]}" 'def word: gsub("[^A-Za-z0-9.-]"; "_") |
			.[0:60];
		group_by([.provider, .contact])[] |
		select(.[0].contact != null and .[0].provider != "other") |
		[(.[0].provider | word), .[0].contact,
		"Mail from \($ip) is refused",
		"Your servers refuse mail from our addresses since " +
			"\([.[].first] | min), last at \([.[].last] | max) " +
			"(\([.[].count] | add) times).",
		"\(.[0].code // "") \(.[0].enhanced // "") \(.[0].sample.text)",
		(.[0].asks // "")] | @tsv' "$2" >>"$3.tsv"
	while IFS=$'\t' read -r name to subject what sample asks; do
		n=$((n + 1))
		lists_letter "$to" "$subject" "$what" "$sample" "$asks" "$4" \
			"$5" >"$3/$(printf '%02d' "$n")-$name.txt"
	done <"$3.tsv"
	pb_say "$n letters in $3"
}
