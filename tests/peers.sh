#!/bin/bash
# peers.sh - fetch the real servers that the tests and the drill talk to
#
# usage: tests/peers.sh get PEER ...
#        PEER: exim exim-config rbldnsd unbound dovecot fail2ban nginx apache
#              goaccess igzip
#        tests/peers.sh path              print where they are unpacked
#
# Packages are downloaded and unpacked below build/peers, never installed: no
# service starts, no user is created, no file outside build/ is written. A
# shared library that the host lacks is unpacked beside them. Once a peer is
# there, asking again costs nothing.
#
# Exit: 0 all there; 1 one is not, stderr says which tests are left out.

set -euo pipefail
export LC_ALL=C

top=$(cd "$(dirname "$0")/.." && pwd -P)
peers=${QUELL_PEERS:-$top/build/peers}
root=$peers/root
apt_opts=()

say()
{
	printf 'peers: %s\n' "$*" >&2
}

packages_of()	# PEER
{
	case $manager:$1 in
	apt:exim) echo exim4-daemon-light exim4-base ;;
	apt:exim-config) echo exim4-config ;;
	apt:rbldnsd | dnf:rbldnsd) echo rbldnsd ;;
	apt:unbound) echo unbound ;;
	apt:nginx) echo nginx ;;
	apt:apache) echo apache2-bin ;;
	apt:goaccess) echo goaccess ;;
	apt:igzip) echo isal ;;
	apt:dovecot) echo dovecot-core dovecot-imapd ;;
	apt:fail2ban | dnf:fail2ban) echo fail2ban ;;
	dnf:dovecot) echo dovecot ;;
	dnf:exim) echo exim ;;
	dnf:unbound) echo unbound unbound-libs ;;
	*) return 1 ;;
	esac
}

binaries_of()	# PEER
{
	case $1 in
	exim) echo usr/sbin/exim4 usr/sbin/exim ;;
	exim-config) echo usr/sbin/update-exim4.conf ;;
	rbldnsd) echo usr/sbin/rbldnsd ;;
	unbound) echo usr/sbin/unbound ;;
	nginx) echo usr/sbin/nginx ;;
	apache) echo usr/sbin/apache2 ;;
	goaccess) echo usr/bin/goaccess ;;
	igzip) echo usr/bin/igzip ;;
	dovecot) echo usr/sbin/dovecot ;;
	fail2ban) echo usr/bin/fail2ban-server ;;
	esac
}

lost_tests()	# PEER
{
	case $1 in
	exim) echo 'the exim-* commands, the mail host steps and the drill' ;;
	exim-config) echo 'exim-creds on a Debian host' ;;
	rbldnsd) echo 'dnsbl-check against a real list server' ;;
	unbound) echo 'dnsbl-check through a real resolver' ;;
	nginx | apache) echo 'rules of weblog-forms read by them' ;;
	goaccess) echo 'the bench of weblog-forms against it' ;;
	igzip) echo 'the bench of maillog-suspects against it' ;;
	dovecot) echo 'mailbox-lock against a real Dovecot' ;;
	fail2ban) echo 'harden against a real fail2ban' ;;
	esac
}

# apt refuses to download without package lists. An ordinary user cannot
# refresh the system's, but may keep a private copy.
apt_lists()	# PACKAGE...
{
	local state=$peers/apt

	apt-cache show "$@" >/dev/null 2>&1 && return 0
	say "refreshing apt's package lists"
	if [ "$(id -u)" = 0 ]; then
		apt-get -qq update >&2
	else
		mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
		apt_opts+=(-o "Dir::State::lists=$state/lists"
			-o "Dir::Cache=$state/cache")
		apt-get "${apt_opts[@]}" -qq update >&2
	fi
}

apt_unpack()	# PACKAGE...
{
	local deb=$peers/deb

	rm -rf "$deb"
	mkdir -p "$deb"
	# Root would otherwise be told that _apt cannot write in our folder.
	[ "$(id -u)" != 0 ] || apt_opts+=(-o APT::Sandbox::User=root)
	(cd "$deb" && apt-get "${apt_opts[@]}" -qq download "$@") >&2
	for f in "$deb"/*.deb; do
		dpkg-deb -x "$f" "$root"
	done
	rm -rf "$deb"
}

dnf_unpack()	# PACKAGE...
{
	local rpm=$peers/rpm

	rm -rf "$rpm"
	mkdir -p "$rpm"
	dnf -q download --destdir "$rpm" "$@" >&2
	for f in "$rpm"/*.rpm; do
		rpm2cpio "$f" | (cd "$root" && cpio -idm --quiet)
	done
	rm -rf "$rpm"
}

# Libraries that PACKAGE depends on directly and the host has not.
missing_libs()	# PACKAGE...
{
	local p

	for p in $(apt-cache "${apt_opts[@]}" depends --no-recommends \
		--no-suggests --no-conflicts --no-breaks --no-replaces \
		--no-enhances "$@" | sed -n 's/^ *|\{0,1\}Depends: \(lib[^<>]*\)$/\1/p' |
		sort -u); do
		dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null |
			grep -q '^installed' || echo "$p"
	done
}

unresolved()	# PEER
{
	local b libs

	libs=$(find "$root" -type d \( -path '*/lib/*-linux-gnu*' -o -name lib64 \
		-o -path '*/lib/dovecot' \) |
		tr '\n' ':')
	for b in $(binaries_of "$1"); do
		[ -x "$root/$b" ] || continue
		LD_LIBRARY_PATH=$libs ldd "$root/$b" 2>/dev/null | grep 'not found' || :
	done
}

present()	# PEER
{
	local b

	for b in $(binaries_of "$1"); do
		[ -x "$root/$b" ] && return 0
	done
	return 1
}

get()	# PEER
{
	local packages libs

	[ -e "$peers/stamp.$1" ] && present "$1" && return 0
	if ! packages=$(packages_of "$1"); then
		say "$1: no peer of that name for this system"
		return 1
	fi
	# Exim's binary is set-user-id root; nobody but the owner may reach it
	# here. The tests show it to Exim's own user inside a namespace only.
	mkdir -p "$root"
	chmod 0700 "$root"
	say "unpacking $packages below ${peers#"$top"/}"
	# shellcheck disable=SC2086 # a list of package names
	if [ "$manager" = apt ]; then
		apt_lists $packages || return 1
		apt_unpack $packages || return 1
		libs=$packages
		for _ in 1 2 3; do
			[ -n "$(unresolved "$1")" ] || break
			libs=$(missing_libs $libs)
			[ -n "$libs" ] || break
			say "and the libraries" $libs
			apt_unpack $libs || return 1
		done
	else
		dnf_unpack $packages || return 1
	fi
	if [ -n "$(unresolved "$1")" ]; then
		say "$1: libraries missing:" "$(unresolved "$1")"
		return 1
	fi
	present "$1" || return 1
	: >"$peers/stamp.$1"
}

case ${1-} in
path)
	echo "$root"
	exit 0
	;;
get) shift ;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 64
	;;
esac

if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
	manager=apt
elif command -v dnf >/dev/null && command -v rpm2cpio >/dev/null &&
	command -v cpio >/dev/null; then
	manager=dnf
else
	manager=none
fi

mkdir -p "$peers"
exec 9>"$peers/lock"	# two test runs may start at once
flock 9
rc=0
for peer; do
	# A condition would switch set -e off inside; every step of get tests.
	if ! get "$peer"; then
		rc=1
		say "$peer is not available: $(lost_tests "$peer") are left out"
	fi
done
exit $rc
