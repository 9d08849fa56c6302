#!/usr/bin/env bash
# docs/man/sbx.1 names every option that the program has; each --help and each page sbx-COMMAND.1 name those of
# their command; and no page lists an option that there isn't.
#   manual.sh ROOT PROGRAM | --self-test
# shellcheck source=tests/meta/common.sh
. "$(dirname "$0")/common.sh"

# "command<tab>option" of every option, from the JSON of --dump-options.
dumped() {
    "$1" --dump-options | tr -d '\n' | sed 's/}[[:space:]]*,/}\n/g' |
        sed -nE 's/.*"command"[[:space:]]*:[[:space:]]*"([^"]*)".*"long"[[:space:]]*:[[:space:]]*"([^"]*)".*/\1\t\2/p'
}

# The manual as words, with "--option" for roff's \-\-option and for mdoc's .Fl -option.
manual_words() {
    sed -E 's/\\-/-/g; s/(^|[. ])Fl -([a-z])/\1 --\2/g' "$1" | tr -s ' \t|[](),.;:="`*/' '\n'
}

# OPTIONS WORDS: what of OPTIONS (one a line) is not, with its dashes, among WORDS.
missing_among() {
    # shellcheck disable=SC2001
    comm -23 <(sed 's/^/--/' <<<"$1" | sort -u) <(sort -u <<<"$2")
}

# PAGE OPTIONS: what of OPTIONS the page lacks.
missing_in_page() {
    missing_among "$2" "$(manual_words "$1")" | sed "s|^|docs/man/${1##*/}: does not name |"
}

check_command() {
    local root=$1 program=$2 command=$3 options=$4 words page
    # shellcheck disable=SC2086
    words=$("$program" $command --help | tr -s ' \t,=[]' '\n')
    missing_among "$options" "$words" | sed "s|^|sbx $command --help: does not name |"
    page=$root/docs/man/sbx-${command%% *}.1
    if [ -f "$page" ]; then
        missing_in_page "$page" "$options"
    fi
}

check() {
    local root=$1 program=${2:-$1/sbx} all command option page
    if [ ! -f "$root/docs/man/sbx.1" ]; then
        echo "docs/man/sbx.1: is missing"
        return
    fi
    all=$(dumped "$program")
    if [ -z "$all" ]; then
        echo "$program --dump-options: lists no options"
        return
    fi
    missing_in_page "$root/docs/man/sbx.1" "$(cut -f2 <<<"$all")"
    cut -f1 <<<"$all" | sort -u | while IFS= read -r command; do
        check_command "$root" "$program" "$command" "$(grep "^$command	" <<<"$all" | cut -f2)"
    done
    for page in "$root"/docs/man/*.1; do
        meta_grep -E '^\.(It|TP)' "$page" | sed -E 's/\\-/-/g; s/Fl -([a-z])/--\1/g' |
            meta_grep -oE -- '--[a-z][a-z-]+' | sort -u | while IFS= read -r option; do
            grep -q "	${option#--}\$" <<<"$all" ||
                echo "docs/man/${page##*/}: lists $option, which the program does not have"
        done
    done
}

clean() {
    mkdir -p "$1/docs/man"
    printf '%s\n' '.It Fl -mem Ar SIZE' '.It Fl j , Fl -json' 'and \-\-mem\-action.' >"$1/docs/man/sbx.1"
    echo '.It Fl m , Fl -mem Ns = Ns Ar SIZE' >"$1/docs/man/sbx-audit.1"
    cat >"$1/sbx" <<'END'
#!/bin/sh
case "$*" in
--dump-options) echo '[{"command":"","long":"json","help":"x, {y}, z"},'
    echo '{"command":"audit ls","long":"mem"}, {"command":"exec", "long":"mem-action"}]' ;;
"--help") echo "  -j, --json   X" ;;
"audit ls --help") echo "  --mem=SIZE" ;;
"exec --help") echo "  --mem-action kill|fail" ;;
esac
END
    chmod +x "$1/sbx"
}

plant_undocumented_option() {
    sed -i '/mem.*action/d' "$1/docs/man/sbx.1"
}

plant_option_missing_in_help() {
    sed -i 's/  --mem=SIZE/  --memory/' "$1/sbx"
}

plant_unknown_option_in_manual() {
    echo '.It Fl -gone' >>"$1/docs/man/sbx.1"
}

plant_option_missing_in_page() {
    echo '.It Fl -json' >"$1/docs/man/sbx-audit.1"
}

plant_missing_manual() {
    rm "$1/docs/man/sbx.1"
}

plant_empty_dump() {
    printf '#!/bin/sh\necho "[]"\n' >"$1/sbx"
}

meta_main "$@"
