/*
 * Completion scripts. Each is a fixed frame that finds out where on the command line the cursor is,
 * and lists made from the tables: an option or a command that is added is completed without an edit
 * here. In all three, what follows the options of `exec` is completed as a command of its own.
 */
#include "harness/cli/completion.h"

#include <string.h>

#include "harness/cli/command.h"
#include "harness/cli/option.h"

/* How the argument of an option is completed. */
typedef enum argument_kind {
    ARGUMENT_WORDS, /* one of a list */
    ARGUMENT_FILE,
    ARGUMENT_DIRECTORY,
    ARGUMENT_ANY, /* nothing can be offered */
} argument_kind;

static argument_kind kind_of(const sbx_option *option)
{
    const char *word = NULL;
    size_t bytes = 0;

    if (sbx_option_choice(&word, &bytes, option, 0)) {
        return ARGUMENT_WORDS;
    }
    if (strcmp(option->argument, "DIR") == 0) {
        return ARGUMENT_DIRECTORY;
    }
    if (strstr(option->argument, "FILE") != NULL || strstr(option->argument, "PATH") != NULL) {
        return ARGUMENT_FILE;
    }
    return ARGUMENT_ANY;
}

static void add_choices(sbx_text *out, const sbx_option *option)
{
    const char *word = NULL;
    size_t bytes = 0;

    for (size_t i = 0; sbx_option_choice(&word, &bytes, option, i); i++) {
        sbx_text_add(out, i == 0 ? "" : " ");
        sbx_text_add_bytes(out, word, bytes);
    }
}

/* The first sentence of a help text, with a backslash before each of `special`; ' as a shell has it. */
static void add_summary(sbx_text *out, const char *help, const char *special)
{
    const char *end = strstr(help, ". ");
    size_t bytes = end == NULL ? strlen(help) : (size_t)(end - help);

    if (bytes > 0 && help[bytes - 1] == '.') {
        bytes--;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (help[i] == '\'') {
            sbx_text_add(out, "'\\''");
        } else {
            sbx_text_add(out, strchr(special, help[i]) != NULL ? "\\" : "");
            sbx_text_add_bytes(out, help + i, 1);
        }
    }
}

static bool is_offered(const sbx_option *option, unsigned command)
{
    return sbx_option_belongs(option, (sbx_command_id)command) && option->group != NULL;
}

/* The frames say SBX_ where the program's name belongs. */
static void add_frame(sbx_text *out, const char *frame)
{
    for (const char *at = strstr(frame, "SBX_"); at != NULL; at = strstr(frame, "SBX_")) {
        sbx_text_add_bytes(out, frame, (size_t)(at - frame));
        sbx_text_add(out, SBX_PROGRAM_NAME);
        frame = at + 4;
    }
    sbx_text_add(out, frame);
}

static bool is_family(unsigned command)
{
    return command == SBX_COMMAND_AUDIT || command == SBX_COMMAND_BATCH ||
           command == SBX_COMMAND_POLICY;
}

/* Words that may follow: the commands, or the members of a family. */
static void add_members(sbx_text *out, sbx_command_id family)
{
    size_t skip = family == SBX_COMMAND_MAIN ? 0 : strlen(sbx_commands[family].name) + 1;

    for (unsigned i = SBX_COMMAND_MAIN + 1; i < SBX_COMMAND_COUNT; i++) {
        const char *name = sbx_commands[i].name;

        if (skip > 0 &&
            (strncmp(name, sbx_commands[family].name, skip - 1) != 0 || strlen(name) <= skip)) {
            continue;
        }
        if (strchr(name + skip, ' ') == NULL) {
            sbx_text_add(out, name + skip);
            sbx_text_add(out, " ");
        }
    }
}

