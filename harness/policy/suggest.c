/* Which of the things that a run was refused a policy can give, and which it should not; see suggest.h. */
#include "harness/policy/suggest.h"

#include <stdlib.h>
#include <string.h>

#include "harness/policy/suggest_parts.h"

static void set_text(sbx_text *out, const char *data, size_t bytes)
{
    sbx_text_clear(out);
    sbx_text_add_bytes(out, data, bytes);
}

static bool is_same(const sbx_left_out *left, const sbx_wish *wish, const char *why)
{
    return left->target.bytes == wish->target_bytes &&
           memcmp(sbx_text_string(&left->target), wish->target, wish->target_bytes) == 0 &&
           strcmp(sbx_text_string(&left->op), wish->op) == 0 &&
           strcmp(sbx_text_string(&left->why), why) == 0;
}

void sbx_suggest_leave_out(sbx_suggestion *self, const sbx_wish *wish, const char *why)
{
    sbx_left_out *left;

    for (size_t i = 0; i < self->left_out_count; i++)
        if (is_same(&self->left_out[i], wish, why)) {
            self->left_out[i].count += wish->count;
            return;
        }
    if (self->left_out_count == self->left_out_room) {
        size_t room = self->left_out_room == 0 ? 16 : self->left_out_room * 2;

        left = realloc(self->left_out, room * sizeof(*left));
        if (left == NULL) {
            self->failed = true;
            return;
        }
        self->left_out = left;
        self->left_out_room = room;
    }
    left = &self->left_out[self->left_out_count++];
    *left = (sbx_left_out){.count = wish->count};
    set_text(&left->op, wish->op, strlen(wish->op));
    set_text(&left->target, wish->target, wish->target_bytes);
    set_text(&left->rule, wish->rule, strlen(wish->rule));
    set_text(&left->why, why, strlen(why));
    self->failed |= left->op.failed || left->target.failed || left->rule.failed || left->why.failed;
}

void sbx_suggest_caution(sbx_suggestion *self, const char *text)
{
    for (size_t i = 0; i < self->cautions.count; i++)
        if (strcmp(self->cautions.item[i], text) == 0)
            return;
    self->failed |= sbx_strings_add(&self->cautions, text, NULL) != SBX_OK;
}

sbx_status sbx_suggest_begin(sbx_suggestion *out, const char *record, size_t record_bytes,
                             const sbx_plan_request *request, sbx_error *err)
{
    sbx_status st;

    memset(out, 0, sizeof(*out));
    out->request = *request;
    sbx_policy_init(&out->policy);
    st = sbx_policy_from_record(&out->policy, record, record_bytes, err);
    if (st == SBX_OK) {
        st = sbx_plan_make(&out->plan, &out->policy, request, err);
        if (st != SBX_OK)
            sbx_error_context(err, "the run's own policy does not hold here now");
    }
    out->network_before = out->policy.network;
    if (st != SBX_OK)
        sbx_suggest_done(out);
    return st;
}

void sbx_suggest_done(sbx_suggestion *self)
{
    for (size_t i = 0; i < self->left_out_count; i++) {
        sbx_text_done(&self->left_out[i].op);
        sbx_text_done(&self->left_out[i].target);
        sbx_text_done(&self->left_out[i].rule);
        sbx_text_done(&self->left_out[i].why);
    }
    free(self->left_out);
    free(self->roots);
    sbx_strings_done(&self->write);
    sbx_strings_done(&self->deny_write);
    sbx_strings_done(&self->held);
    sbx_strings_done(&self->unprotect);
    sbx_strings_done(&self->cautions);
    sbx_plan_done(&self->plan);
    sbx_policy_done(&self->policy);
    memset(self, 0, sizeof(*self));
}

/* --- files --- */

