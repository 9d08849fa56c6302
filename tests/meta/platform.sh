#!/usr/bin/env bash
# No source asks which system or compiler it is for, but in linux/, windows/ and harness/base/compiler.h.
#   platform.sh ROOT | --self-test
# shellcheck source=tests/meta/common.sh
. "$(dirname "$0")/common.sh"

macros='_WIN32|_WIN64|_MSC_VER|__MINGW[0-9]*__|__CYGWIN__|__linux__|__linux|__unix__|__unix|__APPLE__'
macros+='|__FreeBSD__|__GNUC__|__clang__|__GLIBC__'

check() {
    meta_stripped "$1" harness limits audit tests bench |
        meta_grep -vE '^[^:]*/(linux|windows)/|^harness/base/compiler\.h:' |
        meta_grep -E "^[^:]*:[0-9]+:[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|elif)\\b.*\\b($macros)\\b"
}

clean() {
    mkdir -p "$1"/{harness/base,limits/linux}
    printf '#ifdef _WIN32\n#endif\n' >"$1/harness/base/compiler.h"
    printf '#if defined(__linux__)\n#endif\n' >"$1/limits/linux/a.c"
    printf '/*\n#ifdef _WIN32\n*/\n#ifdef SBX_HAS_WIN32_NAMES\n#endif\n' >"$1/limits/a.c"
}

plant_ifdef() {
    printf '#ifdef _WIN32\n#endif\n' >>"$1/limits/a.c"
}

plant_hidden_if() {
    printf '  #  if SBX_X && !defined(__linux__)\n#endif\n' >>"$1/limits/a.c"
}

meta_main "$@"
