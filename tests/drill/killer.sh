#!/bin/bash
# killer.sh: kills a playbook at every step, twice: before the step's first
# command has done anything, and when that command has done its work but
# nobody has heard of it yet.
#
# usage: killer.sh make DIR BIN	write a wrapper for each command of BIN to DIR
#        NAME ARGUMENT...	what such a wrapper, being a link to this, does
#
# A wrapper looks at $KILLER_INCIDENT for the step that is under way (of a
# playbook that the first one called: FOLDER.STEP), kills
# -9 its whole process group where that is still to be done ("the machine
# crashed") and notes it in $KILLER_DONE; else it runs the command of
# $KILLER_BIN.
set -u
if [ "${1-}" = make ] && [ "${0##*/}" = killer.sh ]; then
	mkdir -p "$2"
	for c in "$3"/*; do
		ln -sf "$(readlink -f "$0")" "$2/${c##*/}"
	done
	exit
fi

real=$KILLER_BIN/${0##*/}
group=$(ps -o pgid= -p $$ | tr -d ' ')
# the step that began last: of the playbook, or of one that it called
step=$(find "$KILLER_INCIDENT/steps" "$KILLER_INCIDENT/way-in" -name started \
	-path '*/steps/*' -printf '%T@ %P\n' 2>/dev/null | sort -n | tail -n 1)
step=${step#* }
step=${step%/started}
step=${step//\/steps\//.}

# mkdir: of several commands in one pipe only one is the first
first() {	# WHEN
	[ -n "$step" ] && mkdir "$KILLER_DONE/$step.$1" 2>/dev/null
}

die() {
	kill -9 -- "-$group"
	sleep 60
}

! first before || die
[ ! -e "$KILLER_DONE/$step.after" ] || exec "$real" "$@"
"$real" "$@"
rc=$?
! first after || die
exit $rc
