/*
 * The quick way through a verification: sbx writes a body from a row's values in one order and one
 * form, so the body of a row that nobody changed can be read along the row, to the byte, without
 * finding out first what its members are. Whatever does not fit is left to those who look at each
 * member by its name (verify_run.c), and only they say what is wrong.
 */
#include <string.h>

#include "audit/verify_parts.h"

/* A body that is read along a row. */
typedef struct reader {
    sbx_cursor in;
    const char *group; /* the object that is open, NULL: the body */
    bool is_first;     /* in it: no comma before the next member */
} reader;

static bool take_char(reader *self, char wanted)
{
    if (self->in.at >= self->in.end || *self->in.at != wanted)
        return false;
    self->in.at++;
    return true;
}

/* The key and what stands around it; nothing is taken where it is another one. */
static bool take_key(reader *self, const char *key, size_t bytes)
{
    const char *at = self->in.at;
    size_t comma = self->is_first ? 0 : 1;

    if ((size_t)(self->in.end - at) < bytes + comma + 3 || (comma == 1 && *at != ',') ||
        at[comma] != '"' || at[comma + 1] != key[0] || memcmp(at + comma + 1, key, bytes) != 0 ||
        at[comma + 1 + bytes] != '"' || at[comma + 2 + bytes] != ':')
        return false;
    self->in.at = at + comma + 3 + bytes;
    self->is_first = false;
    return true;
}

/* Leaves the group that is open, and enters the rule's. */
static bool change_group(reader *self, const char *group)
{
    if (self->group == group)
        return true;
    if (self->group != NULL && !take_char(self, '}'))
        return false;
    self->is_first = false;
    self->group = group;
    if (group == NULL)
        return true;
    if (!take_key(self, group, strlen(group)) || !take_char(self, '{'))
        return false;
    self->is_first = true;
    return true;
}

static bool take_text(reader *self, const char *data, size_t bytes)
{
    if ((size_t)(self->in.end - self->in.at) < bytes + 2 || self->in.at[0] != '"' ||
        self->in.at[bytes + 1] != '"' || (bytes > 0 && memcmp(self->in.at + 1, data, bytes) != 0) ||
        sbx_text_plain_bytes(data, bytes) != bytes)
        return false;
    self->in.at += bytes + 2;
    return true;
}

/* JSON in both: one value, or a text could swallow the members behind it. */
static bool take_raw(reader *self, const char *data, size_t bytes)
{
    if (sbx_body_value_bytes((sbx_slice){self->in.at, (size_t)(self->in.end - self->in.at)}) !=
            bytes ||
        bytes == 0 || memcmp(self->in.at, data, bytes) != 0)
        return false;
    self->in.at += bytes;
    return true;
}

/* SQLite finds a column anew for each question; what it found once answers them all (one thread: it stays). */
static bool take_value(reader *self, sqlite3_value *value, sbx_rule_kind kind)
{
    int type = sqlite3_value_type(value);
    bool is_negative = false;
    uint64_t digits;
    int64_t number;
    const char *data;

    switch (kind) {
    case SBX_RULE_SIGNED:
    case SBX_RULE_UNSIGNED:
        is_negative = kind == SBX_RULE_SIGNED && take_char(self, '-');
        return type == SQLITE_INTEGER && sbx_cursor_number(&digits, &self->in) &&
               (is_negative ? -(int64_t)digits : (int64_t)digits) == sqlite3_value_int64(value);
    case SBX_RULE_TEXT:
        if (type == SQLITE_NULL)
            return sbx_cursor_take(&self->in, "null");
        data = sqlite3_value_blob(value);
        return type == SQLITE_TEXT && take_text(self, data, (size_t)sqlite3_value_bytes(value));
    case SBX_RULE_RAW:
        data = sqlite3_value_blob(value);
        return type == SQLITE_TEXT && take_raw(self, data, (size_t)sqlite3_value_bytes(value));
    case SBX_RULE_BOOL:
        number = sqlite3_value_int64(value);
        return type == SQLITE_INTEGER && ((number == 1 && sbx_cursor_take(&self->in, "true")) ||
                                          (number == 0 && sbx_cursor_take(&self->in, "false")));
    case SBX_RULE_HEX: /* hardly ever */
    case SBX_RULE_SHARED:
        break;
    }
    return false;
}

