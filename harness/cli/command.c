/* The table of commands, and finding one by its words. */
#include "harness/cli/command.h"

#include <string.h>

#include "harness/cli/message.h"
#include "harness/cli/option.h"

const sbx_command sbx_commands[SBX_COMMAND_COUNT] = {
    [SBX_COMMAND_MAIN] = {"", "COMMAND …",
                          "Run commands under limits, confined, and recorded in an audit database",
                          ""},
    [SBX_COMMAND_EXEC] =
        {"exec", "[--] COMMAND [ARG…]", "Run a command under limits, confined and recorded",
         "Runs COMMAND as a low-privilege identity in a job: it has the limits below, can write "
         "only where it may and reach no network, and when it ends, or sbx does, nothing of it is "
         "left running. The run and everything it was denied are recorded in the audit "
         "database.\n\n"
         "Exit code: the command's own; 124 a time limit; 125 sbx failed or refused; 126 not "
         "executable; 127 not found; 137 another limit; 128+n signal n.\n\n"
         "SIZE is like 512K, 2G, 1.5GiB; TIME like 250ms, 60s, 2m, and a bare number is seconds; "
         "\"unlimited\" lifts what the policy says."},
    [SBX_COMMAND_BATCH] = {"batch", "run …", "Run many commands, each as exec would", ""},
    [SBX_COMMAND_BATCH_RUN] =
        {"batch run", "MANIFEST", "Run the tasks of a manifest, each as exec would",
         "MANIFEST is a file of JSON Lines, one task on each line, see sbx-batch(1); with --lines, "
         "of commands for the shell; \"-\" is stdin. The options for limits and policy hold for "
         "tasks that say nothing else.\n\n"
         "The first Ctrl-C finishes what runs, the second kills it.\n\n"
         "Exit code: 0 all passed; 2 the manifest or an option is wrong, nothing was started; 100 "
         "some failed or were not run; 125 sbx failed; 130 interrupted."},
    [SBX_COMMAND_AUDIT] = {"audit", "ls|show|denials|top|stats|tail|diff|sql …",
                           "Read, verify and keep the audit database", ""},
    [SBX_COMMAND_AUDIT_LS] = {"audit ls", "", "List runs, newest first", ""},
    [SBX_COMMAND_AUDIT_SHOW] = {"audit show", "RUN", "Show everything about one run",
                                "RUN is a run's id, the unique beginning of one, or \"latest\"."},
    [SBX_COMMAND_AUDIT_DENIALS] =
        {"audit denials", "[RUN]", "List denied accesses, of one run or of all",
         "RUN is a run's id, the unique beginning of one, or \"latest\"."},
    [SBX_COMMAND_AUDIT_TOP] = {"audit top", "", "List the runs that used most, or were denied most",
                               ""},
    [SBX_COMMAND_AUDIT_STATS] = {"audit stats", "", "Sum up how runs ended and what they used", ""},
    [SBX_COMMAND_AUDIT_TAIL] = {"audit tail", "",
                                "Print what was recorded last, and go on as more comes",
                                "One line for each start, end and denied access, oldest first."},
    [SBX_COMMAND_AUDIT_DIFF] = {"audit diff", "RUN RUN", "Say in what two runs differ",
                                "RUN is a run's id, the unique beginning of one, or \"latest\"."},
    [SBX_COMMAND_AUDIT_SQL] =
        {"audit sql", "STATEMENT", "Ask the database in SQL",
         "STATEMENT is one SELECT over the tables and views that docs/audit-schema.md describes. "
         "It "
         "can read and do nothing else, and is stopped when it takes too long:\n\n"
         "    " SBX_PROGRAM_NAME " audit sql \"SELECT status, count(*) FROM run GROUP BY 1\""},
    [SBX_COMMAND_AUDIT_KEYGEN] = {"audit keygen", "", "Make the key that seals are signed with",
                                  "Makes an Ed25519 key in the state directory, which no command "
                                  "that sbx runs can read, and "
                                  "prints its public half: keep that elsewhere, it is what verify "
                                  "needs. A key that is there "
                                  "is never replaced unasked."},
    [SBX_COMMAND_AUDIT_SEAL] =
        {"audit seal", "", "Sign what the audit database holds now",
         "Prints the seal as a line. Kept where whoever owns the database cannot change it, that "
         "line is an anchor: verify finds with it that rows were cut off at the end."},
    [SBX_COMMAND_AUDIT_VERIFY] =
        {"audit verify", "", "Find what was changed in an audit database, or taken out of it",
         "Checks the chain of events, every row against the events that made it, and the seals. "
         "Reads only, also copies.\n\n"
         "Exit code: 0 all of it holds; 3 something does not; 4 it holds, and with a key, not all "
         "of "
         "it is sealed; 1 it could not be read; 2 usage."},
    [SBX_COMMAND_AUDIT_PRUNE] =
        {"audit prune", "", "Remove old runs, and leave the rest verifiable",
         "Removes the runs that neither --keep-days nor --keep-runs keeps, then the oldest until "
         "--max-size is met. Runs that have not ended stay. The database is sealed before and "
         "after, "
         "and what was removed is written down in it; other sbx go on writing meanwhile."},
    [SBX_COMMAND_AUDIT_BACKUP] =
        {"audit backup", "FILE", "Copy the database while it is in use, into one file",
         "FILE must not exist. The copy is verified afterwards; exit code 3: something in it does "
         "not hold, as it does not in the database."},
    [SBX_COMMAND_AUDIT_EXPORT] =
        {"audit export", "[RUN]", "Write rows for other programs: JSON lines, CSV, OCSF, ECS, OTLP",
         "Writes to stdout, or with --out to a file, one row after the other; however many there "
         "are, memory does not grow. RUN is a run's id, the unique beginning of one, or "
         "\"latest\"."},
    [SBX_COMMAND_AUDIT_REPORT] = {"audit report", "[RUN]",
                                  "Make an HTML file of runs and their denials",
                                  "One file with everything in it: timeline, memory and time "
                                  "against the limits, outcomes by "
                                  "label, and what was denied, to sort and filter. It asks the "
                                  "network for nothing. Without a "
                                  "filter it is of the newest 50,000 runs."},
    [SBX_COMMAND_EXPLAIN] = {"explain", "[RUN]", "Say how a run ended, why, and what confined it",
                             "RUN is a run's id, the unique beginning of one, or \"latest\", which "
                             "is what nothing means."},
    [SBX_COMMAND_POLICY] = {"policy", "from-run …", "Make policies", ""},
    [SBX_COMMAND_POLICY_FROM_RUN] =
        {"policy from-run", "RUN", "Print the smallest policy that would have allowed a run",
         "Prints the policy that the run had, with what it was denied added to it, as a file for "
         "--policy. Secrets, protected names, the audit database, system directories and settings "
         "of the home directory are left out, and named on stderr with the reason, as is what no "
         "policy can allow. Read it before you use it: a run that was denied something may not "
         "have been meant to do it.\n\n"
         "RUN is a run's id, the unique beginning of one, or \"latest\"."},
    [SBX_COMMAND_DOCTOR] =
        {"doctor", "", "Say what this host can enforce and with what, by trying it",
         "Each line is tried: what must be stopped is done once outside, where it must succeed, "
         "and "
         "once inside, where it must fail. Exits with 0 when everything that the default policy "
         "needs is enforced, with 1 when not."},
    [SBX_COMMAND_COMPLETION] = {"completion", "bash|zsh|fish",
                                "Print a completion script for a shell",
                                "Without installing anything, in bash:\n\n"
                                "    source <(" SBX_PROGRAM_NAME " completion bash)"},
    [SBX_COMMAND_HELP] = {"help", "[COMMAND]", "Print help on a command", ""},
};

