#!/usr/bin/env bash
# Every #include "…" of a layer is one that tests/meta/layers.txt allows, every source belongs to a
# layer, and docs/architecture.md shows the same table.
#   layers.sh ROOT | --self-test
# shellcheck source=tests/meta/common.sh
. "$(dirname "$0")/common.sh"

check_includes() {
    local root=$1
    # shellcheck disable=SC2046
    (cd "$root" && awk '
        function is_below(path, folder) { return index(path, folder "/") == 1 }
        FNR == 1 { layer = "" }
        FILENAME == table {
            if ($0 ~ /^#/ || NF == 0) next
            layers[$1] = 1
            for (i = 2; i <= NF; i++) may[$1, i - 1] = $i
            count[$1] = NF - 1
            next
        }
        FNR == 1 {
            for (each in layers)
                if (is_below(FILENAME, each) && length(each) > length(layer)) layer = each
            if (layer == "") print FILENAME ": belongs to no layer of " table
        }
        layer != "" && match($0, /^[ \t]*#[ \t]*include[ \t]+"[^"]+"/) {
            split(substr($0, RSTART, RLENGTH), part, "\"")
            path = part[2]
            ok = is_below(path, layer)
            for (i = 1; i <= count[layer] && !ok; i++)
                ok = path == may[layer, i] || is_below(path, may[layer, i])
            if (!ok) print FILENAME ":" FNR ": " layer " may not include \"" path "\""
        }' table=tests/meta/layers.txt tests/meta/layers.txt \
        $(meta_sources "$root" harness limits audit))
}

check_document() {
    local root=$1 shown line
    if [ ! -f "$root/docs/architecture.md" ]; then
        echo "docs/architecture.md: is missing, and with it the layer table"
        return
    fi
    shown=$(tr -s ' ' <"$root/docs/architecture.md")
    while IFS= read -r line; do
        grep -qxF -- "$line" <<<"$shown" ||
            echo "docs/architecture.md: lacks this line of tests/meta/layers.txt: $line"
    done < <(grep -v '^#' "$root/tests/meta/layers.txt" | tr -s ' ')
}

check() {
    check_includes "$1"
    check_document "$1"
}

clean() {
    mkdir -p "$1"/{harness/base,harness/runner,limits/linux,docs,tests/meta}
    printf '# words\nharness/base  -\nlimits  harness/base\nharness/runner  limits harness/base/a.h\n' \
        >"$1/tests/meta/layers.txt"
    grep -v '^#' "$1/tests/meta/layers.txt" >"$1/docs/architecture.md"
    printf '#include <stdio.h>\n#include "harness/base/a.h"\n' >"$1/harness/base/a.c"
    printf '#include "harness/base/a.h"\n#include "limits/b.h"\n' >"$1/limits/linux/b.c"
    printf '#include "limits/b.h"\n#include "harness/base/a.h"\n' >"$1/harness/runner/c.c"
}

plant_upward_edge() {
    echo '#include "harness/runner/c.h"' >>"$1/limits/linux/b.c"
}

plant_sideways_header() {
    echo '#include "harness/base/other.h"' >>"$1/harness/runner/c.c"
}

plant_unrooted_include() {
    echo '#  include "b.h"' >>"$1/limits/linux/b.c"
}

plant_unknown_folder() {
    mkdir "$1/harness/extra"
    echo 'int x;' >"$1/harness/extra/x.c"
}

plant_stale_document() {
    sed -i 's/^limits .*/limits  -/' "$1/docs/architecture.md"
}

meta_main "$@"
