# lib.sh - the step engine that every playbook shares.
#
# A playbook defines functions step_NN_phase_what and calls
#	pb_parse "$@"; pb_run
# Steps run in the order of their numbers.  The output, exit code and times of
# each are kept below the incident directory; a step that ended well is passed
# over when the playbook is started again.  Nothing changes without --apply.
#
# What a step may use:
#	$pb_mode	-n or -y, never empty: hand it to every changing command
#	$pb_dir		the incident directory (a scratch one in a dry run)
#	$pb_out		a folder for this step's files
#	pb_change CMD	run a changing command with $pb_mode and --incident
#	pb_mail CMD	the same on the mail host, journalled before and after
#	pb_credential PLACES KEY	what a mail host sends with, as a block
#	pb_deliver FROM TO	a mail by the mail host's own Exim, to its end
#	pb_again	this step ends well, but is to be run again next time
#	pb_say TEXT	tell the person
#	pb_need NAME	a value that must be known by now, else stop with 64
#	pb_note NAME VALUE / pb_get NAME	remember for later steps
#	pb_journal EVENT	records on stdin into the journal
#	pb_play NAME	another playbook, as a person can start it
#	pb_remark EVENT NAME=VALUE...	a note of words
#	pb_hands USER	the credentials at work are not this stolen user's
#	pb_ended STEP	when it ended, for reports
#	pb_reader FILE CMD...	run a reader that must not hold up the rest
#	pb_incident ID ACTIVITY KIND RESOURCE	open one that nobody reported
#	pb_open_incident	open that of $pb_out/report.json
#	pb_pause_unused	pause SES where nothing honest is sent
#	pb_doors PLAN	close Mail Manager's ingress points in those regions
#	pb_part DIR	this is a part of that incident: mail is held and released
#			by its playbook
#	pb_is_part	0: so it is
#	pb_opened	a function of the playbook's own: looked at before any step
#	pb_part_holds	0: and mail has not been released yet
# shellcheck shell=bash

set -euo pipefail
shopt -s inherit_errexit
umask 077
export LC_ALL=C

pb_name=${0##*/}
pb_joins=	# yes: it works in another playbook's incident, too
pb_on_host=	# yes: it works on a mail host
pb_apply=
pb_from=
pb_until=
pb_part_of=
pb_list=
pb_dir=
pb_dry_dir=
pb_retries=${QUELL_RETRIES:-3}

pb_say() {
	printf '%s: %s\n' "$pb_name" "$*" >&2
}

pb_die() {	# CODE TEXT...
	local code=$1
	shift
	pb_say "$*"
	exit "$code"
}

# The head comment of the playbook is its help.
pb_help() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

pb_usage() {
	pb_say "$*"
	pb_say "hint: $pb_name -h"
	exit 64
}

pb_value() {	# OPTION [VALUE]: the value must be there and not empty
	[ -n "${2-}" ] || pb_usage "$1 needs a value"
	printf '%s' "$2"
}

# Options that all playbooks have; pb_option handles the rest and sets
# pb_took to the number of arguments it used (0: not its own).
pb_parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--apply) pb_apply=yes ;;
		-n | --dry-run) pb_apply= ;;
		--list) pb_list=yes ;;
		--from)
			pb_from=$(pb_value "$@")
			pb_known "$pb_from"
			shift
			;;
		--until)
			pb_until=$(pb_value "$@")
			pb_known "$pb_until"
			shift
			;;
		--incident)
			pb_dir=$(pb_value "$@")
			shift
			;;
		-h | --help)
			pb_help
			exit 0
			;;
		*)
			pb_took=0
			pb_option "$@"
			[ "$pb_took" -gt 0 ] || pb_usage "unknown option $1"
			shift $((pb_took - 1))
			;;
		esac
		shift
	done
}

pb_steps() {
	compgen -A function | grep '^step_[0-9]' | sort
}

# A number that no step has would run none of them, or all, and look well.
pb_known() {	# NN
	compgen -A function "step_$1" >/dev/null ||
		pb_usage "no step begins with $1: $pb_name --list"
}

# --- what steps use ---------------------------------------------------------

pb_change() {
	if [ -n "$pb_apply" ]; then
		"$@" -y --incident "$pb_dir"
	else
		"$@" -n
	fi
}

# One word for any POSIX shell.  printf %q writes $'...', which is bash's own:
# to another shell a quote in it would end the word.
pb_quote() {
	printf "'%s'" "${1//\'/\'\\\'\'}"
}

