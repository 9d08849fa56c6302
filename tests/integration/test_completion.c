/* What the completion script offers, asked of bash itself. */
#include "tests/support/escape.h"
#include "tests/support/test.h"

typedef struct question {
    const char *words; /* the command line as bash splits it; the last word is being typed */
    const char *replies;
} question;

/* Sets up what bash sets up, calls the function that was registered, prints what it found. */
static const char asking[] = "eval \"$(\"$1\" completion bash)\"; shift\n"
                             "complete -p sbx >/dev/null || exit 3\n"
                             "COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=()\n"
                             "_sbx; echo \"${COMPREPLY[*]}\"";

enum { MOST_WORDS = 12 };

static void ask(const sbx_test_place *place, const question *asked)
{
    char line[256];
    const char *command[6 + MOST_WORDS] = {"/bin/bash", "-c", asking, "bash", sbx_test_binary()};
    size_t count = 5;
    sbx_test_request request = {.command = command, .as_is = true};
    sbx_test_outcome outcome;

    assert_true(snprintf(line, sizeof(line), "%s", asked->words) < (int)sizeof(line));
    for (char *at = line; at != NULL;) {
        char *space = strchr(at, ' ');

        assert_true(count < 5 + MOST_WORDS);
        command[count++] = at;
        if (space != NULL) {
            *space++ = '\0';
        }
        at = space;
    }
    sbx_test_run(&outcome, place, &request);
    if (outcome.exit_code != 0 || strcmp(outcome.out, asked->replies) != 0) {
        fail_msg("%s: \"%s\" instead of \"%s\", exit %d: %s", asked->words, outcome.out,
                 asked->replies, outcome.exit_code, outcome.err);
    }
    assert_int_equal(outcome.err_bytes, 0);
    sbx_test_outcome_done(&outcome);
}

static void test_bash(void **state)
{
    const sbx_test_place *place = *state;
    static const question questions[] = {
        {"sbx exe", "exec\n"},
        {"sbx audit ", "ls show denials top stats tail diff sql keygen seal verify prune backup "
                       "export report --help\n"},
        {"sbx audit ls --s", "--since --status --session\n"},
        {"sbx audit ls --status li", "limit\n"},
        {"sbx audit ls --status = re", "refused\n"},
        {"sbx exec --w", "--wall --write\n"},
        {"sbx exec --net ", "none loopback full advisory\n"},
        {"sbx exec --net = lo", "loopback\n"},
        {"sbx exec --net =", "none loopback full advisory\n"},
        {"sbx exec -n lo", "loopback\n"},
        {"sbx exec --mem 1G --cp", "--cpus --cpu\n"},
        {"sbx exec --mem = 1G --cp", "--cpus --cpu\n"},
        {"sbx exec --mem ", "\n"},
        /* After the command it is not for sbx to say. */
        {"sbx exec ls --m", "\n"},
        {"sbx exec -- ls --m", "\n"},
        {"sbx exec --mem 1G ls --m", "\n"},
        {"sbx exec --write /nonexistent/", "\n"},
        {"sbx completion z", "zsh\n"},
        {"sbx help au", "audit\n"},
    };

    if (!sbx_test_exists("/bin/bash")) {
        sbx_test_skip_file("there is no bash");
    }
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        ask(place, &questions[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bash)};

    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