/* Why a denial by that rule is none that a root would undo; NULL: it is one. */
static const char *why_not(const char *rule)
{
    static const struct {
        const char *rule, *why;
    } reasons[] = {
        {"secret", "a secret"},
        {"audit", "the audit database"},
        {"deny", "the policy denies it by name"},
        {"patterns", "what sbx itself goes by"},
        {"deny_write", "the policy makes it read-only by name"},
        {"crosses a root's border",
         "only one root that holds both places would allow it; move, do not link or rename"},
    };

    if (strcmp(rule, "no writable root") == 0)
        return NULL;
    if (strncmp(rule, "protect", strlen("protect")) == 0)
        return "a protected name (--unprotect NAME takes it off the list)";
    for (size_t i = 0; i < SBX_COUNT_OF(reasons); i++)
        if (strcmp(reasons[i].rule, rule) == 0)
            return reasons[i].why;
    return "no policy can allow it";
}

static void add_file(sbx_suggestion *self, const sbx_wish *wish)
{
    const char *why = why_not(wish->rule);

    if (why != NULL)
        sbx_suggest_leave_out(self, wish, why);
    else
        sbx_suggest_add_path(self, wish);
}

/* --- network --- */

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* "tcp 127.0.0.1:80", "udp [::1]:53": behind the word. NULL: no address of the internet's. */
static const char *address_of(const char *target)
{
    static const char *const words[] = {"tcp ", "udp ", "raw ", "ip "};

    for (size_t i = 0; i < SBX_COUNT_OF(words); i++)
        if (begins_with(target, words[i]))
            return target + strlen(words[i]);
    return NULL;
}

static bool is_loopback(const char *address)
{
    return begins_with(address, "127.") || begins_with(address, "0.0.0.0:") ||
           begins_with(address, "[::1]") || begins_with(address, "[::]");
}

static void add_network(sbx_suggestion *self, const sbx_wish *wish)
{
    const char *address = address_of(wish->target);
    bool is_private = address != NULL && is_loopback(address) && strcmp(wish->op, "send") != 0 &&
                      self->network_before == SBX_NETWORK_NONE && !begins_with(wish->target, "raw");

    if (begins_with(wish->target, "unix") && wish->rule[0] != '\0') {
        sbx_suggest_leave_out(self, wish,
                              "a socket of the host: --unix-sockets would open all of them, which "
                              "can be as good as root");
    } else if (address == NULL || !begins_with(wish->rule, "network ")) {
        sbx_suggest_leave_out(self, wish, "no policy can allow it");
    } else if (!is_private) {
        self->policy.network = SBX_NETWORK_FULL;
        sbx_suggest_caution(self, "network full opens every address that the host can reach, not "
                                  "only those that were denied");
    } else if (self->policy.network == SBX_NETWORK_NONE) {
        self->policy.network = SBX_NETWORK_LOOPBACK;
        sbx_suggest_caution(self, "network loopback is one of the command's own: a server of the "
                                  "host is not on it (network full has those)");
    }
}

/* --- all --- */

void sbx_suggest_add(sbx_suggestion *self, const sbx_wish *wish)
{
    if (strcmp(wish->kind, "file") == 0)
        add_file(self, wish);
    else if (strcmp(wish->kind, "network") == 0)
        add_network(self, wish);
    else
        sbx_suggest_leave_out(self, wish, "no policy can allow it");
}

sbx_status sbx_suggest_finish(sbx_suggestion *self, sbx_error *err)
{
    sbx_plan plan = {0};
    sbx_status st;

    sbx_suggest_settle_roots(self);
    if (self->policy.network == SBX_NETWORK_FULL && self->network_before != SBX_NETWORK_FULL)
        for (size_t i = self->cautions.count; i-- > 0;)
            if (begins_with(self->cautions.item[i], "network loopback"))
                sbx_strings_remove(&self->cautions, i);
    for (size_t i = 0; i < self->policy.env_set.count; i++)
        sbx_suggest_caution(self, "the values of variables that the run was given are not "
                                  "recorded: the caller's own are passed on in their place");
    if (self->failed)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_POLICY, "no memory for the policy");
    st = sbx_plan_make(&plan, &self->policy, &self->request, err); /* the whole of it, once more */
    sbx_plan_done(&plan);
    return st;
}