# A command on the mail host.  $QUELL_MAILHOST_CMD is a prefix ("ssh mail1
# sudo", "timeout 60 ssh mail1"); ssh gives its words to a shell, so they are
# quoted for it.
pb_host() {
	local prefix word ssh='' quoted=()

	read -ra prefix <<<"${QUELL_MAILHOST_CMD-}"
	for word in ${prefix[@]+"${prefix[@]}"}; do
		[ "${word##*/}" != ssh ] || ssh=yes
	done
	if [ -n "$ssh" ]; then
		for word; do
			quoted+=("$(pb_quote "$word")")
		done
		"${prefix[@]}" "${quoted[@]}"
	else
		${prefix[@]+"${prefix[@]}"} "$@"
	fi
}

# A changing command there.  It cannot reach the journal, which is here.
pb_mail() {
	local name=$1 rc=0

	shift
	pb_mark "$name.begin" '{args: $ARGS.positional}' --args -- "$@"
	pb_host "$name" "$pb_mode" "$@" || rc=$?
	pb_mark "$name.end" '{exit: $rc}' --argjson rc "$rc"
	return "$rc"
}

pb_mark() {	# EVENT, then what jq makes the details of
	local event=$1

	shift
	[ -n "$pb_apply" ] || return 0
	incident log "$pb_dir" --event "$event" --data "$(jq -nc "$@")" \
		</dev/null >/dev/null
}

# What a command on the mail host printed becomes evidence.  What is larger
# than incident(1) takes stays where it is, and its hash is journalled.
pb_event() {	# EVENT FILE
	local hash

	[ -n "$pb_apply" ] || return 0
	if [ "$(stat -c %s "$2")" -gt $((64 << 20)) ]; then
		hash=$(sha256sum <"$2")
		pb_mark "$1.kept" '$ARGS.named' --arg sha256 "${hash%% *}" \
			--arg file "${2#"$pb_dir/"}"
	else
		incident evidence "$pb_dir" --name "${2##*/}" <"$2" >/dev/null
	fi
}

# The mail host's main log; 1 when it is no file.
pb_mainlog() {
	local log

	log=$(pb_host exim4 -bP log_file_path 2>/dev/null ||
		pb_host exim -bP log_file_path)
	log=${log#*= }
	log=${log%%:*}
	case $log in
	/*%s*) printf '%s\n' "${log/\%s/main}" ;;
	*)
		pb_say "the mail log is no file: log_file_path is $log"
		return 1
		;;
	esac
}

# The credential of KEY that a mail host reads, as a block on standard output:
# only of the places whose form is plain.  1: there is none.
pb_credential() {	# PLACES KEY: the records of exim-creds there
	local place file

	place=$(jq -r --arg key "$2" 'select(.user == $key and (.live != false)
		and (.kind | IN("lookup-file", "passwd.client"))) |
		"\(.kind) \(.id | sub(":[0-9]+$"; ""))"' "$1" | head -n 1)
	file=${place#* }
	case ${place%% *} in
	lookup-file) pb_host cat "$file" </dev/null |
		sed -n 's/^pass\(\.[a-z0-9-]*\)\{0,1\}:[[:space:]]*/password\1=/p' ;;
	passwd.client) pb_host cat "$file" </dev/null | awk -F: -v key="$2" \
		'$2 == key && !n++ { sub(/^[^:]*:[^:]*:/, ""); print "password=" $0 }' ;;
	esac | sed "1i username=$2" | grep . || return 1
}

# What runs on the mail host: one message, delivered in the foreground.  With
# a folder as $3 that one is empty for this delivery alone, in a mount
# namespace of its own: the files in it that hold mail do not hold this one.
# shellcheck disable=SC2016
pb_deliver_there='
	exim=$(command -v exim4 || command -v exim) || exit 66
	[ -z "$3" ] || mount -t tmpfs none "$3" || exit 78
	exec "$exim" -odf -oi -f "$1" -- "$2"'