static const char bash_frame[] =
    "_SBX_() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' i=1 "
    "argument\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD > 1)); then\n"
    "        command=${COMP_WORDS[1]} i=2\n"
    "        if [[ $command == @(audit|batch|policy) ]] && ((COMP_CWORD > 2)); then\n"
    "            command+=\" ${COMP_WORDS[2]}\" i=3\n"
    "        fi\n"
    "    fi\n"
    "    if [[ $command == exec ]]; then\n"
    "        while ((i < COMP_CWORD)); do\n"
    "            case ${COMP_WORDS[i]} in\n"
    "            --) ((i++)); break ;;\n"
    "            -*)\n"
    "                if [[ ${COMP_WORDS[i+1]} == = ]]; then ((i += 2))\n"
    "                elif _SBX__argument \"$command\" \"${COMP_WORDS[i]}\" >/dev/null; then "
    "((i++)); fi\n"
    "                ((i++)) ;;\n"
    "            *) break ;;\n"
    "            esac\n"
    "        done\n"
    "        if ((i < COMP_CWORD)) || { ((i == COMP_CWORD)) && [[ $cur != -* && $cur != = ]]; }; "
    "then\n"
    "            if ((i == COMP_CWORD)); then\n"
    "                mapfile -t COMPREPLY < <(compgen -c -- \"$cur\"; compgen -A file -- "
    "\"$cur\")\n"
    "            elif declare -F _command_offset >/dev/null; then _command_offset \"$i\"\n"
    "            else mapfile -t COMPREPLY < <(compgen -A file -- \"$cur\"); fi\n"
    "            return\n"
    "        fi\n"
    "    fi\n"
    "    if [[ $cur == = ]]; then cur=''\n"
    "    elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
    "    if argument=$(_SBX__argument \"$command\" \"$prev\"); then\n"
    "        case $argument in\n"
    "        FILE) mapfile -t COMPREPLY < <(compgen -A file -- \"$cur\") ;;\n"
    "        DIR) mapfile -t COMPREPLY < <(compgen -A directory -- \"$cur\") ;;\n"
    "        ANY) ;;\n"
    "        *) mapfile -t COMPREPLY < <(compgen -W \"$argument\" -- \"$cur\") ;;\n"
    "        esac\n"
    "        return\n"
    "    fi\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$(_SBX__words \"$command\")\" -- \"$cur\")\n"
    "}\n"
    "complete -o filenames -F _SBX_ SBX_\n";

/* What an option's argument may be: prints it, or fails for an option without one. */
static void add_bash_arguments(sbx_text *out)
{
    add_frame(out, "_SBX__argument() {\n    case \"$1 $2\" in\n");
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        for (size_t i = 0; i < sbx_options_count; i++) {
            const sbx_option *option = &sbx_options[i];
            const char *name = sbx_commands[command].name;

            if (!is_offered(option, command) || option->argument == NULL) {
                continue;
            }
            sbx_text_add_format(out, "    '%s --%s'", name, option->name);
            if (option->letter != 0) {
                char letter[2] = {option->letter, '\0'};

                sbx_text_add_format(out, "|'%s -%s'", name, letter);
            }
            sbx_text_add(out, ") echo '");
            switch (kind_of(option)) {
            case ARGUMENT_WORDS:
                add_choices(out, option);
                break;
            case ARGUMENT_FILE:
                sbx_text_add(out, "FILE");
                break;
            case ARGUMENT_DIRECTORY:
                sbx_text_add(out, "DIR");
                break;
            case ARGUMENT_ANY:
                sbx_text_add(out, "ANY");
                break;
            }
            sbx_text_add(out, "' ;;\n");
        }
    }
    sbx_text_add(out, "    *) return 1 ;;\n    esac\n}\n");
}

/* What else may follow: members of a family, then options. */
static void add_bash_words(sbx_text *out)
{
    add_frame(out, "_SBX__words() {\n    case $1 in\n");
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        sbx_text_add_format(out, "    '%s') echo '", sbx_commands[command].name);
        if (command == SBX_COMMAND_MAIN || command == SBX_COMMAND_HELP) {
            add_members(out, SBX_COMMAND_MAIN);
        } else if (is_family(command)) {
            add_members(out, (sbx_command_id)command);
        } else if (command == SBX_COMMAND_COMPLETION) {
            sbx_text_add(out, "bash zsh fish ");
        }
        for (size_t i = 0; i < sbx_options_count; i++) {
            if (is_offered(&sbx_options[i], command)) {
                sbx_text_add_format(out, "--%s ", sbx_options[i].name);
            }
        }
        sbx_text_add(out, "' ;;\n");
    }
    sbx_text_add(out, "    esac\n}\n");
}

void sbx_completion_bash(sbx_text *out)
{
    add_frame(out, "# bash completion for SBX_, made by `SBX_ completion bash`\n");
    add_bash_words(out);
    add_bash_arguments(out);
    add_frame(out, bash_frame);
}

