#!/bin/bash
# lint.sh: layering, banned functions, headers that compile alone, shellcheck,
# mandoc, cppcheck, clang's warnings.  Prints each finding; exit 1 if any.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
CC=${CC:-cc}
read -ra flags <<<"$(pkg-config --cflags libcurl json-c libpcre2-8)"
flags+=(-D_GNU_SOURCE -Ilib '-DQUELL_DATADIR="/usr/local/share/quell"')
bad=0

complain() {
	echo "lint: $1"
	bad=1
}

# found WHAT COMMAND...: the command prints findings
found() {
	local what=$1 text
	shift
	text=$("$@")
	[ -z "$text" ] || complain "$what:"$'\n'"$text"
}

mapfile -t c_files < <(find cmd lib tests/unit tests/fuzz tests/faults \
	-name '*.[ch]' | sort)

# Arrows only go down.
found "a command includes what is not ours" \
	grep -nE '#include <(json-c|openssl|curl|ares|expat|pcre2)' cmd/ -r
found "lib knows a command" grep -rn '#include "[./]*cmd/' lib
found "lib prints or exits" grep -rnE '\b(printf|puts|exit|perror) ?\(' lib \
	--include='*.c' --exclude=cli.c
only() {	# header pattern, the one file that may include it
	grep -rlE "#include <$1" lib cmd | grep -vxF "$2"
}
found "json-c outside its room" only json-c lib/core/record.c
found "curl outside its room" only curl/ lib/net/http.c
found "expat outside its room" only expat lib/aws/xml.c
found "a banned function" grep -rnE \
	'\b(strcpy|strcat|sprintf|strtok|gmtime|localtime|mktemp|system|popen) ?\(' \
	lib cmd --include='*.c'
wide() {
	local f
	for f in "${c_files[@]}"; do
		expand "$f" | LC_ALL=C.UTF-8 awk -v f="$f" \
			'length > 80 { print f ":" FNR }'
	done
}
found "a line over 80 columns" wide
found "white space at a line's end" grep -nE '[[:space:]]+$' "${c_files[@]}" \
	Makefile .ci/run

# Every header stands alone.
while read -r h; do
	printf '#include "%s"\nint lint_unused;\n' "$h" |
		$CC -std=c17 "${flags[@]}" -I. -Wall -Wextra -fsyntax-only \
		-x c - || complain "$h does not compile alone"
done < <(find lib -name '*.h')

# main is a table of contents.
found "main is longer than 60 lines" awk '
	FNR == 1 { on = 0 }
	/^main\(/ { on = 1; start = FNR }
	on && /^}/ { if (FNR - start > 60)
		print FILENAME ": " FNR - start " lines"; on = 0 }' cmd/*.c

# A bare "! command" asserts nothing in bats.
found "a bare ! in a test" grep -nE '^[[:space:]]*! ' tests/*.bats

mapfile -t scripts < <(find playbooks tests .ci -type f \
	\( -name '*.sh' -o -name '*.bash' -o -name '*.bats' -o -path '.ci/run' \
	-o -path 'playbooks/*' \) | sort)
shellcheck -x "${scripts[@]}" || bad=1

for m in cmd/*.[1-8]; do
	mandoc -T lint -W warning "$m" || complain "$m"
done

# ctuuninitvar takes a struct that the callee fills for one that it reads
cppcheck --quiet --std=c11 --enable=warning,portability \
	--inline-suppr --suppress=missingIncludeSystem \
	--suppress=nullPointerArithmeticRedundantCheck --suppress=ctuuninitvar \
	--error-exitcode=1 -D_GNU_SOURCE -Ilib lib cmd || bad=1

# The other compiler has other warnings.
if command -v clang >/dev/null; then
	find lib cmd -name '*.c' -print0 | xargs -0 -n 8 -P 2 clang -std=c17 \
		"${flags[@]}" -Werror -Wall -Wextra -Wpedantic -Wformat=2 \
		-Wshadow -Wstrict-prototypes -Wmissing-prototypes \
		-Wcast-qual -Wconversion -Wvla -Wimplicit-fallthrough \
		-fsyntax-only || bad=1
fi
if [ "$bad" = 0 ]; then
	echo "lint: clean"
fi
exit $bad