# One mail through the mail host's own Exim: the only proof that it sends.  0:
# somebody else's server took it; 75: deferred; 1: refused; 66: the log does
# not tell; 78: with PAST, no such namespace there.
pb_deliver() {	# FROM TO [past FOLDER: although mail is held]
	local from=$1 to=$2 past=${4-} log id lines message prefix=() rc=0

	message=quell-$(date -u +%s)-$$-$RANDOM@${from##*@}
	log=$(pb_mainlog) || return 66
	[ -z "$past" ] || prefix=(unshare --mount --)
	printf '%s\n' "From: <$from>" "To: <$to>" \
		'Subject: quell: proof of delivery' "Message-ID: <$message>" \
		'Auto-Submitted: auto-generated' '' \
		'Sent to prove that this host can send.' |
		pb_host ${prefix[@]+"${prefix[@]}"} sh -c "$pb_deliver_there" \
			sh "$from" "$to" "$past" || rc=$?
	[ -z "$past" ] || [ "$rc" = 0 ] || return 78
	[ "$rc" = 0 ] || return "$rc"
	lines=$(pb_host grep -F -- "$message" "$log" </dev/null) || return 66
	id=$(grep -oE ' [0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} <= ' \
		<<<"$lines" | head -n 1)
	id=${id# }
	id=${id% <= }
	[ -n "$id" ] || return 66
	lines=$(pb_host grep -F -- " $id " "$log" </dev/null) || return 66
	printf '%s\n' "$lines"
	case $lines in
	*" $id => "*) return 0 ;;
	*" $id =="*) return 75 ;;
	*" $id "\*\**) return 1 ;;
	*) return 66 ;;
	esac
}

pb_again() {
	: >"$pb_out/again"
}

pb_note() {
	printf '%s\n' "$2" >"$pb_dir/$pb_facts/$1.new"
	mv "$pb_dir/$pb_facts/$1.new" "$pb_dir/$pb_facts/$1"
}

pb_get() {
	cat "$pb_dir/$pb_facts/$1" 2>/dev/null || true
}

pb_need() {
	local v
	v=$(pb_get "$1")
	[ -n "$v" ] || {
		pb_say "$2"
		exit 64
	}
	printf '%s' "$v"
}

# They are in no PATH: what is printed is to be pasted.
pb_play() {	# NAME
	case $0 in
	*/*) printf '%s/%s' "${0%/*}" "$1" ;;
	*) printf '%s' "$1" ;;
	esac
}

pb_now() {
	date -u +%Y-%m-%dT%H:%M:%SZ
}

# An incident may have several ways in, each with a playbook and a folder of
# its own.  Mail is held once for all of them, and released by the playbook
# that began it, last: before its new key is proven, honest mail would bounce.
pb_part() {	# DIR: that one's incident
	[ -e "$1/journal.jsonl" ] || pb_usage "--part-of $1: no incident"
	pb_part_of=$(readlink -f "$1")
}

pb_is_part() {
	[ -n "$(pb_get part-of)" ]
}

pb_part_holds() {
	local dir
	dir=$(pb_get part-of)
	[ -n "$dir" ] && [ -d "$dir/steps" ] &&
		! compgen -G "$dir/steps/*_recover_release/done" >/dev/null
}

# Records on stdin become the details of an event.
pb_journal() {	# EVENT
	if [ -n "$pb_apply" ]; then
		incident log "$pb_dir" --event "$1" --data - >/dev/null
	else
		cat >/dev/null
	fi
}

# A note in the journal, of words.
pb_remark() {	# EVENT NAME=VALUE...
	local event=$1 args=() pair
	shift
	for pair; do
		args+=(--arg "${pair%%=*}" "${pair#*=}")
	done
	jq -nc "${args[@]}" --arg id "${event#*.}" \
		'{type: "note"} + $ARGS.named' | pb_journal "$event"
}

# Clean hands: what is stolen must not lead the response.
pb_hands() {	# USER
	local rc=0
	aws-preflight --compromised="$1" >"$pb_out/preflight.jsonl" || rc=$?
	case $rc in
	0) ;;
	75 | 77) return "$rc" ;;
	*) pb_say "preflight: exit $rc: AWS may refuse some of the steps" ;;
	esac
}

pb_ended() {	# STEP
	cat "$pb_dir/$pb_where/$1/ended" 2>/dev/null || echo '(not done)'
}

# A reader that helps a person and must not hold up the rest: what it says is
# evidence, and that it failed is told.
pb_reader() {	# FILE COMMAND...
	local file=$1 rc=0
	shift
	"$@" >"$file" </dev/null || rc=$?
	case $rc in
	0 | 1 | 3) ;;
	*) pb_say "$1: exit $rc: what it would have told is not known" ;;
	esac
	[ ! -s "$file" ] || pb_event "${file##*/}" "$file"
}

# The account that these credentials belong to, as a command of ours says it.
pb_account() {
	ses-pause -n "${AWS_REGION:-us-east-1}" 2>/dev/null |
		jq -r '.account // ""' | head -n 1
}