static void add_zsh_option(sbx_text *out, const sbx_option *option)
{
    char letter[2] = {option->letter, '\0'};

    sbx_text_add(out, "        ");
    if (option->letter != 0 && !option->is_repeatable) {
        sbx_text_add_format(out, "'(-%s --%s)'", letter, option->name);
    } else if (option->is_repeatable) {
        sbx_text_add(out, "'*'");
    }
    if (option->letter != 0) {
        const char *glue = option->argument == NULL ? "" : "+";

        sbx_text_add_format(out, "{-%s%s,--%s%s}", letter, glue, option->name,
                            option->argument == NULL ? "" : "=");
    } else {
        sbx_text_add_format(out, "--%s%s", option->name, option->argument == NULL ? "" : "=");
    }
    sbx_text_add(out, "'[");
    add_summary(out, option->help, "[]\\");
    sbx_text_add(out, "]");
    if (option->argument != NULL) {
        sbx_text_add_format(
            out, ":%s:", strchr(option->argument, '|') != NULL ? "value" : option->argument);
        switch (kind_of(option)) {
        case ARGUMENT_WORDS:
            sbx_text_add(out, "(");
            add_choices(out, option);
            sbx_text_add(out, ")");
            break;
        case ARGUMENT_FILE:
            sbx_text_add(out, "_files");
            break;
        case ARGUMENT_DIRECTORY:
            sbx_text_add(out, "_files -/");
            break;
        case ARGUMENT_ANY:
            break;
        }
    }
    sbx_text_add(out, "' \\\n");
}

static void add_zsh_operands(sbx_text *out, unsigned command)
{
    sbx_text_add(out, "        ");
    if (command == SBX_COMMAND_EXEC) {
        sbx_text_add(out, "'(-)1:command:_command_names -e' '*::argument:_normal'");
    } else if (command == SBX_COMMAND_COMPLETION) {
        sbx_text_add(out, "'1:shell:(bash zsh fish)'");
    } else if (command == SBX_COMMAND_MAIN || command == SBX_COMMAND_HELP) {
        sbx_text_add(out, "'1:command:(");
        add_members(out, SBX_COMMAND_MAIN);
        sbx_text_add(out, ")'");
    } else if (is_family(command)) {
        sbx_text_add(out, "'1:command:(");
        add_members(out, (sbx_command_id)command);
        sbx_text_add(out, ")'");
    } else {
        sbx_text_add(out, "':run:'");
    }
    sbx_text_add(out, "\n        ;;\n");
}

void sbx_completion_zsh(sbx_text *out)
{
    add_frame(out, "#compdef SBX_\n# zsh completion for SBX_, made by `SBX_ completion zsh`\n"
                   "_SBX_() {\n"
                   "    local name=''\n"
                   "    if (( CURRENT > 2 )); then\n"
                   "        name=$words[2]; shift words; (( CURRENT-- ))\n"
                   "        if [[ $name == (audit|batch|policy) ]] && (( CURRENT > 2 )); then\n"
                   "            name+=\" $words[2]\"; shift words; (( CURRENT-- ))\n"
                   "        fi\n"
                   "    fi\n"
                   "    case $name in\n");
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        sbx_text_add_format(out, "    '%s') _arguments -s -S \\\n", sbx_commands[command].name);
        for (size_t i = 0; i < sbx_options_count; i++) {
            if (is_offered(&sbx_options[i], command)) {
                add_zsh_option(out, &sbx_options[i]);
            }
        }
        add_zsh_operands(out, command);
    }
    add_frame(out,
              "    esac\n}\n"
              "if [[ $funcstack[1] == _SBX_ ]]; then _SBX_ \"$@\"; else compdef _SBX_ SBX_; fi\n");
}

