/* Reading a manifest line by line; each task is checked, resolved, and put away. */
#include "harness/batch/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json_read.h"
#include "harness/batch/manifest_parts.h"
#include "harness/batch/policy_cache.h"

typedef struct manifest_reader {
    sbx_manifest *manifest;
    const sbx_manifest_options *options;
    sbx_batch_where where;
    json_t *defaults; /* the header's with the command line's over them */
    json_t *groups;   /* name -> index */
    sbx_text line, spec;
    sbx_policy_cache policies;
    bool has_content; /* a header is only the first */
    sbx_error *err;
} manifest_reader;

sbx_status sbx_manifest_no_memory(sbx_error *err)
{
    return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for the manifest");
}

static sbx_status complain(const manifest_reader *self, const char *key, const char *problem,
                           const char *detail)
{
    return sbx_batch_complain(&self->where, key, problem, detail, self->err);
}

/* --- a task --- */

static sbx_status find_group(uint32_t *out, manifest_reader *self, const char *name, uint32_t most)
{
    sbx_manifest *manifest = self->manifest;
    json_t *known = json_object_get(self->groups, name);
    uint32_t *grown;

    if (known != NULL) {
        *out = (uint32_t)json_integer_value(known);
        return SBX_OK;
    }
    grown = realloc(manifest->group_most, (manifest->group_count + 1) * sizeof(*grown));
    if (grown == NULL ||
        json_object_set_new(self->groups, name, json_integer(manifest->group_count)) != 0) {
        manifest->group_most = grown == NULL ? manifest->group_most : grown;
        return sbx_manifest_no_memory(self->err);
    }
    manifest->group_most = grown;
    grown[manifest->group_count] = most;
    *out = manifest->group_count++;
    return SBX_OK;
}

/* A task with everything settled but what it comes after. */
static sbx_status add_task(manifest_reader *self, json_t *object)
{
    sbx_manifest_task task = {.line = self->where.line, .group = SBX_MANIFEST_NONE};
    const char *group = json_string_value(json_object_get(object, "group"));
    const char *id = json_string_value(json_object_get(object, "id"));
    const sbx_checked_policy *policy = NULL;
    sbx_status st =
        sbx_policy_cache_find(&policy, &self->policies, object, &self->where, self->err);

    if (st == SBX_OK)
        st = sbx_batch_spec_resolve(&self->spec, task.hash, object, policy->digest, self->err);
    if (st == SBX_OK && group != NULL)
        st = find_group(&task.group, self, group, 1);
    if (st != SBX_OK)
        return st;
    task.memory_bytes = policy->memory_bytes;
    task.cpus_milli = policy->cpus_milli;
    task.weight = (uint16_t)sbx_batch_number(object, "weight", 1);
    task.retries = (uint16_t)sbx_batch_number(object, "retries", 0);
    if (sbx_manifest_find(self->manifest, id) != SBX_MANIFEST_NONE)
        return complain(self, "id", "is there twice: ", id);
    if (self->manifest->count >= SBX_MANIFEST_TASKS_MAX)
        return complain(self, "id", "is one task too many (there may be ten million)", "");
    return sbx_manifest_put(self->manifest, &task, id, &self->spec,
                            json_object_get(object, "after"), self->err);
}

static sbx_status read_task(manifest_reader *self, json_t *object)
{
    sbx_status st = sbx_batch_spec_check(object, &self->where, false, self->err);

    if (st == SBX_OK)
        st = sbx_batch_spec_absolute(object, &self->where, self->err);
    if (st == SBX_OK)
        st = sbx_batch_spec_under(object, self->defaults, self->err);
    if (st == SBX_OK && json_object_get(object, "cwd") == NULL &&
        json_object_set_new(object, "cwd", json_string(self->options->base_dir)) != 0)
        st = sbx_manifest_no_memory(self->err);
    return st == SBX_OK ? add_task(self, object) : st;
}

/* --- the header and the defaults --- */

