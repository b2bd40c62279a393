# causes.sh - who let it in: the ways in that the evidence names, as lines
# KIND<TAB>VALUE (account, user, script, host; else: of the queue alone), and
# the playbook of each.
# shellcheck shell=bash disable=SC2154 # lib.sh sets pb_...

# A folder name of its own for each.
cause_folder() {	# KIND VALUE
	local name=${2//[^A-Za-z0-9.@_-]/_}
	[ "$name" = "$2" ] || name+=-$(cksum <<<"$2" | cut -d' ' -f1)
	case $1 in
	account) echo "mailbox-$name" ;;
	host) echo host ;;
	user | script) echo "web-$name" ;;
	*) echo queue ;;
	esac
}

# The command that goes on with one of them, for a person to read and run.
cause_next() {	# KIND VALUE FOLDER [OPTION...]
	local kind=$1 value=$2 dir=$3
	shift 3
	case $kind in
	account)
		pb_say "  $(pb_play mailbox-compromise) --account $(pb_quote "$value")" \
			"--incident $dir --apply" ${@+"$*"}
		;;
	user)
		pb_say "  $(pb_play web-form-abuse) --log ACCESS-LOG --user" \
			"$(pb_quote "$value") --incident $dir --apply" ${@+"$*"}
		;;
	script)
		pb_say "  $(pb_play web-form-abuse) --log ACCESS-LOG --incident $dir" \
			"--apply" ${@+"$*"}
		;;
	host)
		pb_say "  $(pb_play host-compromise) --incident $dir --apply --word" \
			"'who, how they know'" ${@+"$*"}
		;;
	*) pb_say "  $(pb_play queue-flood) --incident $dir --apply" ;;
	esac
}