# Regions that the business does not use are paused at once; the plan is
# looked up, and just that is done.
pb_pause_unused() {
	local rc=0
	ses-pause -n --all-regions --no-baseline >"$pb_out/plan.jsonl" || rc=$?
	[ "$rc" = 0 ] || [ "$rc" = 3 ] || return "$rc"
	[ -s "$pb_out/plan.jsonl" ] || return 0
	rc=0
	pb_change ses-pause <"$pb_out/plan.jsonl" >"$pb_out/paused.jsonl" ||
		rc=$?
	[ "$rc" = 0 ] || [ "$rc" = 3 ] || return "$rc"
	jq -r 'select(.ok == false) | "  \(.id): \(.why // "not paused")"' \
		"$pb_out/paused.jsonl" >&2
	pb_doors "$pb_out/paused.jsonl"
}

# Mail Manager's ingress points have passwords of their own, and a paused
# account does not shut them: they are closed where SES is paused; where honest
# mail comes from they are named.
pb_doors() {	# RECORDS of ses-pause: of the regions that are to be shut
	local rc=0
	ses-pause -n --mail-manager --all-regions >"$pb_out/doors.jsonl" \
		</dev/null || rc=$?
	[ "$rc" = 0 ] || [ "$rc" = 3 ] ||
		pb_say "Mail Manager: exit $rc: its ingress points are not known"
	jq -c --slurpfile shut "$1" 'select(.changed and .ok and
		(.region as $r | any($shut[]; .id == $r)))' \
		"$pb_out/doors.jsonl" >"$pb_out/to-close.jsonl"
	[ "$rc" != 0 ] || jq -se 'any(.changed)' "$pb_out/doors.jsonl" \
		>/dev/null || pb_say "Mail Manager has no open ingress point" \
		"with a password of its own"
	jq -r --slurpfile shut "$1" 'select(.changed and .ok and
		(.region as $r | any($shut[]; .id == $r) | not)) |
		"left open, as honest mail may come in there: \(.name): " +
		"ses-pause -y --mail-manager --region \(.region) \(.id)"' \
		"$pb_out/doors.jsonl" >&2
	[ -s "$pb_out/to-close.jsonl" ] || return 0
	rc=0
	pb_change ses-pause --mail-manager <"$pb_out/to-close.jsonl" \
		>"$pb_out/closed.jsonl" || rc=$?
	jq -r '"  \(.name // .id) in \(.region): \(.why // .status)"' \
		"$pb_out/closed.jsonl" >&2
	[ "$rc" = 3 ] || return "$rc"
}

# Open an incident that nobody reported.
pb_incident() {	# ID ACTIVITY KIND RESOURCE
	jq -nc --arg id "$1" --arg activity "$2" --arg kind "$3" \
		--arg resource "$4" --arg account "$(pb_account)" \
		--arg region "${AWS_REGION:-us-east-1}" '{type: "report", id: $id,
		provider: "self", stage: "new", activity: $activity,
		account: $account, region: $region,
		resources: [{kind: $kind, id: $resource}]}' >"$pb_out/report.json"
	[ -z "$pb_apply" ] || pb_open_incident
}

# The case of $pb_out/report.json may be open in another folder: its journal,
# and what was saved, are there.
pb_open_incident() {	# [OPTION...]
	local dir
	incident open --dir "$pb_dir" "$@" <"$pb_out/report.json" \
		>"$pb_out/incident.json"
	dir=$(jq -r .dir "$pb_out/incident.json")
	[ "$dir" -ef "$pb_dir" ] ||
		pb_die 64 "the case is open already: --incident $dir"
}

# --- the engine -------------------------------------------------------------

# One try of a step, its output kept, its code in pb_rc.  set -e must hold
# inside the step, and it does not in a function on the left of || or in an
# if; so the code is taken this way.
pb_try() {	# FUNCTION
	set +e
	(
		set -e
		"$1"
	) >"$pb_out/stdout" 2>"$pb_out/stderr"
	pb_rc=$?
	set -e
	cat "$pb_out/stderr" >&2
}

pb_step() {	# FUNCTION
	local fn=$1 name=${1#step_} try=1
	pb_rc=0
	pb_out=$pb_dir/$pb_where/$name
	if [ -n "$pb_apply" ] && [ -f "$pb_out/done" ]; then
		pb_say "$name: done before"
		return 0
	fi
	mkdir -p "$pb_out"
	rm -f "$pb_out/again"
	pb_say "$name"
	pb_now >"$pb_out/started"
	while :; do
		pb_try "$fn"
		if [ "$pb_rc" != 75 ] || [ "$try" -ge "$pb_retries" ]; then
			break
		fi
		pb_say "$name: try again in $((try * 2)) s"
		sleep $((try * 2))
		try=$((try + 1))
	done
	pb_now >"$pb_out/ended"
	echo "$pb_rc" >"$pb_out/exit"
	case $pb_rc in
	0) [ -z "$pb_apply" ] || [ -e "$pb_out/again" ] || : >"$pb_out/done" ;;
	79)
		pb_say "$name: the outcome is unknown; settle it by reading," \
			"then start again (see $pb_out/stderr)"
		;;
	75) pb_say "$name: still failing; start again later" ;;
	1) pb_say "$name: the answer is no, for the reason above; nothing" \
		"more is done" ;;
	64) pb_say "$name: start again with what it asks for" \
		"($pb_name -h)" ;;
	77) pb_say "$name: denied, see above: whose credentials, whose" \
		"rights are these?" ;;
	127) pb_say "$name: a command is missing, see above: here, or on the" \
		"mail host; mend it and start again" ;;
	*) pb_say "$name: exit $pb_rc; mend it and start again" ;;
	esac
}