/* Defaults of one origin over those that are there. */
static sbx_status add_defaults(manifest_reader *self, json_t *object)
{
    sbx_status st = sbx_batch_spec_check(object, &self->where, true, self->err);

    if (st == SBX_OK)
        st = sbx_batch_spec_absolute(object, &self->where, self->err);
    if (st == SBX_OK)
        st = sbx_batch_spec_under(object, self->defaults, self->err);
    if (st == SBX_OK) {
        json_decref(self->defaults);
        self->defaults = json_incref(object);
    }
    return st;
}

static sbx_status add_overrides(manifest_reader *self)
{
    const sbx_batch_where of_file = self->where;
    json_error_t problem;
    json_t *object;
    sbx_status st;

    if (self->options->overrides == NULL)
        return SBX_OK;
    object = sbx_json_read_string(self->options->overrides, JSON_REJECT_DUPLICATES, &problem);
    self->where.name = "command line";
    self->where.line = 0;
    st = add_defaults(self, object);
    self->where = of_file;
    json_decref(object);
    return st;
}

static sbx_status read_groups(manifest_reader *self, json_t *groups)
{
    const char *name;
    json_t *value;

    if (groups != NULL && !json_is_object(groups))
        return complain(self, "groups", "must be an object of numbers", "");
    json_object_foreach(groups, name, value)
    {
        json_int_t most = json_integer_value(value);
        uint32_t index;
        sbx_status st;

        if (!json_is_integer(value) || most < 1 || most > 100000)
            return complain(self, "groups", "must be numbers from 1 to 100000: ", name);
        st = find_group(&index, self, name, (uint32_t)most);
        if (st != SBX_OK)
            return st;
    }
    return SBX_OK;
}

static sbx_status read_header(manifest_reader *self, json_t *header)
{
    json_t *version = json_object_get(header, "sbx_batch"), *name = json_object_get(header, "name");
    json_t *defaults = json_object_get(header, "defaults"), *value;
    const char *key;
    sbx_status st = SBX_OK;

    json_object_foreach(header, key, value)
    {
        if (strcmp(key, "sbx_batch") != 0 && strcmp(key, "name") != 0 &&
            strcmp(key, "defaults") != 0 && strcmp(key, "groups") != 0)
            return complain(self, key,
                            "unknown key of a header (there are sbx_batch name defaults groups)",
                            "");
    }
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return complain(self, "sbx_batch", "must be 1, which is all that this sbx reads", "");
    if (name != NULL && (!json_is_string(name) || json_string_length(name) == 0 ||
                         json_string_length(name) >= sizeof(self->manifest->name)))
        return complain(self, "name", "must be a string of 1 to 63 bytes", "");
    if (name != NULL)
        (void)snprintf(self->manifest->name, sizeof(self->manifest->name), "%s",
                       json_string_value(name));
    if (defaults != NULL)
        st = add_defaults(self, defaults);
    return st == SBX_OK ? read_groups(self, json_object_get(header, "groups")) : st;
}

/* --- lines --- */

static sbx_status read_json(manifest_reader *self)
{
    json_error_t problem;
    json_t *object =
        sbx_json_read(self->line.data, self->line.bytes, JSON_REJECT_DUPLICATES, &problem);
    bool is_first = !self->has_content;
    sbx_status st;

    if (object == NULL)
        return sbx_fail_plain(self->err, SBX_INVALID, SBX_STEP_BATCH, "%s:%u: %s", self->where.name,
                              self->where.line, problem.text);
    self->has_content = true;
    if (json_object_get(object, "sbx_batch") != NULL && is_first) {
        st = read_header(self, object);
        if (st == SBX_OK)
            st = add_overrides(self);
    } else {
        st = is_first ? add_overrides(self) : SBX_OK;
        if (st == SBX_OK)
            st = read_task(self, object);
    }
    json_decref(object);
    return st;
}

