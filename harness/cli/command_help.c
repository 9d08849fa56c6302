/* `sbx help` and `sbx completion`. */
#include <string.h>

#include "harness/cli/command.h"
#include "harness/cli/completion.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"
#include "harness/cli/option.h"

enum { MOST_WORDS = 2 };

/* Reads a command line that has operands and no option but --help: the operands, or an exit code. */
static int read_words(const char **words, int *out_count, sbx_command_id command, int argc,
                      char **argv)
{
    sbx_option_reader reader;
    sbx_token token;
    sbx_error err = {0};

    *out_count = 0;
    sbx_option_reader_init(&reader, command, argc, argv);
    for (;;) {
        if (sbx_option_next(&token, &reader, &err) != SBX_OK) {
            sbx_message_error(sbx_commands[command].name, &err);
            return SBX_EXIT_USAGE;
        }
        if (token.kind == SBX_TOKEN_END) {
            return -1;
        }
        if (token.kind == SBX_TOKEN_OPTION) {
            return sbx_help_print(command);
        }
        if (*out_count == MOST_WORDS) {
            (void)sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_OPTIONS,
                                 "\"%s\" is one operand too many", token.value);
            sbx_message_error(sbx_commands[command].name, &err);
            return SBX_EXIT_USAGE;
        }
        words[(*out_count)++] = token.value;
    }
}

int sbx_command_help(int argc, char **argv)
{
    const char *words[MOST_WORDS + 1] = {NULL};
    sbx_command_id command = SBX_COMMAND_MAIN;
    int count = 0, used = 0;
    int code = read_words(words, &count, SBX_COMMAND_HELP, argc, argv);

    if (code >= 0) {
        return code;
    }
    if (count > 0) {
        command = sbx_command_by_words(&used, (char *const *)words);
    }
    if (command == SBX_COMMAND_COUNT || used < count) {
        return sbx_command_unknown(command == SBX_COMMAND_AUDIT ? command : SBX_COMMAND_MAIN,
                                   words[used]);
    }
    return sbx_help_print(command);
}

int sbx_command_completion(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(sbx_text *out);
    } shells[] = {
        {"bash", sbx_completion_bash}, {"zsh", sbx_completion_zsh}, {"fish", sbx_completion_fish}};
    const char *words[MOST_WORDS + 1] = {NULL};
    sbx_error err = {0};
    int count = 0;
    int code = read_words(words, &count, SBX_COMMAND_COMPLETION, argc, argv);

    if (code >= 0) {
        return code;
    }
    for (size_t i = 0; count == 1 && i < SBX_COUNT_OF(shells); i++) {
        if (strcmp(words[0], shells[i].name) == 0) {
            sbx_text text = {0};

            shells[i].write(&text);
            code = sbx_message_print(&text);
            sbx_text_done(&text);
            return code;
        }
    }
    (void)sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_OPTIONS, "expected one of bash, zsh, fish");
    sbx_message_error("completion", &err);
    return SBX_EXIT_USAGE;
}
