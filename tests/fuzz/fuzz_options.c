/*
 * Command lines. The first byte chooses the command, the rest is its words, each ended by a NUL. The reader comes to an
 * end without a step past argv; what `exec` accepts can be laid over a policy.
 */
#include <unistd.h>

#include "harness/cli/exec_request.h"
#include "harness/cli/option.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS_MAX = 64 };

static int split(char *words[WORDS_MAX + 1], char *text, size_t bytes)
{
    int count = 0;

    for (char *at = text; at < text + bytes && count < WORDS_MAX; at += strlen(at) + 1)
        words[count++] = at;
    words[count] = NULL;
    return count;
}

static void read_all(sbx_command_id command, int count, char **words)
{
    sbx_option_reader reader;
    sbx_token token = {0};
    sbx_error err = {0};
    int steps = 0;

    sbx_option_reader_init(&reader, command, count, words);
    while (sbx_option_next(&token, &reader, &err) == SBX_OK && token.kind != SBX_TOKEN_END) {
        unsigned index;

        SBX_FUZZ_MUST(reader.next <= count);
        SBX_FUZZ_MUST(++steps <= 1 << 20);
        if (token.kind == SBX_TOKEN_OPTION) {
            SBX_FUZZ_MUST(sbx_option_belongs(token.option, command));
            SBX_FUZZ_MUST((token.option->argument != NULL) == (token.value != NULL));
            if (token.value != NULL && strchr(token.option->argument, '|') != NULL)
                (void)!sbx_option_choose(&index, token.option, token.value, &err);
        }
    }
}

static void read_exec(int count, char **words)
{
    sbx_exec_request request;
    sbx_policy policy = {0};
    sbx_error err = {0};

    if (sbx_exec_request_read(&request, count, words, &err) == SBX_OK) {
        SBX_FUZZ_MUST(request.argv >= words && request.argv <= words + count);
        sbx_policy_init(&policy);
        if (sbx_policy_builtin(&policy, "grader", &err) == SBX_OK)
            (void)!sbx_exec_request_apply(&policy, &request, &err);
        sbx_policy_done(&policy);
    } else {
        SBX_FUZZ_MUST(err.message[0] != '\0');
    }
    sbx_exec_request_done(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sbx_command_id command = (sbx_command_id)(sbx_fuzz_take(&data, &size, 1) % SBX_COMMAND_COUNT);
    char *text = sbx_fuzz_text(data, size);
    char *words[WORDS_MAX + 1];
    int count = split(words, text, size);
    int used = 0;

    read_all(command, count, words);
    if (command == SBX_COMMAND_EXEC)
        read_exec(count, words);
    if (count > 0) {
        (void)sbx_command_by_words(&used, words);
        SBX_FUZZ_MUST(used <= count);
        (void)sbx_command_nearest(SBX_COMMAND_MAIN, words[0]);
    }
    free(text);
    return 0;
}
