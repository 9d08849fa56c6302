/* `sbx audit keygen` and `sbx audit seal`. */
#include <stdlib.h>

#include "audit/seal.h"
#include "harness/cli/audit_file.h"
#include "harness/cli/message.h"

typedef struct sealing {
    const char *db, *anchor;
    bool replaces, wants_public;
} sealing;

static sbx_status take(void *context, const sbx_token *token, sbx_error *err)
{
    sealing *self = context;

    if (token->kind == SBX_TOKEN_OPERAND) {
        return sbx_audit_file_no_operand(token, err);
    }
    switch (token->option->id) {
    case SBX_OPTION_REPLACE:
        self->replaces = true;
        break;
    case SBX_OPTION_PUBLIC:
        self->wants_public = true;
        break;
    case SBX_OPTION_ANCHOR:
        self->anchor = token->value;
        break;
    default:
        self->db = token->value; /* --db and --audit-db */
        break;
    }
    return SBX_OK;
}

/* In the form of seal.pub, which --key takes. */
static int print_public(const sbx_seal_key *key)
{
    sbx_text text = {0};
    char digits[65];
    int code;

    sbx_sha256_hex(digits, key->public_key);
    sbx_text_add_format(&text, "ed25519 %s\n", digits);
    code = sbx_message_print(&text);
    sbx_text_done(&text);
    return code;
}

static sbx_status find_or_make(sbx_seal_key *out, const sealing *self, sbx_error *err)
{
    char *path = NULL;
    sbx_status status = sbx_seal_key_path(&path, err);

    if (status == SBX_OK && self->wants_public) {
        status = sbx_seal_key_read(out, path, err);
        if (status == SBX_OK && !out->exists) {
            status = sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_AUDIT,
                                    "%s: there is no key — make one with sbx audit keygen", path);
        }
    } else if (status == SBX_OK) {
        status = sbx_seal_key_make(out, path, self->replaces, err);
    }
    sbx_seal_key_forget(out);
    free(path);
    return status;
}

int sbx_command_audit_keygen(int argc, char **argv)
{
    sealing self = {0};
    sbx_seal_key key = {0};
    sbx_error err;
    int code;

    if (!sbx_audit_file_options(&code, SBX_COMMAND_AUDIT_KEYGEN, argc, argv, take, &self, &err)) {
        return code;
    }
    if (find_or_make(&key, &self, &err) != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_KEYGEN].name, &err);
        return SBX_EXIT_FAILED;
    }
    return print_public(&key);
}

/* The seal as a line, which is an anchor wherever it is kept. */
static int print_seal(const sbx_seal *seal, const char *database_id)
{
    sbx_text text = {0};
    int code;

    sbx_seal_add_line(&text, seal, database_id);
    sbx_text_add(&text, "\n");
    code = sbx_message_print(&text);
    sbx_text_done(&text);
    return code;
}

static sbx_status seal_it(sbx_seal *out, char database_id[SBX_RUN_ID_BYTES], const sealing *self,
                          sbx_error *err)
{
    const sbx_store_options options = {0};
    sbx_store *store = NULL;
    sbx_seal_key key;
    bool is_new = false;
    sbx_status status = sbx_audit_file_key(&key, err);

    if (status == SBX_OK && !key.exists) {
        status = sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_AUDIT,
                                "there is no key to seal with — make one with sbx audit keygen");
    }
    if (status == SBX_OK) {
        status = sbx_audit_file_open(&store, self->db, &options, err);
    }
    if (status == SBX_OK) {
        status = sbx_store_database_id(database_id, store, err);
    }
    if (status == SBX_OK) {
        status = sbx_store_seal(out, &is_new, store, &key, "command", err);
    }
    sbx_seal_key_forget(&key);
    if (status == SBX_OK && self->anchor != NULL) {
        status = sbx_audit_file_anchor(self->anchor, out, store, err);
    }
    sbx_store_close(store);
    if (status == SBX_OK && !is_new) {
        sbx_message("nothing was recorded since the last seal, which is this one");
    }
    return status;
}

int sbx_command_audit_seal(int argc, char **argv)
{
    char database_id[SBX_RUN_ID_BYTES];
    sealing self = {0};
    sbx_seal seal;
    sbx_error err;
    int code;

    if (!sbx_audit_file_options(&code, SBX_COMMAND_AUDIT_SEAL, argc, argv, take, &self, &err)) {
        return code;
    }
    if (seal_it(&seal, database_id, &self, &err) != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_SEAL].name, &err);
        return SBX_EXIT_FAILED;
    }
    return print_seal(&seal, database_id);
}
