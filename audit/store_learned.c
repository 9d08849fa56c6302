/*
 * What a run changed outside of its roots while it was let: one event, written with the run's end. It is no denial
 * and has no table: who asks for it reads the event (sbx_query_learned()), which the ledger's hash covers.
 */
#include <string.h>

#include "audit/store_parts.h"

static void add_entry(sbx_json *body, const sbx_denial *entry)
{
    sbx_json_open_object(body, NULL);
    sbx_json_string(body, "op", entry->op);
    sbx_json_bytes(body, "target", entry->target, entry->target_bytes);
    if (!sbx_utf8_is_valid(entry->target, entry->target_bytes))
        sbx_json_hex(body, "target_hex", entry->target, entry->target_bytes);
    if (entry->exe != NULL)
        sbx_json_string(body, "exe", entry->exe);
    sbx_json_signed(body, "pid", entry->pid);
    sbx_json_unsigned(body, "count", entry->count);
    sbx_json_unsigned(body, "first_us", entry->first_us);
    sbx_json_unsigned(body, "last_us", entry->last_us);
    sbx_json_close_object(body);
}

sbx_status sbx_store_put_learned(sbx_store *store, int64_t run, const char *run_id,
                                 const sbx_store_end *end, sbx_error *err)
{
    sbx_text text = {0};
    sbx_json body;
    sbx_status st;

    sbx_store_begin_body(&body, &text, "run.learned", end->ended_us, run_id);
    sbx_json_unsigned(&body, "lost", sbx_denials_lost(end->learned));
    sbx_json_open_array(&body, "learned");
    for (size_t i = 0; i < sbx_denials_count(end->learned); i++)
        add_entry(&body, sbx_denials_get(end->learned, i));
    sbx_json_close_array(&body);
    st = sbx_store_put_event(store, &body, "run.learned", end->ended_us, run, err);
    sbx_text_done(&text);
    return st;
}
