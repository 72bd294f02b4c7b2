#!/bin/sh
set -e
now=$(date +%s)
at() { date -d "@$now" "$@"; }
printf 'Built %s.\n' "$(at)"
printf 'Date: %s\n' "$(at -R)"
printf 'stamp: %s (%s)\n' "$(at -Iseconds)" "$now"
printf 'release %s, %s\n' "$(at +%Y%m%d)" "$(at '+%b %e %Y')"
