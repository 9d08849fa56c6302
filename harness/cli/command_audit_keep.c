/* `sbx audit prune` and `sbx audit backup`. */
#include <string.h>

#include "audit/prune.h"
#include "audit/verify.h"
#include "harness/base/json.h"
#include "harness/base/units.h"
#include "harness/cli/audit_file.h"
#include "harness/cli/message.h"

typedef struct keeping {
    const char *db, *file; /* file: the operand */
    bool is_json;
    sbx_prune_options options;
} keeping;

static sbx_status take_days(keeping *self, const char *value, sbx_error *err)
{
    enum { MOST_DAYS = 100000 };
    uint64_t days = 0;
    sbx_status status = sbx_parse_count(&days, "--keep-days", value, err);

    if (status == SBX_OK && days > MOST_DAYS) {
        status = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                                "--keep-days: \"%s\" is more than %d", value, (int)MOST_DAYS);
    }
    if (status == SBX_OK) {
        self->options.keep_ns = days * 24 * 60 * 60 * SBX_NS_PER_S;
    }
    return status;
}

static sbx_status take(void *context, const sbx_token *token, sbx_error *err)
{
    keeping *self = context;

    if (token->kind == SBX_TOKEN_OPERAND) {
        if (self->file != NULL) {
            return sbx_audit_file_no_operand(token, err);
        }
        self->file = token->value;
        return SBX_OK;
    }
    switch (token->option->id) {
    case SBX_OPTION_JSON:
        self->is_json = true;
        return SBX_OK;
    case SBX_OPTION_DRY_RUN:
        self->options.is_dry = true;
        return SBX_OK;
    case SBX_OPTION_KEEP_DAYS:
        return take_days(self, token->value, err);
    case SBX_OPTION_KEEP_RUNS:
        return sbx_parse_count(&self->options.keep_runs, "--keep-runs", token->value, err);
    case SBX_OPTION_MAX_SIZE:
        return sbx_parse_size(&self->options.max_bytes, "--max-size", token->value, err);
    default:
        self->db = token->value; /* --db and --audit-db */
        return SBX_OK;
    }
}

static int usage(sbx_command_id command, const char *what)
{
    sbx_error err = {0};

    (void)sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_OPTIONS, "%s", what);
    sbx_message_error(sbx_commands[command].name, &err);
    return SBX_EXIT_USAGE;
}

static void add_json(sbx_text *out, const keeping *self, const sbx_prune_result *result)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_bool(&json, "dry_run", self->options.is_dry);
    sbx_json_bool(&json, "signed", self->options.key->exists);
    sbx_json_unsigned(&json, "runs", result->runs);
    sbx_json_unsigned(&json, "events", result->events);
    sbx_json_unsigned(&json, "denials", result->denials);
    sbx_json_unsigned(&json, "processes", result->processes);
    sbx_json_unsigned(&json, "bytes_before", result->bytes_before);
    sbx_json_unsigned(&json, "bytes_after", result->bytes_after);
    sbx_json_unsigned(&json, "free_bytes", result->free_bytes);
    sbx_json_bool(&json, "too_large", result->is_too_large);
    sbx_json_bool(&json, "wal_left", result->is_wal_left);
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
}

static void add_size(sbx_text *out, const char *before, uint64_t bytes)
{
    sbx_text_add_format(out, "%s%llu.%llu MiB", before, (unsigned long long)(bytes >> 20),
                        (unsigned long long)((bytes & 0xFFFFF) * 10 >> 20));
}

static void add_words(sbx_text *out, const keeping *self, const sbx_prune_result *result)
{
    sbx_text_add_format(out, "%s %llu runs (%llu denials, %llu processes, %llu events)",
                        self->options.is_dry ? "would remove" : "removed",
                        (unsigned long long)result->runs, (unsigned long long)result->denials,
                        (unsigned long long)result->processes, (unsigned long long)result->events);
    if (!self->options.is_dry) {
        add_size(out, "; the file had ", result->bytes_before);
        add_size(out, " and has ", result->bytes_after);
    }
    sbx_text_add(out, "\n");
    if (result->is_too_large && !self->options.is_dry) {
        sbx_text_add(out, "what is left is more than --max-size: no other run has ended\n");
    }
    if (result->free_bytes > 0) {
        add_size(out, "", result->free_bytes);
        sbx_text_add(out, " are free in the file and will be used again; it was made by a version "
                          "of sbx that could not give them back\n");
    }
    if (result->is_wal_left && result->runs > 0) {
        sbx_text_add(out, "somebody is using the database: its file shrinks when they have done\n");
    }
    if (!self->options.is_dry && result->runs > 0 && !self->options.key->exists) {
        sbx_text_add(out, "the seals have no signature: there is no key (sbx audit keygen)\n");
    }
}