static const char fish_frame[] =
    "# True where the options and operands of that command are being typed.\n"
    "function __SBX__at --argument-names wanted\n"
    "    set -l words (commandline -opc)\n"
    "    set -e words[1]\n"
    "    set -l name \"$words[1]\"\n"
    "    if contains -- \"$name\" audit batch policy; and set -q words[2]\n"
    "        set name \"$name $words[2]\"\n"
    "    end\n"
    "    test \"$name\" = \"$wanted\"; or return 1\n"
    "    test \"$name\" = exec; or return 0\n"
    "    test (__SBX__operand) -gt (count $words)\n"
    "end\n"
    "# Of the words after the program: the index of exec's first operand, past the end where none "
    "is yet.\n"
    "function __SBX__operand\n"
    "    set -l words (commandline -opc)\n"
    "    set -e words[1]\n"
    "    set -l i 2\n"
    "    while test $i -le (count $words)\n"
    "        switch $words[$i]\n"
    "            case --\n"
    "                echo (math $i + 1)\n"
    "                return\n"
    "            case '-*'\n"
    "                contains -- $words[$i] (__SBX__with_argument); and set i (math $i + 1)\n"
    "            case '*'\n"
    "                break\n"
    "        end\n"
    "        set i (math $i + 1)\n"
    "    end\n"
    "    echo $i\n"
    "end\n";

static void add_fish_option(sbx_text *out, const sbx_option *option, unsigned command)
{
    sbx_text_add(out, "complete -c " SBX_PROGRAM_NAME " -n '__" SBX_PROGRAM_NAME "_at \"");
    sbx_text_add_format(out, "%s\"' -l %s", sbx_commands[command].name, option->name);
    if (option->letter != 0) {
        char letter[2] = {option->letter, '\0'};

        sbx_text_add_format(out, " -s %s", letter);
    }
    if (option->argument != NULL) {
        switch (kind_of(option)) {
        case ARGUMENT_WORDS:
            sbx_text_add(out, " -x -a '");
            add_choices(out, option);
            sbx_text_add(out, "'");
            break;
        case ARGUMENT_FILE:
            sbx_text_add(out, " -r -F");
            break;
        case ARGUMENT_DIRECTORY:
            sbx_text_add(out, " -x -a '(__fish_complete_directories)'");
            break;
        case ARGUMENT_ANY:
            sbx_text_add(out, " -x");
            break;
        }
    }
    sbx_text_add(out, " -d '");
    add_summary(out, option->help, "\\");
    sbx_text_add(out, "'\n");
}

/*
 * Options of exec that take the next word. Letters come first: fish's own function would take leading
 * long options for its own.
 */
static void add_fish_with_argument(sbx_text *out)
{
    add_frame(out, "function __SBX__with_argument\n    printf '%s\\n'");
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sbx_options_count; i++) {
            const sbx_option *option = &sbx_options[i];
            char letter[2] = {option->letter, '\0'};

            if (!is_offered(option, SBX_COMMAND_EXEC) || option->argument == NULL) {
                continue;
            }
            if (pass == 0 && option->letter != 0) {
                sbx_text_add_format(out, " -%s", letter);
            } else if (pass == 1) {
                sbx_text_add_format(out, " --%s", option->name);
            }
        }
    }
    sbx_text_add(out, "\nend\n");
}

void sbx_completion_fish(sbx_text *out)
{
    add_frame(out, "# fish completion for SBX_, made by `SBX_ completion fish`\n");
    add_fish_with_argument(out);
    add_frame(out, fish_frame);
    add_frame(out, "complete -c SBX_ -f\n");
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        const char *name = sbx_commands[command].name;

        if (command != SBX_COMMAND_MAIN && strchr(name, ' ') == NULL) {
            add_frame(out, "complete -c SBX_ -n '__SBX__at \"\"; or __SBX__at help' -a ");
            sbx_text_add_format(out, "%s -d '", name);
            add_summary(out, sbx_commands[command].summary, "\\");
            sbx_text_add(out, "'\n");
        }
        for (size_t i = 0; i < sbx_options_count; i++) {
            if (is_offered(&sbx_options[i], command)) {
                add_fish_option(out, &sbx_options[i], command);
            }
        }
    }
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        if (is_family(command)) {
            add_frame(out, "complete -c SBX_ -n '__SBX__at ");
            sbx_text_add_format(out, "%s' -a '", sbx_commands[command].name);
            add_members(out, (sbx_command_id)command);
            sbx_text_add(out, "'\n");
        }
    }
    add_frame(out, "complete -c SBX_ -n '__SBX__at completion' -a 'bash zsh fish'\n"
                   "complete -c SBX_ -n '__SBX__at exec' -xa '(__fish_complete_command)'\n"
                   "complete -c SBX_ -n '__fish_seen_subcommand_from exec; and not __SBX__at exec' "
                   "-xa '(__fish_complete_subcommand --fcs-skip=2 (__SBX__with_argument))'\n");
}
