# spool.bash - hand-made messages in a spool folder, for tests without Exim
# shellcheck shell=bash

# msg DIR ID [key=value ...]: write ID-H and ID-D.  Keys: sender auth to (blank
# separated) subject host ident proto script frozen time vars tree sub rcpts
# (lines, instead of to)
msg() {
	local dir=$1 id=$2 pair text count h LC_ALL=C	# lengths are bytes
	local -A k=([sender]=a@b.example [auth]='' [to]=x@y.example
		[subject]=Hi [host]=192.0.2.1 [proto]=esmtpsa [time]=1795277193
		[sub]='' [tree]=XX)
	shift 2
	for pair; do k[${pair%%=*}]=${pair#*=}; done
	text=${k[rcpts]-${k[to]// /$'\n'}}
	count=$(grep -c '' <<<"$text")
	dir=$dir/input${k[sub]:+/${k[sub]}}
	mkdir -p "$dir"
	{
		printf '%s-H\nmail 8 8\n<%s>\n%s 0\n' "$id" "${k[sender]}" \
			"${k[time]}"
		printf -- '-host_address [%s]:4025\n' "${k[host]}"
		printf -- '-received_protocol %s\n' "${k[proto]}"
		[ -z "${k[ident]-}" ] || printf -- '-ident %s\n' "${k[ident]}"
		[ -z "${k[auth]}" ] || printf -- '--auth_id %s\n' "${k[auth]}"
		[ -z "${k[frozen]-}" ] || printf -- '-frozen %s\n' "${k[frozen]}"
		[ -z "${k[vars]-}" ] || printf -- '%s\n' "${k[vars]}"
		printf '%s\n%s\n%s\n\n' "${k[tree]}" "$count" "$text"
		h="Subject: ${k[subject]}"
		printf '%03d  %s\n' $((${#h} + 1)) "$h"
		if [ -n "${k[script]-}" ]; then
			h="X-PHP-Originating-Script: ${k[script]}"
			printf '%03d  %s\n' $((${#h} + 1)) "$h"
		fi
	} >"$dir/$id-H"
	printf '%s-D\nbody\n' "$id" >"$dir/$id-D"
}

# ids of a stream of records, sorted, on one line
ids() { jq -r .id | sort | paste -sd' '; }

# what every file of the live queue is, byte for byte
sums() {	# SPOOL
	(cd "$1" && find input msglog -type f 2>/dev/null | sort |
		xargs -r sha256sum)
}

# ids that Exim itself lists, sorted, on one line
exim_ids() {	# DIR [exim option...]
	local dir=$1
	shift
	"$dir/bin/exim4" "$@" -bp | awk '$3 ~ /^[0-9A-Za-z]+-[0-9A-Za-z]+-/ {
		print $3 }' | sort | paste -sd' '
}