static int prune(keeping *self, sbx_error *err)
{
    const sbx_store_options options = {0};
    sbx_store *store = NULL;
    sbx_seal_key key;
    sbx_prune_result result = {0};
    sbx_text text = {0};
    sbx_status status = sbx_audit_file_key(&key, err);
    int code = SBX_EXIT_FAILED;

    self->options.key = &key;
    if (status == SBX_OK) {
        status = sbx_audit_file_open(&store, self->db, &options, err);
    }
    if (status == SBX_OK) {
        status = sbx_store_prune(&result, store, &self->options, err);
    }
    sbx_seal_key_forget(&key);
    sbx_store_close(store);
    if (status == SBX_OK) {
        if (self->is_json) {
            add_json(&text, self, &result);
        } else {
            add_words(&text, self, &result);
        }
        code = sbx_message_print(&text);
    }
    sbx_text_done(&text);
    return code;
}

int sbx_command_audit_prune(int argc, char **argv)
{
    keeping self = {.options = {.keep_ns = SBX_UNLIMITED,
                                .keep_runs = SBX_UNLIMITED,
                                .max_bytes = SBX_UNLIMITED}};
    sbx_error err = {0};
    int code;

    if (!sbx_audit_file_options(&code, SBX_COMMAND_AUDIT_PRUNE, argc, argv, take, &self, &err)) {
        return code;
    }
    if (self.file != NULL) {
        return usage(SBX_COMMAND_AUDIT_PRUNE, "takes no operand");
    }
    if (self.options.keep_ns == SBX_UNLIMITED && self.options.keep_runs == SBX_UNLIMITED &&
        self.options.max_bytes == SBX_UNLIMITED) {
        return usage(SBX_COMMAND_AUDIT_PRUNE,
                     "nothing says what to keep — give --keep-days, --keep-runs or --max-size");
    }
    code = prune(&self, &err);
    if (err.status != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_PRUNE].name, &err);
    }
    return code;
}

/* Where something does not hold, it did not hold in the database, either. */
static sbx_status verify_copy(bool *out_holds, const char *file, sbx_error *err)
{
    const sbx_store_options options = {.read_only = true, .is_copy = true};
    const sbx_verify_options all = {0};
    sbx_verify_result result;
    sbx_store *store = NULL;
    sbx_status status = sbx_audit_file_open(&store, file, &options, err);

    if (status == SBX_OK) {
        status = sbx_verify(&result, store, &all, err);
        *out_holds = status == SBX_OK && result.wrong_count == 0;
    }
    sbx_store_close(store);
    return status;
}

static int back_up(const keeping *self, sbx_error *err)
{
    const sbx_store_options options = {.read_only = true};
    sbx_store *store = NULL;
    bool holds = false;
    sbx_status status = sbx_audit_file_open(&store, self->db, &options, err);

    if (status == SBX_OK) {
        status = sbx_store_copy(store, self->file, err);
    }
    sbx_store_close(store);
    if (status == SBX_OK) {
        status = verify_copy(&holds, self->file, err);
    }
    if (status != SBX_OK) {
        return SBX_EXIT_FAILED;
    }
    if (!holds) {
        sbx_message(
            "the copy is complete, and something in it does not hold: see sbx audit verify");
        return SBX_EXIT_TAMPERED;
    }
    return SBX_EXIT_DONE;
}

int sbx_command_audit_backup(int argc, char **argv)
{
    keeping self = {0};
    sbx_error err = {0};
    int code;

    if (!sbx_audit_file_options(&code, SBX_COMMAND_AUDIT_BACKUP, argc, argv, take, &self, &err)) {
        return code;
    }
    if (self.file == NULL) {
        return usage(SBX_COMMAND_AUDIT_BACKUP, "no file is given to copy to");
    }
    code = back_up(&self, &err);
    if (err.status != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_BACKUP].name, &err);
    }
    return code;
}
