#!/bin/sh
set -e
mkdir -p "$OUT/share"
printf 'version 1.2\nbuilt by %s\n' "$(id -un)" >"$OUT/share/version"