static bool take_shared(sbx_slice *out, reader *self)
{
    size_t bytes =
        sbx_body_value_bytes((sbx_slice){self->in.at, (size_t)(self->in.end - self->in.at)});

    *out = (sbx_slice){self->in.at, bytes};
    self->in.at += bytes;
    return bytes > 0;
}

const char *sbx_cursor_find(const sbx_cursor *self, const char *words)
{
    size_t bytes = strlen(words);
    const char *at = self->at;

    while (at != NULL && (size_t)(self->end - at) >= bytes) {
        at = memchr(at, words[0], (size_t)(self->end - at) - bytes + 1);
        if (at == NULL || memcmp(at, words, bytes) == 0)
            return at;
        at++;
    }
    return NULL;
}

static bool take_members(sbx_slice *out_shared, reader *self, sqlite3_stmt *row, int first_column,
                         const sbx_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const sbx_rule *rule = &rules[i];
        int column = first_column + (int)i;

        if (!change_group(self, rule->group))
            return false;
        if (!take_key(self, rule->key, rule->key_bytes)) {
            /* Not said: then the row does not say it either. */
            if (rule->kind == SBX_RULE_SHARED ||
                (rule->kind != SBX_RULE_HEX && sqlite3_column_type(row, column) != SQLITE_NULL))
                return false;
        } else if (rule->kind == SBX_RULE_SHARED) {
            if (out_shared == NULL || !take_shared(out_shared++, self))
                return false;
        } else if (!take_value(self, sqlite3_column_value(row, column), rule->kind)) {
            return false;
        }
    }
    return change_group(self, NULL);
}

bool sbx_verify_is_as_written(sbx_slice out_shared[SBX_SHARED_VALUES], sbx_slice rest,
                              sqlite3_stmt *row, int first_column, const sbx_rule *rules,
                              size_t count)
{
    reader self = {.in = {rest.data, rest.data + rest.bytes}};

    return take_members(out_shared, &self, row, first_column, rules, count) &&
           take_char(&self, '}') && self.in.at == self.in.end;
}

bool sbx_verify_are_as_written(sbx_slice members, sqlite3_stmt *row, int first_column,
                               const sbx_rule *rules, size_t count)
{
    reader self = {.in = {members.data, members.data + members.bytes}, .is_first = true};

    return take_members(NULL, &self, row, first_column, rules, count) && self.in.at == self.in.end;
}

bool sbx_verify_is_head(sbx_slice *out_run_id, sbx_slice *out_rest, const sbx_event_row *event)
{
    reader self = {.in = {event->body.data, event->body.data + event->body.bytes},
                   .is_first = true};
    uint64_t us;

    if (!event->has_run || !take_char(&self, '{') || !take_key(&self, "kind", 4) ||
        !take_text(&self, event->kind.data, event->kind.bytes) || !take_key(&self, "us", 2) ||
        !sbx_cursor_number(&us, &self.in) || (int64_t)us != event->us ||
        !take_key(&self, "run", 3) || self.in.end - self.in.at < SBX_RUN_ID_BYTES + 1 ||
        sbx_text_plain_bytes(self.in.at + 1, SBX_RUN_ID_BYTES - 1) != SBX_RUN_ID_BYTES - 1)
        return false;
    *out_run_id = (sbx_slice){self.in.at, SBX_RUN_ID_BYTES + 1};
    if (!take_char(&self, '"'))
        return false;
    self.in.at += SBX_RUN_ID_BYTES - 1;
    if (!take_char(&self, '"'))
        return false;
    *out_rest = (sbx_slice){self.in.at, (size_t)(self.in.end - self.in.at)};
    return true;
}
