#!/bin/sh
# Write the digests of the base images into Dockerfile and compose.yaml, as the registry has them for the tags that stand there.
# Needs docker with buildx, and a network. --check changes nothing and fails if a tag has another digest by now.
set -eu
cd "$(dirname "$0")/.."

digest() {
    docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'
}

# pin FILE IMAGE TAG WRITTEN: replace what stands in FILE after TAG by the digest of IMAGE:TAG.
pin() {
    found=$(digest "$2:$3")
    case $found in sha256:*) ;; *) echo "The registry gave no digest for $2:$3." >&2; exit 1 ;; esac
    if grep -q "$3@$found" "$1"; then
        echo "$1: $2:$3 is $found"
    elif [ "$mode" = --check ]; then
        echo "$1: $2:$3 is $found in the registry, and another one here." >&2
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