static sbx_status read_command(manifest_reader *self)
{
    bool is_first = !self->has_content;
    json_t *object;
    char id[16];
    sbx_status st = is_first ? add_overrides(self) : SBX_OK;

    self->has_content = true;
    if (st != SBX_OK)
        return st;
    (void)snprintf(id, sizeof(id), "%u", self->where.line);
    object = json_pack("{s:s, s:[s,s,s%]}", "id", id, "argv", sbx_manifest_shell(), "-c",
                       self->line.data, self->line.bytes);
    if (object == NULL)
        return sbx_fail_plain(self->err, SBX_INVALID, SBX_STEP_BATCH, "%s:%u: is not valid UTF-8",
                              self->where.name, self->where.line);
    st = read_task(self, object);
    json_decref(object);
    return st;
}

static sbx_status read_line(manifest_reader *self)
{
    size_t blank = strspn(sbx_text_string(&self->line), " \t\r");

    if (memchr(self->line.data, '\0', self->line.bytes) != NULL)
        return sbx_fail_plain(self->err, SBX_INVALID, SBX_STEP_BATCH, "%s:%u: holds a NUL byte",
                              self->where.name, self->where.line);
    if (blank == self->line.bytes || (self->options->is_lines && self->line.data[blank] == '#'))
        return SBX_OK;
    return self->options->is_lines ? read_command(self) : read_json(self);
}

/* False at the end of the file. */
static bool next_line(manifest_reader *self, FILE *file)
{
    int byte = 0;

    sbx_text_clear(&self->line);
    while (self->line.bytes <= SBX_BATCH_LINE_BYTES_MAX && (byte = getc(file)) != EOF &&
           byte != '\n') {
        const char each = (char)byte;

        sbx_text_add_bytes(&self->line, &each, 1);
    }
    self->where.line++;
    return byte != EOF || self->line.bytes > 0;
}

static sbx_status read_all(manifest_reader *self, FILE *file)
{
    sbx_status st = SBX_OK;

    self->defaults = json_object();
    self->groups = json_object();
    if (self->defaults == NULL || self->groups == NULL)
        return sbx_manifest_no_memory(self->err);
    if (self->options->is_lines && sbx_manifest_shell() == NULL)
        return sbx_fail_plain(self->err, SBX_INVALID, SBX_STEP_BATCH,
                              "--lines: this system has no shell that a line could be handed to "
                              "as it stands — write a manifest with argv");
    while (st == SBX_OK && next_line(self, file)) {
        if (self->line.bytes > SBX_BATCH_LINE_BYTES_MAX)
            return sbx_fail_plain(self->err, SBX_INVALID, SBX_STEP_BATCH,
                                  "%s:%u: is longer than 1 MiB", self->where.name,
                                  self->where.line);
        st = sbx_text_check(&self->line, self->err);
        if (st == SBX_OK && self->line.bytes > 0)
            st = read_line(self);
    }
    if (st == SBX_OK && ferror(file))
        st = sbx_fail_plain(self->err, SBX_IO, SBX_STEP_BATCH, "%s: cannot be read",
                            self->where.name);
    if (st == SBX_OK && self->manifest->count == 0)
        st = sbx_fail_plain(self->err, SBX_INVALID, SBX_STEP_BATCH, "%s: there is no task in it",
                            self->where.name);
    return st;
}

sbx_status sbx_manifest_read(sbx_manifest *out, FILE *file, const sbx_manifest_options *options,
                             sbx_error *err)
{
    manifest_reader self = {.manifest = out,
                            .options = options,
                            .where = {options->where, 0, options->base_dir},
                            .err = err};
    sbx_status st;

    memset(out, 0, sizeof(*out));
    st = sbx_manifest_open(out, err);
    if (st == SBX_OK)
        st = read_all(&self, file);
    if (st == SBX_OK)
        st = sbx_manifest_join(out, options->where, err);
    sbx_policy_cache_done(&self.policies);
    sbx_text_done(&self.line);
    sbx_text_done(&self.spec);
    json_decref(self.defaults);
    json_decref(self.groups);
    if (st != SBX_OK) {
        sbx_manifest_done(out);
        memset(out, 0, sizeof(*out));
    }
    return st;
}
