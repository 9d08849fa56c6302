/* Walking a command line by the option table, and what is said when it does not fit. */
#include "harness/cli/option.h"

#include <string.h>

#include "harness/base/json.h"

const sbx_option *sbx_option_find(sbx_command_id command, const char *name, size_t bytes)
{
    for (size_t i = 0; i < sbx_options_count; i++) {
        const sbx_option *option = &sbx_options[i];

        if (sbx_option_belongs(option, command) && strlen(option->name) == bytes &&
            memcmp(option->name, name, bytes) == 0) {
            return option;
        }
    }
    return NULL;
}

static const sbx_option *find_letter(sbx_command_id command, char letter)
{
    for (size_t i = 0; i < sbx_options_count; i++) {
        const sbx_option *option = &sbx_options[i];

        if (sbx_option_belongs(option, command) && option->letter == letter && letter != 0) {
            return option;
        }
    }
    return NULL;
}

/* Optimal string alignment over the first 31 characters of each; longer words are merely far apart. */
unsigned sbx_word_distance(const char *left, const char *right)
{
    enum { MOST = 32 };
    unsigned row[3][MOST];
    unsigned *before = row[0], *last = row[1], *now = row[2];
    size_t left_bytes = strlen(left), right_bytes = strlen(right);

    if (left_bytes >= MOST || right_bytes >= MOST) {
        return strcmp(left, right) == 0 ? 0 : MOST;
    }
    for (unsigned j = 0; j <= right_bytes; j++) {
        last[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= left_bytes; i++) {
        unsigned *spare = before;

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= right_bytes; j++) {
            unsigned best = last[j - 1] + (left[i - 1] != right[j - 1]);

            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] &&
                before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[right_bytes];
}

bool sbx_word_is_near(const char *word, const char *known)
{
    size_t word_bytes = strlen(word), known_bytes = strlen(known);
    size_t shorter = word_bytes < known_bytes ? word_bytes : known_bytes;

    if (shorter >= 2 && strncmp(word, known, shorter) == 0) {
        return true;
    }
    return sbx_word_distance(word, known) <= (shorter > 4 ? 2u : 1u);
}

/* The nearest option of this command that is near enough; hidden ones are not offered. */
static const sbx_option *nearest_option(sbx_command_id command, const char *word)
{
    const sbx_option *best = NULL;
    unsigned best_distance = 0;

    for (size_t i = 0; i < sbx_options_count; i++) {
        const sbx_option *option = &sbx_options[i];
        unsigned distance = sbx_word_distance(word, option->name);

        if (sbx_option_belongs(option, command) && option->group != NULL &&
            sbx_word_is_near(word, option->name) && (best == NULL || distance < best_distance)) {
            best = option;
            best_distance = distance;
        }
    }
    return best;
}

/* Some command that has exactly this option, or SBX_COMMAND_COUNT. */
static sbx_command_id other_command_with(const char *word)
{
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        const sbx_option *option = sbx_option_find((sbx_command_id)command, word, strlen(word));

        if (option != NULL && option->group != NULL) {
            return (sbx_command_id)command;
        }
    }
    return SBX_COMMAND_COUNT;
}

static sbx_status fail_unknown(sbx_command_id command, const char *name, size_t bytes,
                               sbx_error *err)
{
    sbx_text word = {0};
    const sbx_option *near = NULL;
    sbx_command_id other = SBX_COMMAND_COUNT;
    sbx_status status;

    sbx_text_add_bytes(&word, name, bytes);
    near = nearest_option(command, sbx_text_string(&word));
    other = other_command_with(sbx_text_string(&word));
    if (near != NULL) {
        status = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                                "--%s: no such option — did you mean --%s?", sbx_text_string(&word),
                                near->name);
    } else if (other != SBX_COMMAND_COUNT) {
        status = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                                "--%s: no such option — it belongs to `%s%s%s`",
                                sbx_text_string(&word), SBX_PROGRAM_NAME,
                                other == SBX_COMMAND_MAIN ? "" : " ", sbx_commands[other].name);
    } else {
        status = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                                "--%s: no such option — `%s%s%s --help` lists them",
                                sbx_text_string(&word), SBX_PROGRAM_NAME,
                                command == SBX_COMMAND_MAIN ? "" : " ", sbx_commands[command].name);
    }
    sbx_text_done(&word);
    return status;
}

void sbx_option_reader_init(sbx_option_reader *reader, sbx_command_id command, int argc,
                            char **argv)
{
    memset(reader, 0, sizeof(*reader));
    reader->command = command;
    reader->stops_at_operand = command == SBX_COMMAND_EXEC;
    reader->argc = argc;
    reader->argv = argv;
}

/* An argument that stands in the next word of the command line. */
static sbx_status take_argument(sbx_token *out, sbx_option_reader *reader, sbx_error *err)
{
    if (reader->next >= reader->argc) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "--%s: an argument is missing (%s)", out->option->name,
                              out->option->argument);
    }
    out->value = reader->argv[reader->next++];
    return SBX_OK;
}

