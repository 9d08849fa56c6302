#!/usr/bin/env bash
# No call that cannot be made safely; and in the library none that prints or ends the program.
#   banned.sh ROOT | --self-test
# shellcheck source=tests/meta/common.sh
. "$(dirname "$0")/common.sh"

everywhere='strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|system|popen|tmpnam|tempnam'
everywhere+='|mktemp|alloca'
# In libsbx; seccomp_gen is a program of its own, run at build time.
library='(printf|vprintf|puts|putchar|perror|exit)[[:space:]]*\(|(stdout|stderr)([^[:alnum:]_]|$)'

# Lines of "file:line:text" with one of the words, where it is neither part of a longer one nor a member.
find_words() {
    meta_grep -E "^[^:]*:[0-9]+:(.*[^[:alnum:]_.>])?($1)"
}

check() {
    meta_stripped "$1" harness limits audit tests bench | find_words "($everywhere)[[:space:]]*\\("
    meta_stripped "$1" harness/base harness/policy harness/target harness/runner limits audit |
        meta_grep -v '^[^:]*/seccomp_gen/' | find_words "$library"
}

clean() {
    mkdir -p "$1"/{limits,harness/cli,harness/target/linux/seccomp_gen}
    printf '%s\n' '/* strcpy(a, b); */' 'x = "strcpy(";' 'my_strcpy(a);' 'snprintf(a, 1, b);' '_exit(1);' \
        'at.exit(1);' 'x = sbx_text_err;' "c = '\"'; /* gets(a) */" 'int err_fd; f(err_fd);' >"$1/limits/a.c"
    echo 'printf(x); exit(1);' >"$1/harness/cli/a.c"
    echo 'exit(1);' >"$1/harness/target/linux/seccomp_gen/main.c"
}

plant_strcpy() {
    echo '    strcpy (a, b);' >>"$1/limits/a.c"
}

plant_atoi_in_program() {
    echo 'x = y+atoi(z);' >>"$1/harness/cli/a.c"
}

plant_print_in_library() {
    echo '    printf("x");' >>"$1/limits/a.c"
}

plant_stderr_in_library() {
    echo '    fprintf(stderr, "x");' >>"$1/limits/a.c"
}

plant_exit_in_library() {
    echo '    exit(1);' >>"$1/limits/a.c"
}

meta_main "$@"
