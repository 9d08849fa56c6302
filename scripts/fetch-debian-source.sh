#!/usr/bin/env bash
# Fetches one file of a Debian source package with apt, by the sources that this machine has already.
#
#   scripts/fetch-debian-source.sh PACKAGE FILE DIRECTORY
#
# apt's own lists stay as they are: the sources are read as deb-src into a directory that is removed again. What
# was fetched is not judged here; the caller knows its checksum.
set -euo pipefail
package=$1 file=$2 directory=$3

if ! command -v apt-get >/dev/null 2>&1; then
    echo "fetch-debian-source: there is no apt here to fetch $package with" >&2
    exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"/{parts,lists/partial,cache/archives/partial,out}
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    if [ -f "$list" ]; then
        sed -E 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$list" >"$scratch/parts/${list##*/}"
    fi
done
apt=(apt-get -qq -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$scratch/parts"
    -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" -o "APT::Sandbox::User=")
cd "$scratch/out"
"${apt[@]}" update >&2
"${apt[@]}" source --download-only "$package" >&2
if [ ! -f "$file" ]; then
    echo "fetch-debian-source: $package is there, but without $file; it has:" >&2
    ls >&2
    exit 1
fi
cp "$file" "$directory/.$file.new"
mv "$directory/.$file.new" "$directory/$file"