/* "--name", "--name=value" and "--name value". */
static sbx_status read_long(sbx_token *out, sbx_option_reader *reader, const char *word,
                            sbx_error *err)
{
    size_t bytes = strcspn(word, "=");

    out->option = sbx_option_find(reader->command, word, bytes);
    if (out->option == NULL) {
        return fail_unknown(reader->command, word, bytes, err);
    }
    if (word[bytes] == '=') {
        if (out->option->argument == NULL) {
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "--%s: takes no argument",
                                  out->option->name);
        }
        out->value = word + bytes + 1;
        return SBX_OK;
    }
    return out->option->argument == NULL ? SBX_OK : take_argument(out, reader, err);
}

/* "-q", "-qd", "-m2G" and "-m 2G". */
static sbx_status read_letter(sbx_token *out, sbx_option_reader *reader, sbx_error *err)
{
    char letter = *reader->cluster++;
    const char *rest = *reader->cluster == '\0' ? NULL : reader->cluster;

    reader->cluster = rest;
    out->option = find_letter(reader->command, letter);
    if (out->option == NULL) {
        char text[2] = {letter, '\0'};

        reader->cluster = NULL;
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "-%s: no such option — `%s%s%s --help` lists them", text,
                              SBX_PROGRAM_NAME, reader->command == SBX_COMMAND_MAIN ? "" : " ",
                              sbx_commands[reader->command].name);
    }
    if (out->option->argument == NULL) {
        return SBX_OK;
    }
    if (rest != NULL) {
        out->value = rest;
        reader->cluster = NULL;
        return SBX_OK;
    }
    return take_argument(out, reader, err);
}

sbx_status sbx_option_next(sbx_token *out, sbx_option_reader *reader, sbx_error *err)
{
    const char *word = NULL;

    memset(out, 0, sizeof(*out));
    out->kind = SBX_TOKEN_OPTION;
    if (reader->cluster != NULL) {
        return read_letter(out, reader, err);
    }
    if (reader->next < reader->argc && !reader->is_ended &&
        strcmp(reader->argv[reader->next], "--") == 0) {
        reader->is_ended = true;
        reader->next++;
    }
    if (reader->next >= reader->argc || (reader->is_ended && reader->stops_at_operand)) {
        out->kind = SBX_TOKEN_END;
        return SBX_OK;
    }
    word = reader->argv[reader->next];
    if (reader->is_ended || word[0] != '-' || word[1] == '\0') {
        out->kind = reader->stops_at_operand ? SBX_TOKEN_END : SBX_TOKEN_OPERAND;
        out->value = reader->stops_at_operand ? NULL : word;
        reader->next += reader->stops_at_operand ? 0 : 1;
        return SBX_OK;
    }
    reader->next++;
    if (word[1] == '-') {
        return read_long(out, reader, word + 2, err);
    }
    reader->cluster = word + 1;
    return read_letter(out, reader, err);
}

bool sbx_option_choice(const char **out_word, size_t *out_bytes, const sbx_option *option,
                       size_t index)
{
    const char *at = option->argument;

    /* "NAME|FILE" are two forms and not two words. */
    if (at == NULL || strchr(at, '|') == NULL || (at[0] >= 'A' && at[0] <= 'Z')) {
        return false;
    }
    for (; index > 0 && at != NULL; index--) {
        at = strchr(at, '|');
        at = at == NULL ? NULL : at + 1;
    }
    if (at == NULL) {
        return false;
    }
    *out_word = at;
    *out_bytes = strcspn(at, "|");
    return true;
}

sbx_status sbx_option_choose(unsigned *out_index, const sbx_option *option, const char *value,
                             sbx_error *err)
{
    const char *word = NULL;
    size_t bytes = 0;

    for (unsigned i = 0; sbx_option_choice(&word, &bytes, option, i); i++) {
        if (strlen(value) == bytes && memcmp(value, word, bytes) == 0) {
            *out_index = i;
            return SBX_OK;
        }
    }
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "--%s: \"%s\" is none of %s",
                          option->name, value, option->argument);
}

void sbx_option_dump(sbx_text *out)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_array(&json, NULL);
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        for (size_t i = 0; i < sbx_options_count; i++) {
            const sbx_option *option = &sbx_options[i];
            char letter[2] = {option->letter, '\0'};

            if (!sbx_option_belongs(option, (sbx_command_id)command) || option->group == NULL) {
                continue;
            }
            sbx_json_open_object(&json, NULL);
            sbx_json_string(&json, "command", sbx_commands[command].name);
            sbx_json_string(&json, "long", option->name);
            sbx_json_string(&json, "short", option->letter == 0 ? NULL : letter);
            sbx_json_string(&json, "argument", option->argument);
            sbx_json_bool(&json, "repeatable", option->is_repeatable);
            sbx_json_string(&json, "group", option->group);
            sbx_json_string(&json, "help", option->help);
            sbx_json_close_object(&json);
        }
    }
    sbx_json_close_array(&json);
    sbx_text_add(out, "\n");
}
