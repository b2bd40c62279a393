#!/bin/bash
# deps.sh - install what the build and the tests need
#
# usage: tests/deps.sh build|check|drill|lint|botocore
#
# Each set includes "build"; "drill" and "lint" include "check" too. Installs
# only what is missing, says so in one line first, uses sudo when not root.
# The tests' Python parts go to build/venv; where the package index cannot be
# reached, the distribution's botocore is installed instead.
# Never installs a mail or name server, or anything that starts a service:
# those are unpacked below build/ by tests/peers.sh. DEPS=0 does nothing.
#
# Exit: 0 all there; 1 something could not be installed, or would bring a
# service; 64 usage.

set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

say()
{
	printf 'deps: %s\n' "$*" >&2
}

# One line per thing: set, Debian/Ubuntu package, Rocky/Fedora package ("-": none)
needs()
{
	cat <<-END
	build gcc gcc
	build make make
	build pkg-config pkgconf-pkg-config
	build libc6-dev glibc-devel
	build libcurl4-openssl-dev libcurl-devel
	build libcrypt-dev libxcrypt-devel
	build libssl-dev openssl-devel
	build libjson-c-dev json-c-devel
	build libexpat1-dev expat-devel
	build libpcre2-dev pcre2-devel
	build zlib1g-dev zlib-devel
	build libzstd-dev libzstd-devel
	build libp11-kit-dev p11-kit-devel
	build libisal-dev isa-l-devel
	build libidn2-dev libidn2-devel
	build libpsl-dev libpsl-devel
	build libmaxminddb-dev libmaxminddb-devel
	build liblzma-dev xz-devel
	check bats bats
	check jq jq
	check git git
	check libcmocka-dev libcmocka-devel
	check mandoc mandoc
	check curl curl
	check openssl openssl
	check zstd zstd
	check xz-utils xz
	check python3 python3
	check python3-venv -
	check procps procps-ng
	check util-linux util-linux
	check iproute2 iproute
	check strace strace
	check zstd zstd
	check gdb gdb
	check softhsm2 softhsm
	check nftables nftables
	check - cpio
	botocore python3-botocore python3-botocore
	lint shellcheck ShellCheck
	lint cppcheck cppcheck
	lint clang clang
	lint clang-tidy clang-tools-extra
	lint $clang_rt compiler-rt
	END
}

# Anything that listens or is run by init must not come in by the back door.
forbidden='^(exim4|postfix|sendmail|nullmailer|msmtp-mta|ssmtp|opensmtpd|courier-mta|dma|esmtp-run|citadel-server|unbound|rbldnsd|bind9|named|dnsmasq|knot|nsd|pdns-server|apache2|nginx|lighttpd|httpd)(-|$)'

wanted()	# COLUMN
{
	needs | awk -v c="$1" -v sets=" $sets " \
		'index(sets, " " $1 " ") && $c != "-" { print $c }'
}

apt_install()
{
	local missing plan

	missing=$(wanted 2 | grep -vxFf <(dpkg-query -W \
		-f '${db:Status-Status} ${binary:Package}\n' |
		sed -n 's/^installed \([^:]*\).*/\1/p') | tr '\n' ' ') || :
	[ -n "$missing" ] || return 0
	say "installing with apt-get: $missing"
	$as_root apt-get -qq update || say 'package lists not refreshed'
	# shellcheck disable=SC2086 # a list of package names
	plan=$(apt-get -s --no-install-recommends install $missing |
		sed -n 's/^Inst \([^ ]*\).*/\1/p')
	if grep -E "$forbidden" <<<"$plan" >&2; then
		say 'refused: that would install a service'
		return 1
	fi
	# shellcheck disable=SC2086
	$as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
		apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install $missing >&2
}

dnf_install()
{
	local missing plan

	missing=$(wanted 3 | while read -r p; do
		rpm -q --quiet --whatprovides "$p" || echo "$p"
	done | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	say "installing with dnf: $missing"
	# Half of the -devel packages live in CRB, the tools in EPEL.
	$as_root dnf -q -y install epel-release 'dnf-command(config-manager)' >&2 || :
	$as_root dnf -q config-manager --set-enabled crb >&2 || :
	# shellcheck disable=SC2086
	plan=$(dnf --assumeno --setopt=install_weak_deps=False install $missing \
		2>/dev/null | awk '{ print $1 }') || :
	if grep -E "$forbidden" <<<"$plan" >&2; then
		say 'refused: that would install a service'
		return 1
	fi
	# shellcheck disable=SC2086
	$as_root dnf -q -y --setopt=install_weak_deps=False install $missing >&2
}

# Without botocore `make check` leaves tests out, and says so; the drill has
# nothing to run on.
python_parts()
{
	local missing

	tests/venv.sh build/venv && return 0
	missing=python3-botocore
	say "installing, in place of the package index's: $missing"
	if command -v apt-get >/dev/null; then
		$as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
			apt-get -qq -y --no-install-recommends \
			-o Dpkg::Use-Pty=0 install $missing >&2 || :
	else
		$as_root dnf -q -y --setopt=install_weak_deps=False \
			install $missing >&2 || :
	fi
	tests/venv.sh build/venv || [ "$sets" = 'build check' ]
}

case ${1-} in
build) sets=build ;;
check) sets='build check' ;;
drill) sets='build check drill' ;;
lint) sets='build check lint' ;;
botocore) sets=botocore ;;	# when there is no package index for a venv
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "tests/${0##*/}" >&2
	exit 64
	;;
esac
[ "${DEPS-1}" != 0 ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
fi
clang_rt=-
if command -v apt-get >/dev/null; then
	if [ "$sets" != build ] && [ "${sets##* }" = lint ]; then
		# The sanitizers' run time carries the default compiler's number.
		# One that is there is the right one; asking apt is slow.
		clang_rt=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' \
			'libclang-rt-*-dev' 2>/dev/null |
			sed -n 's/^installed //p' | tail -n 1) || :
		[ -n "$clang_rt" ] ||
			clang_rt=$(apt-cache depends clang 2>/dev/null |
				sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p' |
				head -n 1)
		: "${clang_rt:=libclang-rt-14-dev}"
	fi
	apt_install || rc=$?
elif command -v dnf >/dev/null; then
	dnf_install || rc=$?
else
	say "neither apt-get nor dnf here; wanted: $(wanted 2 | tr '\n' ' ')"
	rc=1
fi
case $sets in
*check | *drill) python_parts || rc=$? ;;
esac
[ "${rc-0}" = 0 ] || { say 'not everything could be installed'; exit 1; }
