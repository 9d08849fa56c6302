/* The row of a run that starts, and the rows it points to: its policy and its node. */
#include <string.h>

#include "audit/redact.h"
#include "audit/store_parts.h"
#include "harness/base/sha256.h"

#ifndef SBX_VERSION
#define SBX_VERSION "0.1.0"
#endif

static const char doing[] = "recording the run's start";

/* The row's number, 0: there is none. */
static sbx_status find_row(int64_t *out, sbx_store *store, const char *sql, const char *sha256,
                           const char *name, sbx_error *err)
{
    sqlite3_stmt *select = NULL;
    sbx_status st = sbx_store_prepare_kept(&select, store, sql, doing, err);
    sbx_binder binder = {.stmt = select};
    int rc;

    *out = 0;
    if (st != SBX_OK)
        return st;
    sbx_bind_text(&binder, sha256);
    if (name != NULL)
        sbx_bind_text(&binder, name);
    rc = sqlite3_step(select);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(select, 0);
    else if (rc != SQLITE_DONE)
        st = sbx_store_fail(store, rc, doing, err);
    sbx_store_let_go(store, select);
    return st;
}

static sbx_status put_policy(int64_t *out, char sha256[65], sbx_store *store,
                             const sbx_store_start *start, sbx_error *err)
{
    const char *json = start->policy_json == NULL ? "{}" : start->policy_json;
    const char *name = start->policy_name == NULL ? "" : start->policy_name;
    uint8_t hash[SBX_SHA256_BYTES];
    sqlite3_stmt *insert = NULL;
    sbx_binder binder = {0};
    sbx_status st;

    sbx_sha256(hash, &(sbx_bytes){json, strlen(json)}, 1);
    sbx_sha256_hex(sha256, hash);
    st = find_row(out, store, "SELECT id FROM policy WHERE sha256 = ? AND name = ?", sha256, name,
                  err);
    if (st != SBX_OK || *out != 0)
        return st;
    st = sbx_store_prepare_kept(&insert, store,
                                "INSERT INTO policy(sha256, name, json, first_us) VALUES(?,?,?,?)",
                                doing, err);
    if (st != SBX_OK)
        return st;
    binder.stmt = insert;
    sbx_bind_text(&binder, sha256);
    sbx_bind_text(&binder, name);
    sbx_bind_text(&binder, json);
    sbx_bind_unsigned(&binder, start->started_us);
    st = sbx_store_step(store, insert, doing, err);
    *out = sqlite3_last_insert_rowid(store->db);
    sbx_store_let_go(store, insert);
    return st;
}

static sbx_status put_node(int64_t *out, char sha256[65], sbx_store *store, uint64_t now_us,
                           sbx_error *err)
{
    static const char version[] = SBX_VERSION;
    const sbx_node *node = sbx_store_node(store);
    uint8_t hash[SBX_SHA256_BYTES];
    sqlite3_stmt *insert = NULL;
    sbx_binder binder = {0};
    sbx_status st;

    sbx_sha256(hash,
               (const sbx_bytes[]){
                   {node->hostname, strlen(node->hostname) + 1},
                   {node->os, strlen(node->os) + 1},
                   {node->os_version, strlen(node->os_version) + 1},
                   {node->machine_id, strlen(node->machine_id) + 1},
                   {version, sizeof(version)},
               },
               5);
    sbx_sha256_hex(sha256, hash);
    st = find_row(out, store, "SELECT id FROM node WHERE sha256 = ?", sha256, NULL, err);
    if (st != SBX_OK || *out != 0)
        return st;
    st = sbx_store_prepare_kept(
        &insert, store,
        "INSERT INTO node(sha256, hostname, os, os_version, machine_id, sbx_version, "
        "first_us) VALUES(?,?,?,?,?,?,?)",
        doing, err);
    if (st != SBX_OK)
        return st;
    binder.stmt = insert;
    sbx_bind_text(&binder, sha256);
    sbx_bind_text(&binder, node->hostname);
    sbx_bind_text(&binder, node->os);
    sbx_bind_text(&binder, node->os_version);
    sbx_bind_text(&binder, node->machine_id);
    sbx_bind_text(&binder, version);
    sbx_bind_unsigned(&binder, now_us);
    st = sbx_store_step(store, insert, doing, err);
    *out = sqlite3_last_insert_rowid(store->db);
    sbx_store_let_go(store, insert);
    return st;
}

/* Columns that need a text made first. */
typedef struct start_texts {
    sbx_text argv, argv_hex, env_names, labels, leases;
} start_texts;

static void texts_done(start_texts *texts)
{
    sbx_text_done(&texts->argv);
    sbx_text_done(&texts->argv_hex);
    sbx_text_done(&texts->env_names);
    sbx_text_done(&texts->labels);
    sbx_text_done(&texts->leases);
}

