/* The steps of a prune; see prune.h. */
#include "audit/prune.h"

#include <string.h>

#include "audit/prune_parts.h"

static const char doing[] = "removing old runs from it";

static sbx_status put_event(sbx_pruning *self, const sbx_prune_set *set)
{
    const sbx_prune_options *options = self->options;
    uint64_t now_us = sbx_clock_utc_us();
    sbx_text text = {0};
    sbx_json body;
    sbx_status st = sbx_store_begin(self->store, doing, self->err);

    if (st != SBX_OK)
        return st;
    sbx_store_begin_body(&body, &text, "prune", now_us, NULL);
    if (options->keep_ns != SBX_UNLIMITED)
        sbx_json_unsigned(&body, "keep_ns", options->keep_ns);
    if (options->keep_runs != SBX_UNLIMITED)
        sbx_json_unsigned(&body, "keep_runs", options->keep_runs);
    if (options->max_bytes != SBX_UNLIMITED)
        sbx_json_unsigned(&body, "max_bytes", options->max_bytes);
    sbx_json_unsigned(&body, "runs", set->count);
    sbx_json_unsigned(&body, "events", set->events);
    sbx_json_unsigned(&body, "last_seq", set->last_seq);
    st = sbx_store_put_event(self->store, &body, "prune", now_us, 0, self->err);
    if (st == SBX_OK)
        st = sbx_store_commit(self->store, doing, self->err);
    else
        sbx_store_rollback(self->store);
    sbx_text_done(&text);
    return st;
}

static sbx_status seal(sbx_pruning *self)
{
    sbx_seal out;
    bool is_new;

    return sbx_store_seal(&out, &is_new, self->store, self->options->key, "prune", self->err);
}

static sbx_status remove_set(sbx_pruning *self, const sbx_prune_set *set)
{
    sbx_prune_result *result = self->result;
    sbx_status st;

    if (self->options->is_dry) {
        result->runs += set->count;
        result->events += set->events;
        result->denials += set->denials;
        result->processes += set->processes;
        return SBX_OK;
    }
    st = seal(self);
    if (st == SBX_OK)
        st = put_event(self, set);
    return st == SBX_OK ? sbx_prune_remove(self, set) : st;
}

/* By age and number: what neither keeps goes. */
static sbx_status prune_by_keeping(sbx_pruning *self)
{
    const sbx_prune_options *options = self->options;
    uint64_t now_us = sbx_clock_utc_us(), before_us = UINT64_MAX;
    int64_t last_run = INT64_MAX;
    sbx_prune_set set = {0};
    sbx_text sql = {0};
    sbx_status st = SBX_OK;

    if (options->keep_ns == SBX_UNLIMITED && options->keep_runs == SBX_UNLIMITED)
        return SBX_OK;
    if (options->keep_ns != SBX_UNLIMITED)
        before_us = options->keep_ns / SBX_NS_PER_US < now_us
                        ? now_us - options->keep_ns / SBX_NS_PER_US
                        : 0;
    if (options->keep_runs != SBX_UNLIMITED) {
        sbx_text_add_format(&sql,
                            "SELECT coalesce((SELECT id FROM run ORDER BY id DESC LIMIT 1 OFFSET "
                            "%llu), 0)",
                            (unsigned long long)(options->keep_runs & INT64_MAX));
        st = sbx_text_check(&sql, self->err);
        if (st == SBX_OK)
            st = sbx_prune_number(&last_run, self, sbx_text_string(&sql));
    }
    sbx_text_done(&sql);
    if (st == SBX_OK)
        st = sbx_prune_choose(&set, self, before_us, last_run, SBX_UNLIMITED);
    if (st == SBX_OK && set.count > 0)
        st = remove_set(self, &set);
    sbx_prune_set_done(&set);
    return st;
}

static sbx_status read_used_bytes(uint64_t *out, sbx_pruning *self)
{
    int64_t pages = 0, page_bytes = 0;
    sbx_status st = sbx_prune_number(
        &pages, self,
        "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count");

    if (st == SBX_OK)
        st = sbx_prune_number(&page_bytes, self, "PRAGMA page_size");
    *out = (uint64_t)(pages * page_bytes);
    return st;
}

/* The oldest of those that have ended, as many as the part that is too much of all; then again. */
static sbx_status prune_by_size(sbx_pruning *self)
{
    const uint64_t most = self->options->max_bytes;
    uint64_t used = 0;
    sbx_status st = read_used_bytes(&used, self);

    while (st == SBX_OK && used > most) {
        sbx_prune_set set = {0};
        int64_t ended = 0;
        uint64_t count, before = self->result->runs;

        st = sbx_prune_number(&ended, self, "SELECT count(*) FROM run WHERE status != 'running'");
        if (st != SBX_OK || ended == 0)
            break;
        count = (uint64_t)((double)ended * ((double)(used - most) / (double)used)) + 1;
        st = sbx_prune_choose(&set, self, UINT64_MAX, INT64_MAX, count);
        if (st == SBX_OK && set.count > 0)
            st = remove_set(self, &set);
        sbx_prune_set_done(&set);
        if (self->options->is_dry ||
            self->result->runs == before) /* rows that no event made stay */
            break;
        if (st == SBX_OK)
            st = read_used_bytes(&used, self);
    }
    self->result->is_too_large = st == SBX_OK && used > most;
    return st;
}

static sbx_status read_file_bytes(uint64_t *out, sbx_pruning *self)
{
    int64_t pages = 0, page_bytes = 0;
    sbx_status st = sbx_prune_number(&pages, self, "PRAGMA page_count");

    if (st == SBX_OK)
        st = sbx_prune_number(&page_bytes, self, "PRAGMA page_size");
    *out = (uint64_t)(pages * page_bytes);
    return st;
}

sbx_status sbx_store_prune(sbx_prune_result *out, sbx_store *store,
                           const sbx_prune_options *options, sbx_error *err)
{
    sbx_pruning self = {.store = store, .options = options, .result = out, .err = err};
    sbx_status st;

    *out = (sbx_prune_result){0};
    st = read_file_bytes(&out->bytes_before, &self);
    if (st == SBX_OK)
        st = prune_by_keeping(&self);
    if (st == SBX_OK && options->max_bytes != SBX_UNLIMITED)
        st = prune_by_size(&self);
    if (st == SBX_OK && !options->is_dry && out->runs > 0) {
        st = sbx_prune_remove_unused(&self);
        if (st == SBX_OK)
            st = seal(&self);
    }
    if (st == SBX_OK && !options->is_dry)
        st = sbx_prune_give_back(&self);
    return st == SBX_OK ? read_file_bytes(&out->bytes_after, &self) : st;
}
