/* `sbx audit verify`: says what does not hold, and exits so that a script can tell. */
#include <stdlib.h>
#include <string.h>

#include "audit/verify.h"
#include "harness/base/json.h"
#include "harness/base/units.h"
#include "harness/cli/audit_file.h"
#include "harness/cli/message.h"

enum { USUAL_FINDINGS = 100 };

typedef struct verifying {
    const char *db;
    bool is_json;
    uint64_t limit, found; /* findings to print, and all of them */
    sbx_verify_options options;
    sbx_text text;
    sbx_json json;
} verifying;

static sbx_status take(void *context, const sbx_token *token, sbx_error *err)
{
    verifying *self = context;
    sbx_verify_options *options = &self->options;

    if (token->kind == SBX_TOKEN_OPERAND) {
        return sbx_audit_file_no_operand(token, err);
    }
    switch (token->option->id) {
    case SBX_OPTION_JSON:
        self->is_json = true;
        return SBX_OK;
    case SBX_OPTION_ANCHOR:
        options->anchor_path = token->value;
        return SBX_OK;
    case SBX_OPTION_LIMIT:
        return sbx_parse_count(&self->limit, "--limit", token->value, err);
    case SBX_OPTION_KEY:
        if (options->key_count == SBX_VERIFY_KEYS_MAX) {
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "--key: at most %d of them",
                                  (int)SBX_VERIFY_KEYS_MAX);
        }
        return sbx_seal_key_take_public(options->keys[options->key_count++], token->value, err);
    default:
        self->db = token->value; /* --db and --audit-db */
        return SBX_OK;
    }
}

/* The caller's own database is held against the caller's own key. */
static sbx_status add_own_key(verifying *self, sbx_error *err)
{
    char *path = NULL;
    sbx_seal_key key = {0};
    sbx_status status = SBX_OK;

    if (self->db != NULL || self->options.key_count > 0) {
        return SBX_OK;
    }
    status = sbx_seal_key_path(&path, err);
    if (status == SBX_OK) {
        status = sbx_seal_key_read(&key, path, err);
    }
    sbx_seal_key_forget(&key);
    if (status == SBX_OK && key.exists) {
        memcpy(self->options.keys[0], key.public_key, sizeof(key.public_key));
        self->options.key_count = 1;
    }
    free(path);
    return status;
}

static void print_finding(void *context, const sbx_finding *finding)
{
    verifying *self = context;

    if (self->found++ >= self->limit) {
        return;
    }
    if (!self->is_json) {
        sbx_text_add_format(&self->text, "%-12s ", sbx_finding_word(finding->kind));
        sbx_text_add_escaped(&self->text, finding->message, strlen(finding->message));
        sbx_text_add(&self->text, "\n");
        return;
    }
    sbx_json_open_object(&self->json, NULL);
    sbx_json_string(&self->json, "kind", sbx_finding_word(finding->kind));
    sbx_json_string(&self->json, "table", finding->table);
    if (finding->seq != 0) {
        sbx_json_unsigned(&self->json, "seq", finding->seq);
    }
    if (finding->run_id[0] != '\0') {
        sbx_json_string(&self->json, "run", finding->run_id);
    }
    sbx_json_string(&self->json, "message", finding->message);
    sbx_json_close_object(&self->json);
}

static void add_totals(verifying *self, const sbx_verify_result *result)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"findings_total", self->found},
        {"events", result->events},
        {"first_seq", result->first_seq},
        {"last_seq", result->last_seq},
        {"runs", result->runs},
        {"processes", result->processes},
        {"denials", result->denials},
        {"pruned_events", result->removed_count},
        {"half_pruned_events", result->half_pruned},
        {"seals", result->seals},
        {"good_seals", result->good_seals},
        {"unsigned_seals", result->unsigned_seals},
        {"anchors", result->anchors},
        {"sealed_seq", result->sealed_seq},
        {"sealed_us", result->sealed_us},
    };
    char key[65];

    sbx_json_close_array(&self->json);
    sbx_json_string(&self->json, "database_id", result->database_id);
    sbx_json_bool(&self->json, "holds", result->wrong_count == 0);
    sbx_json_bool(&self->json, "has_key", self->options.key_count > 0);
    sbx_json_bool(&self->json, "is_sealed",
                  self->options.key_count > 0 && result->wrong_count + result->unsealed_count == 0);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sbx_json_unsigned(&self->json, numbers[i].key, numbers[i].value);
    }
    if (result->sealed_seq != 0) {
        sbx_sha256_hex(key, result->sealed_key);
        sbx_json_string(&self->json, "sealed_key", key);
    }
    sbx_json_close_object(&self->json);
    sbx_text_add(&self->text, "\n");
}