/* Names only: what an environment holds is nobody's business. */
static void add_env_names(sbx_text *out, const char *const *env)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_array(&json, NULL);
    for (; env != NULL && *env != NULL; env++)
        sbx_json_bytes(&json, NULL, *env, strcspn(*env, "="));
    sbx_json_close_array(&json);
}

/* What a killed sbx leaves on the host, for the next one to take away. */
static void add_leases(sbx_text *out, const char *const *leases)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_array(&json, NULL);
    for (; *leases != NULL; leases++)
        sbx_json_string(&json, NULL, *leases);
    sbx_json_close_array(&json);
}

/* An object; of a key given twice the later one counts. */
static void add_labels(sbx_text *out, const char *const *labels)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    for (; labels != NULL && *labels != NULL; labels++) {
        size_t key_bytes = strcspn(*labels, "=");
        const char *const *later = labels + 1;
        char key[256];

        while (*later != NULL &&
               (strcspn(*later, "=") != key_bytes || memcmp(*later, *labels, key_bytes) != 0))
            later++;
        if (*later != NULL)
            continue;
        if (key_bytes >= sizeof(key))
            key_bytes = sizeof(key) - 1;
        memcpy(key, *labels, key_bytes);
        key[key_bytes] = '\0';
        sbx_json_string(&json, key, (*labels)[key_bytes] == '=' ? *labels + key_bytes + 1 : "");
    }
    sbx_json_close_object(&json);
}

static sbx_status make_texts(start_texts *texts, const sbx_store *store,
                             const sbx_store_start *start, sbx_error *err)
{
    const sbx_text *const all[] = {&texts->argv, &texts->argv_hex, &texts->env_names,
                                   &texts->labels, &texts->leases};
    sbx_status st = SBX_OK;

    sbx_redact_argv_by(store->redaction, &texts->argv, &texts->argv_hex, start->argv);
    add_env_names(&texts->env_names, start->env);
    if (start->labels != NULL && start->labels[0] != NULL)
        add_labels(&texts->labels, start->labels);
    if (start->leases != NULL && start->leases[0] != NULL)
        add_leases(&texts->leases, start->leases);
    for (size_t i = 0; i < SBX_COUNT_OF(all) && st == SBX_OK; i++)
        st = sbx_text_check(all[i], err);
    return st;
}

static void describe(sbx_json *body, const sbx_store_start *start, const start_texts *texts,
                     const char *policy_sha256, const char *node_sha256,
                     const sbx_supervisor *supervisor)
{
    sbx_json_unsigned(body, "started_us", start->started_us);
    sbx_json_raw(body, "argv", sbx_text_string(&texts->argv));
    if (texts->argv_hex.bytes > 0)
        sbx_json_raw(body, "argv_hex", sbx_text_string(&texts->argv_hex));
    sbx_json_string(body, "cwd", start->cwd);
    if (!sbx_utf8_is_valid(start->cwd, strlen(start->cwd)))
        sbx_json_hex(body, "cwd_hex", start->cwd, strlen(start->cwd));
    sbx_json_raw(body, "env_names", sbx_text_string(&texts->env_names));
    sbx_json_string(body, "policy", start->policy_name);
    sbx_json_string(body, "policy_sha256", policy_sha256);
    sbx_json_string(body, "node_sha256", node_sha256);
    sbx_json_string(body, "network", start->network);
    sbx_json_string(body, "identity", start->identity);
    sbx_json_string(body, "backend", start->backend);
    sbx_json_string(body, "enforcement", start->enforcement);
    sbx_json_string(body, "missing", start->missing);
    sbx_json_string(body, "walls", start->walls);
    sbx_json_string(body, "session", start->session);
    sbx_json_string(body, "agent", start->agent);
    if (texts->labels.bytes > 0)
        sbx_json_raw(body, "labels", sbx_text_string(&texts->labels));
    sbx_json_unsigned(body, "caller_uid", start->caller_uid);
    sbx_json_unsigned(body, "target_uid", start->target_uid);
    sbx_json_open_object(body, "limits");
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        if (start->limits->value[kind] != SBX_UNLIMITED)
            sbx_json_unsigned(body, sbx_limit_word((sbx_limit_kind)kind),
                              start->limits->value[kind]);
    sbx_json_close_object(body);
    sbx_json_unsigned(body, "grace_ns", start->limits->grace_ns);
    if (texts->leases.bytes > 0)
        sbx_json_raw(body, "leases", sbx_text_string(&texts->leases));
    sbx_json_open_object(body, "supervisor");
    sbx_json_signed(body, "pid", supervisor->pid);
    sbx_json_unsigned(body, "start", supervisor->start_ticks);
    sbx_json_string(body, "boot", supervisor->boot_id);
    sbx_json_unsigned(body, "pidns", supervisor->pid_namespace);
    sbx_json_close_object(body);
    if (start->batch != NULL) {
        sbx_json_string(body, "batch", start->batch);
        sbx_json_string(body, "task", start->task);
        sbx_json_unsigned(body, "attempt", start->attempt);
    }
}