# One run at a time.  Children hold the lock too: after a kill -9 the next
# run waits for what is still under way instead of doing it twice.
pb_lock() {
	local limit=${QUELL_LOCK_WAIT:-300}
	exec 9>"$pb_dir/lock"
	flock -n 9 || {
		pb_say "another run, or what one that was killed has started," \
			"works in $pb_dir: waiting up to $limit s"
		flock -w "$limit" 9 || pb_die 75 "another run holds $pb_dir"
	}
}

# Steps of the same name would count as done, and facts as known.
pb_own() {
	local owner
	owner=$(pb_get playbook)
	[ -z "$pb_joins" ] || return 0
	[ -z "$owner" ] || [ "$owner" = "$pb_name" ] ||
		pb_die 64 "${1:-it} is an incident of $owner: $pb_name needs a" \
			"folder of its own"
	pb_note playbook "$pb_name"
}

# What is missing is told at once, and not in the midst of it.
pb_tools() {
	local tool missing=''
	for tool in jq flock incident; do
		command -v "$tool" >/dev/null || missing+=" $tool"
	done
	[ -z "$missing" ] || pb_die 66 "not in PATH:$missing"
	[ -z "$pb_on_host" ] ||
		pb_say "mail host: ${QUELL_MAILHOST_CMD:-this machine (no \$QUELL_MAILHOST_CMD)}"
}

pb_open() {
	local named=$pb_dir
	pb_tools
	if [ -n "$pb_apply" ]; then
		[ -n "$pb_dir" ] || pb_usage "--apply needs --incident DIR"
		mkdir -p "$pb_dir"
		pb_where=steps
		pb_facts=facts
		pb_mode=-y
	else
		pb_dry_dir=$(mktemp -d)
		trap 'rm -rf "$pb_dry_dir"' EXIT
		# a dry run of an open incident starts from what is known
		if [ -n "$pb_dir" ] && [ -d "$pb_dir" ]; then
			cp -R "$pb_dir/facts" "$pb_dry_dir/" 2>/dev/null || true
			cp "$pb_dir/report.json" "$pb_dry_dir/" 2>/dev/null ||
				true
		elif [ -n "$pb_dir" ]; then
			pb_say "$pb_dir: there is no such incident yet"
		fi
		pb_dir=$pb_dry_dir
		pb_where=dry-run
		pb_facts=facts
		pb_mode=-n
		pb_say "dry run: nothing changes without --apply"
	fi
	mkdir -p "$pb_dir/$pb_where" "$pb_dir/$pb_facts"
	pb_lock
	pb_own "$named"
	[ -z "$pb_part_of" ] || pb_note part-of "$pb_part_of"
}

pb_run() {
	local fn
	if [ -n "$pb_list" ]; then
		pb_steps | sed 's/^step_//'
		exit 0
	fi
	pb_open
	! declare -F pb_opened >/dev/null || pb_opened
	for fn in $(pb_steps); do
		[ -z "$pb_from" ] || [[ ${fn#step_} > $pb_from ]] ||
			[[ ${fn#step_} == "$pb_from"* ]] || continue
		[ -z "$pb_until" ] || [[ ${fn#step_} < $pb_until ]] ||
			[[ ${fn#step_} == "$pb_until"* ]] || break
		pb_step "$fn"
		[ "$pb_rc" = 0 ] || exit "$pb_rc"
	done
	[ -z "$pb_apply" ] || (
		cd "$pb_dir" &&
			find . -type f \( -path './steps/*' -o \
			-path './evidence/*' -o -path './out/*' \) -print0 |
			sort -z | xargs -0r sha256sum >SHA256SUMS.new &&
			mv SHA256SUMS.new SHA256SUMS
	)
	pb_say "done${pb_until:+ until $pb_until}"
}
