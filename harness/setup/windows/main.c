/* sbx-setup.exe: the command line of verbs.h. The only program of sbx that is an administrator's (its manifest). */
#include <string.h>

#include "harness/cli/caller.h"
#include "harness/setup/windows/verbs.h"

enum { DONE = 0, FAILED = 1, USAGE = 2 }; /* docs/exit-codes.md */

static const char help[] =
    "Usage: sbx-setup VERB [--audit-denials] [--json]\n"
    "\n"
    "Sets up the sandbox users of this machine, their firewall rules and filters, and what they "
    "may\n"
    "read; says what is there; takes it away. To be run as an administrator, by the user who will "
    "run\n"
    "sbx.\n"
    "\n"
    "Verbs:\n"
    "  install      set up; over an earlier setup: what is missing\n"
    "  status       say what is there, and exit with 1 where something is missing\n"
    "  repair       put again what is missing or changed, and take away what killed runs left\n"
    "  uninstall    take all of it away\n"
    "  grants       let the sandbox users read the profile; install starts it and does not wait\n"
    "\n"
    "Options:\n"
    "      --audit-denials\n"
    "                   of install: have Windows tell which files and keys the sandbox users are\n"
    "                   refused; switches on what the whole machine shares (failures in the audit\n"
    "                   of files and keys), which uninstall switches off again\n"
    "      --json       one JSON object instead of lines\n"
    "      --version    the version\n"
    "  -h, --help       this text\n";

static void say(const char *text)
{
    (void)!sbx_caller_write(1, text, strlen(text), NULL);
}

static void complain(const char *what, const char *message)
{
    sbx_text text = {0};

    sbx_text_add_format(&text, "sbx-setup: %s%s", what, what[0] == '\0' ? "" : ": ");
    sbx_text_add_escaped(&text, message, strlen(message));
    sbx_text_add(&text, "\n");
    if (!text.failed)
        (void)!sbx_caller_write(2, text.data, text.bytes, NULL);
    sbx_text_done(&text);
}

static int misuse(const char *word, const char *why)
{
    complain(word, why);
    return USAGE;
}

/* SBX_SETUP_VERB_COUNT: none. */
static sbx_setup_verb find_verb(const char *word)
{
    sbx_setup_verb verb = SBX_SETUP_INSTALL;

    while (verb != SBX_SETUP_VERB_COUNT && strcmp(sbx_setup_verb_word(verb), word) != 0)
        verb = (sbx_setup_verb)(verb + 1);
    return verb;
}

static int run(sbx_setup_verb verb, const sbx_setup_options *options)
{
    sbx_text out = {0};
    sbx_error err = {0};
    bool is_complete = false;
    sbx_status st = sbx_setup_run(&out, &is_complete, verb, options, &err);
    int code = st == SBX_OK && is_complete ? DONE : FAILED;

    if (sbx_text_check(&out, NULL) != SBX_OK ||
        (out.bytes > 0 && sbx_caller_write(1, out.data, out.bytes, NULL) != SBX_OK))
        code = FAILED;
    if (st != SBX_OK)
        complain(sbx_setup_verb_word(verb), err.message);
    sbx_text_done(&out);
    return code;
}

int main(int argc, char **argv)
{
    sbx_setup_verb verb = SBX_SETUP_VERB_COUNT;
    sbx_setup_options options = {.wants_json = false};
    sbx_error err;

    if (sbx_caller_arguments(&argc, &argv, &err) != SBX_OK) {
        complain("", err.message);
        return FAILED;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            say(help);
            return DONE;
        }
        if (strcmp(argv[i], "--version") == 0) {
            say("sbx-setup " SBX_VERSION "\n");
            return DONE;
        }
        if (strcmp(argv[i], "--json") == 0)
            options.wants_json = true;
        else if (strcmp(argv[i], "--audit-denials") == 0)
            options.audits = true;
        else if (argv[i][0] == '-')
            return misuse(argv[i], "no such option (sbx-setup --help)");
        else if (verb != SBX_SETUP_VERB_COUNT)
            return misuse(argv[i], "one operand too many (sbx-setup --help)");
        else if ((verb = find_verb(argv[i])) == SBX_SETUP_VERB_COUNT)
            return misuse(argv[i], "no such verb (sbx-setup --help)");
    }
    if (verb == SBX_SETUP_VERB_COUNT)
        return misuse("", "which verb? install, status, repair, uninstall or grants "
                          "(sbx-setup --help)");
    if (options.audits && verb != SBX_SETUP_INSTALL)
        return misuse("--audit-denials", "an option of install (sbx-setup --help)");
    return run(verb, &options);
}