/* In the order of sbx_limit_kind, so that a loop binds them. */
static const char insert_run[] =
    "INSERT INTO run(status, run_id, started_us, node, policy, network, identity, backend, "
    "enforcement, "
    "missing, walls, session, agent, labels, caller_uid, target_uid, "
    "limit_memory_bytes, limit_swap_bytes, limit_cpus_milli, limit_cpu_ns, limit_wall_ns, "
    "limit_idle_ns, "
    "limit_procs, limit_fsize_bytes, limit_files, limit_output_bytes, grace_ns, "
    "supervisor_pid, supervisor_start, supervisor_boot, supervisor_pidns, cwd, argv, argv_hex, "
    "env_names, leases, batch, task, attempt) "
    "VALUES('running',?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

_Static_assert(SBX_LIMIT_COUNT == 10, "a limit needs a column");

static sbx_status put_run(int64_t *out_run, sbx_store *store, const sbx_store_start *start,
                          const start_texts *texts, int64_t node, int64_t policy, sbx_error *err)
{
    const sbx_supervisor *supervisor = sbx_store_supervisor(store);
    sqlite3_stmt *insert = NULL;
    sbx_status st = sbx_store_prepare_kept(&insert, store, insert_run, doing, err);
    sbx_binder binder = {.stmt = insert};
    const char *const words[] = {start->network,     start->identity, start->backend,
                                 start->enforcement, start->missing,  start->walls};

    if (st != SBX_OK)
        return st;
    sbx_bind_text(&binder, start->run_id);
    sbx_bind_unsigned(&binder, start->started_us);
    sbx_bind_int(&binder, node);
    sbx_bind_int(&binder, policy);
    for (size_t i = 0; i < SBX_COUNT_OF(words); i++)
        sbx_bind_text(&binder, words[i] == NULL ? "" : words[i]);
    sbx_bind_text(&binder, start->session);
    sbx_bind_text(&binder, start->agent);
    sbx_bind_text(&binder, texts->labels.bytes > 0 ? sbx_text_string(&texts->labels) : NULL);
    sbx_bind_int(&binder, start->caller_uid);
    sbx_bind_int(&binder, start->target_uid);
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        sbx_bind_unsigned(&binder, start->limits->value[kind]);
    sbx_bind_int(&binder, (int64_t)start->limits->grace_ns);
    sbx_bind_int(&binder, supervisor->pid);
    sbx_bind_int(&binder, (int64_t)supervisor->start_ticks);
    sbx_bind_text(&binder, supervisor->boot_id);
    sbx_bind_int(&binder, (int64_t)supervisor->pid_namespace);
    sbx_bind_bytes(&binder, start->cwd, strlen(start->cwd));
    sbx_bind_text(&binder, sbx_text_string(&texts->argv));
    sbx_bind_text(&binder, texts->argv_hex.bytes > 0 ? sbx_text_string(&texts->argv_hex) : NULL);
    sbx_bind_text(&binder, sbx_text_string(&texts->env_names));
    sbx_bind_text(&binder, texts->leases.bytes > 0 ? sbx_text_string(&texts->leases) : NULL);
    sbx_bind_text(&binder, start->batch);
    sbx_bind_text(&binder, start->task);
    if (start->batch == NULL)
        sbx_bind_null(&binder);
    else
        sbx_bind_int(&binder, start->attempt);
    st = sbx_store_step(store, insert, doing, err);
    *out_run = sqlite3_last_insert_rowid(store->db);
    sbx_store_let_go(store, insert);
    return st;
}

sbx_status sbx_store_put_start(int64_t *out_run, sbx_json *body, sbx_store *store,
                               const sbx_store_start *start, sbx_error *err)
{
    char policy_sha256[65], node_sha256[65];
    int64_t policy = 0, node = 0;
    start_texts texts = {0};
    sbx_status st = make_texts(&texts, store, start, err);

    if (st == SBX_OK)
        st = put_policy(&policy, policy_sha256, store, start, err);
    if (st == SBX_OK)
        st = put_node(&node, node_sha256, store, start->started_us, err);
    if (st == SBX_OK)
        st = put_run(out_run, store, start, &texts, node, policy, err);
    if (st == SBX_OK)
        describe(body, start, &texts, policy_sha256, node_sha256, sbx_store_supervisor(store));
    texts_done(&texts);
    return st;
}
