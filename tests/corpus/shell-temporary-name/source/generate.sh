#!/bin/sh
set -e
work=$(mktemp /tmp/words.XXXXXXXX)
printf 'semper\neadem\n' >"$work"
mkdir -p "$OUT/share"
printf '# made from %s\n' "$work" >"$OUT/share/log"
cat "$work" >>"$OUT/share/log"
rm "$work"
