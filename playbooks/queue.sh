# queue.sh - what playbooks do with the queue of a mail host: who is it, stop
# him, keep what is there, take the spam out, show that the rest is honest.
#
# Who it is stays what it was when it was first seen: a run that was killed
# must not judge anew by half a queue.
# shellcheck shell=bash disable=SC2154,SC2034 # lib.sh sets and reads pb_...

pb_on_host=yes

# Who the spam in the queue seems to come from, once, into a file.
queue_suspects() {	# FILE
	[ -e "$1" ] || {
		pb_host exim-queue --suspects -o json >"$1.new"
		mv "$1.new" "$1"
	}
	jq -r '"suspect: \(.id), \(.count) messages: " +
		([.signals[] | "\(.signal) \(.found)"] | join(", "))' "$1" >&2
}

# The first of them that is an account: it has most messages.
queue_account() {	# FILE
	jq -rs 'map(select(.kind == "account"))[0].value // ""' "$1"
}

# Stop new mail of them; ACCOUNT may be one that a person named.  What the
# host's hook has no line for is said, and stops nobody else.
queue_block() {	# FILE ACCOUNT
	local rc=0
	if [ -n "$2" ]; then
		pb_mail exim-block -- "$2" >"$pb_out/block.jsonl"
	fi
	jq -c --arg a "$2" 'select(.kind != "account" or
		(.value | ascii_downcase) != ($a | ascii_downcase))' "$1" \
		>"$pb_out/others.jsonl"
	[ -s "$pb_out/others.jsonl" ] || return 0
	pb_mail exim-block <"$pb_out/others.jsonl" \
		>"$pb_out/others-blocked.jsonl" || rc=$?
	cat "$pb_out/others-blocked.jsonl" >>"$pb_out/block.jsonl"
	[ "$rc" = 78 ] || return "$rc"
	pb_say "not all of them could be blocked: see exim-hold --print-hook"
}

# What is left of them in the queue is honest: it may go out, while they stay
# stopped.
queue_unhold() {	# FILE: what queue_block wrote
	[ -s "$1" ] || return 0
	jq -c 'select(.ok)' "$1" >"$pb_out/blocked.jsonl"
	[ -s "$pb_out/blocked.jsonl" ] || return 0
	pb_mail exim-block --new-only <"$pb_out/blocked.jsonl" \
		>"$pb_out/unheld.jsonl"
}

# The queue as it is, and what the main log says until now.
queue_preserve() {
	local log
	pb_host exim-queue -o json >"$pb_out/queue.jsonl"
	pb_event queue "$pb_out/queue.jsonl"
	# what the log says until now, compressed
	log=$(pb_mainlog) || return 0
	pb_host test -e "$log" </dev/null || {
		pb_say "there is no $log: no log is kept"
		return 0
	}
	pb_host gzip -c "$log" >"$pb_out/mainlog.gz"
	pb_event mainlog "$pb_out/mainlog.gz"
}

# Take out what their selections take, and nothing else.
queue_purge() {	# FILE NAME [OPTION...]
	local where wheres total n file=$1 name=$2
	shift 2
	: >"$pb_out/all.jsonl"
	mapfile -t wheres < <(jq -r .where "$file")
	# not a loop that reads: ssh would eat the rest of the list
	for where in ${wheres[@]+"${wheres[@]}"}; do
		pb_host exim-queue --where "$where" -o json \
			>>"$pb_out/all.jsonl"
	done
	jq -cs 'unique_by(.id)[]' "$pb_out/all.jsonl" >"$pb_out/plan.jsonl"
	n=$(wc -l <"$pb_out/plan.jsonl")
	pb_say "$n messages are spam by what they show"
	[ "$n" -gt 0 ] || return 0
	pb_mark queue.purging '{type: "note", id: "purge",
		count: ($n | tonumber), suspects: [$s[] | {id, where, selected,
		left, signals}]}' --arg n "$n" --slurpfile s "$file"
	# what is half out is still to be stopped
	pb_mail exim-queue-purge --queue-name "$name" --partly-delivered \
		--wait 30 "$@" <"$pb_out/plan.jsonl" >"$pb_out/purged.jsonl"
	total=$(jq -s 'map(select(.ok and (.changed // .dry_run))) | length' \
		"$pb_out/purged.jsonl")
	pb_say "$total messages are in quarantine"
	pb_event purged "$pb_out/purged.jsonl"
}

# What remains is honest as far as it can be told: nobody of those whose mail
# was taken stands out any more.  WORD is a person's, who has looked.
queue_prove() {	# FILE WORD
	local file=$1 word=$2
	pb_host exim-queue --suspects -o json >"$pb_out/left.jsonl"
	pb_host exim-queue --top auth_user --limit 5 -o json \
		>"$pb_out/remains.jsonl"
	pb_host exim-queue --limit 5 -o json >"$pb_out/sample.jsonl"
	pb_say "what remains, by account:"
	jq -r '"  \(.count)  \(.value)"' "$pb_out/remains.jsonl" >&2
	pb_say "some of it:"
	jq -r '"  \(.id)  \(.auth_user // .sender // "-")  " +
		"\(.subject // "")"' "$pb_out/sample.jsonl" >&2
	[ -n "$pb_apply" ] || return 0
	pb_mark queue.remains '{type: "note", id: "remains", word: $word,
		suspects: [$left[].id], sample: [$s[].id]}' --arg word "$word" \
		--slurpfile left "$pb_out/left.jsonl" \
		--slurpfile s "$pb_out/sample.jsonl"
	jq -se --slurpfile was "$file" 'map(.id) - (map(.id) -
		[$was[].id]) == []' "$pb_out/left.jsonl" >/dev/null && return 0
	jq -r '"still there: \(.id)  \(.command)"' "$pb_out/left.jsonl" >&2
	[ -n "$word" ] || pb_die 1 "spam seems to be left in the queue: look," \
		"and start again with --rest-checked 'who, what'"
}