static void add_seal_line(verifying *self, const sbx_verify_result *result)
{
    char key[65];

    sbx_sha256_hex(key, result->sealed_key);
    if (result->sealed_seq == 0) {
        sbx_text_add(&self->text, "no seal vouches for any of it\n");
    } else {
        sbx_text_add_format(&self->text, "sealed up to event %llu with the key %s%s\n",
                            (unsigned long long)result->sealed_seq, key,
                            self->options.key_count > 0
                                ? ""
                                : ", which is only what the database says: give yours with --key");
    }
}

static void add_summary(verifying *self, const sbx_verify_result *result)
{
    if (self->found > self->limit) {
        sbx_text_add_format(&self->text, "… and %llu more\n",
                            (unsigned long long)(self->found - self->limit));
    }
    sbx_text_add_format(&self->text,
                        "%llu events (%llu to %llu), %llu runs, %llu denials, %llu processes",
                        (unsigned long long)result->events, (unsigned long long)result->first_seq,
                        (unsigned long long)result->last_seq, (unsigned long long)result->runs,
                        (unsigned long long)result->denials, (unsigned long long)result->processes);
    if (result->removed_count > 0) {
        sbx_text_add_format(&self->text, "; %llu events were pruned",
                            (unsigned long long)result->removed_count);
    }
    sbx_text_add(&self->text, "\n");
    if (result->half_pruned > 0) {
        sbx_text_add_format(&self->text,
                            "a prune was stopped: %llu events are left of runs that "
                            "it began to remove; the next one goes on\n",
                            (unsigned long long)result->half_pruned);
    }
    add_seal_line(self, result);
    if (result->wrong_count > 0) {
        sbx_text_add_format(&self->text, "NOT VERIFIED: %llu things do not hold\n",
                            (unsigned long long)result->wrong_count);
    } else if (result->unsealed_count > 0) {
        sbx_text_add(&self->text, "the chain and the tables hold; not all of it is sealed\n");
    } else {
        sbx_text_add(&self->text, self->options.key_count > 0 ? "verified\n"
                                                              : "the chain and the tables hold\n");
    }
}

static int verify(verifying *self, sbx_error *err)
{
    const sbx_store_options options = {.read_only = true, .is_copy = true};
    sbx_verify_result result = {0};
    sbx_store *store = NULL;
    sbx_status status = add_own_key(self, err);
    int code = SBX_EXIT_FAILED;

    if (status == SBX_OK) {
        status = sbx_audit_file_open(&store, self->db, &options, err);
    }
    if (status == SBX_OK) {
        status = sbx_verify(&result, store, &self->options, err);
    }
    sbx_store_close(store);
    if (status != SBX_OK) {
        return code;
    }
    if (self->is_json) {
        add_totals(self, &result);
    } else {
        add_summary(self, &result);
    }
    code = sbx_message_print(&self->text);
    if (code != SBX_EXIT_DONE) {
        return code;
    }
    return result.wrong_count > 0      ? SBX_EXIT_TAMPERED
           : result.unsealed_count > 0 ? SBX_EXIT_UNSEALED
                                       : SBX_EXIT_DONE;
}

int sbx_command_audit_verify(int argc, char **argv)
{
    verifying self = {.limit = USUAL_FINDINGS};
    sbx_error err = {0};
    int code;

    if (!sbx_audit_file_options(&code, SBX_COMMAND_AUDIT_VERIFY, argc, argv, take, &self, &err)) {
        return code;
    }
    self.options.report = print_finding;
    self.options.context = &self;
    sbx_json_init(&self.json, &self.text);
    if (self.is_json) {
        sbx_json_open_object(&self.json, NULL);
        sbx_json_open_array(&self.json, "findings");
    }
    code = verify(&self, &err);
    if (err.status != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_VERIFY].name, &err);
    }
    sbx_text_done(&self.text);
    return code;
}
