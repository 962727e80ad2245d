#!/bin/sh
# Write the registry's current digests of the base images' tags into Dockerfile and compose.yaml.
# Needs docker with buildx, and a network. With --check, change nothing and fail if a digest differs.
set -eu
cd "$(dirname "$0")/.."

digest() {
    docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'
}

# pin FILE IMAGE TAG: replace the digest after TAG in FILE by the current digest of IMAGE:TAG.
pin() {
    found=$(digest "$2:$3")
    case $found in sha256:*) ;; *) echo "The registry gave no digest for $2:$3." >&2; exit 1 ;; esac
    if grep -q "$3@$found" "$1"; then
        echo "$1: $2:$3 is $found"
    elif [ "$mode" = --check ]; then
        echo "$1: $2:$3 is $found in the registry, but $1 has another digest." >&2
        failed=1
    else
        sed -i.before "s|$3\\(@sha256:[0-9a-f]*\\)\\{0,1\\}|$3@$found|" "$1"
        rm "$1.before"
        echo "$1: $2:$3 is now $found"
    fi
}

mode=${1:-}
failed=0
pin Dockerfile python "$(sed -n 's/^ARG PYTHON=\([^@]*\).*/\1/p' Dockerfile)"
pin compose.yaml postgres "$(sed -n 's/^ *image: postgres:\([^@]*\).*/\1/p' compose.yaml)"
exit $failed
