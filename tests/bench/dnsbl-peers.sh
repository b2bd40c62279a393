#!/bin/bash
# dnsbl-peers.sh - what each program says of lists that misbehave: how many
# of its verdicts are wrong, and how long it takes for them.
#
# Loopback only, in a network of its own (unshare). rblcheck and the tools the
# others need are unpacked from Debian's packages below build/; check_rbl and
# blcheck are left out unless CHECK_RBL and BLCHECK say where they are.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=${B:-build}

# Packages that are not installed, and what they need, below build/dnsbl-peers
root=$PWD/$B/dnsbl-peers
unpack() {	# PACKAGE...
	local p
	mkdir -p "$root/deb"
	p=$(apt-get -s --no-install-recommends install "$@" 2>/dev/null |
		sed -n 's/^Inst \([^ ]*\).*/\1/p') || return 1
	# shellcheck disable=SC2086 # a list of package names
	(cd "$root/deb" && apt-get -qq -o APT::Sandbox::User=root download \
		${p:-"$@"}) >&2 || return 1
	for p in "$root"/deb/*.deb; do
		dpkg-deb -x "$p" "$root"
	done
	rm -rf "$root/deb"
}

if [ -z "${DNSBL_PEERS_INSIDE-}" ]; then
	if command -v apt-get >/dev/null; then
		[ -x "$root/usr/bin/rblcheck" ] || unpack rblcheck || true
		[ -z "${BLCHECK-}" ] || [ -e "$root/usr/bin/dig" ] ||
			unpack bind9-dnsutils || true
		[ -z "${CHECK_RBL-}" ] || [ -e "$root/usr/share/perl5/Net/DNS.pm" ] ||
			unpack libnet-dns-perl libnet-ip-perl libreadonly-perl \
				libmonitoring-plugin-perl libdata-validate-domain-perl \
				libdata-validate-ip-perl libcapture-tiny-perl || true
	fi
	DNSBL_PEERS_INSIDE=1 exec unshare -rmn "$0" ||
		{ echo "no namespace of its own to be had: skipped"; exit 0; }
fi

PATH=$PWD/$B/bin:$root/usr/bin:$PATH
LD_LIBRARY_PATH=$(find "$root/usr/lib" -type d -name '*-linux-gnu*' \
	2>/dev/null | paste -sd:)
export LD_LIBRARY_PATH PERL5LIB=$root/usr/share/perl5:$root/usr/lib/x86_64-linux-gnu/perl5/5.36
# shellcheck source=tests/lib/dns.bash
. tests/lib/dns.bash
# shellcheck source=tests/lib/dnsbl_world.bash
. tests/lib/dnsbl_world.bash

D=$(mktemp -d)
trap 'dns_stop "$D/fake" || true; rm -rf "$D"' EXIT
ip link set lo up
dnsbl_world "$D"
fakedns_start "$D/fake" "$D/zones.json" --port 53
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$D/resolv.conf"
mount --bind "$D/resolv.conf" /etc/resolv.conf
export QUELL_STATE_DIR=$D/state XDG_CONFIG_HOME=$D

word() {	# CODE-OF-LISTED...: the verdict in an exit code
	case " $* " in
	*" $rc "*) echo listed ;;
	*) [ "$rc" = 0 ] && echo clean || echo unknown ;;
	esac
}

each() {	# NAME FUNCTION: of every list in turn
	local began=${EPOCHREALTIME/[.,]/} zone rc
	while read -r zone _; do
		rc=0
		"$2" "$zone" >/dev/null 2>&1 </dev/null || rc=$?
		echo "$zone $(word "${@:3}")"
	done <"$D/truth" >"$D/said"
	row "$1" "$began"
}

row() {	# NAME BEGAN
	awk -v name="$1" -v wrong="$(dnsbl_wrong "$D" <"$D/said" 2>"$D/err")" \
		-v all="$(wc -l <"$D/truth")" \
		-v us=$((${EPOCHREALTIME/[.,]/} - $2)) 'BEGIN {
		printf "%-14s %3d wrong of %d %9.1f s\n", name, wrong, all,
		    us / 1e6 }'
	[ -z "${DNSBL_PEERS_SAY-}" ] || cat "$D/err"
}

began=${EPOCHREALTIME/[.,]/}
dnsbl-check --force -t 3 --zones "$D/lists.tsv" 192.0.2.10 2>/dev/null |
	jq -r '(.zone | sub("^KEY."; "")) + " " + .verdict' >"$D/said" || true
row dnsbl-check "$began"

peer_rblcheck() { rblcheck -c -s "$1" 192.0.2.10; }
peer_check_rbl() { perl "$CHECK_RBL" -H 192.0.2.10 -s "$1" -n 127.0.0.1 -w 1 -c 1; }
peer_blcheck() {
	echo "$1" >"$D/one"
	bash "$BLCHECK" -q -l "$D/one" -d 127.0.0.1 192.0.2.10
}
if command -v rblcheck >/dev/null; then
	each rblcheck peer_rblcheck 1
else
	echo "rblcheck       left out: not to be had"
fi
if [ -n "${CHECK_RBL-}" ] && perl -MNet::DNS -MMonitoring::Plugin -e1 2>/dev/null; then
	each check_rbl peer_check_rbl 2 1
else
	echo "check_rbl      left out: CHECK_RBL or its Perl modules are missing"
fi
if [ -n "${BLCHECK-}" ] && command -v dig >/dev/null; then
	each blcheck peer_blcheck 1 2
else
	echo "blcheck        left out: BLCHECK or dig is missing"
fi