/* Whether argv starts with the words of name, and how many they are. */
static bool starts_with_words(int *out_words, const char *name, char *const *argv)
{
    int words = 0;

    while (*name != '\0') {
        size_t bytes = strcspn(name, " ");

        if (argv[words] == NULL || strlen(argv[words]) != bytes ||
            memcmp(argv[words], name, bytes) != 0) {
            return false;
        }
        words++;
        name += bytes + (name[bytes] == ' ');
    }
    *out_words = words;
    return words > 0;
}

sbx_command_id sbx_command_by_words(int *out_words, char *const *argv)
{
    sbx_command_id found = SBX_COMMAND_COUNT;
    int words = 0;

    *out_words = 0;
    for (unsigned i = SBX_COMMAND_MAIN + 1; i < SBX_COMMAND_COUNT; i++) {
        if (starts_with_words(&words, sbx_commands[i].name, argv) && words > *out_words) {
            found = (sbx_command_id)i;
            *out_words = words;
        }
    }
    return found;
}

const char *sbx_command_nearest(sbx_command_id family, const char *word)
{
    size_t skip = family == SBX_COMMAND_MAIN ? 0 : strlen(sbx_commands[family].name) + 1;
    const char *best = NULL;

    for (unsigned i = SBX_COMMAND_MAIN + 1; i < SBX_COMMAND_COUNT; i++) {
        const char *name = sbx_commands[i].name;

        if (skip > 0 &&
            (strncmp(name, sbx_commands[family].name, skip - 1) != 0 || strlen(name) <= skip)) {
            continue;
        }
        name += skip;
        if (strchr(name, ' ') == NULL && sbx_word_is_near(word, name) &&
            (best == NULL || sbx_word_distance(word, name) < sbx_word_distance(word, best))) {
            best = name;
        }
    }
    return best;
}

int sbx_command_unknown(sbx_command_id family, const char *word)
{
    const char *nearest = sbx_command_nearest(family, word);
    const char *name = sbx_commands[family].name;
    const char *gap = name[0] == '\0' ? "" : " ";
    sbx_error err = {0};

    if (nearest != NULL) {
        (void)sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_OPTIONS,
                             "\"%s%s%s\" is no command — did you mean `%s%s%s %s`?", name, gap,
                             word, SBX_PROGRAM_NAME, gap, name, nearest);
    } else {
        (void)sbx_fail_plain(
            &err, SBX_INVALID, SBX_STEP_OPTIONS,
            "\"%s%s%s\" is no command — `%s%s%s --help` lists them; to run a command "
            "there is `%s exec`",
            name, gap, word, SBX_PROGRAM_NAME, gap, name, SBX_PROGRAM_NAME);
    }
    sbx_message_error(NULL, &err);
    return SBX_EXIT_USAGE;
}
