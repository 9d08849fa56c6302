/* Which paths become writable roots; see suggest.h. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/path.h"
#include "harness/policy/suggest_parts.h"

enum {
    FILES_OF_ONE = 3, /* so many files of one directory become the directory */
    ROOTS_MOST = 64,  /* then directories become the one that holds them */
    PATHS_MOST = 1024,
};

/* What a run would say to that root: false, and its words. */
static bool is_accepted(sbx_suggestion *self, const char *path, sbx_error *err)
{
    sbx_strings *write = &self->policy.write;
    sbx_plan plan = {0};
    sbx_status st = sbx_strings_add(write, path, err);

    if (st != SBX_OK) {
        self->failed = true;
        return false;
    }
    st = sbx_plan_make(&plan, &self->policy, &self->request, err);
    sbx_plan_done(&plan);
    sbx_strings_cut(write, write->count - 1);
    return st == SBX_OK;
}

/* --- from what was wanted to a path --- */

static bool is_about_a_name(const char *op)
{
    static const char *const ops[] = {"create", "remove", "rename", "link"};

    for (size_t i = 0; i < SBX_COUNT_OF(ops); i++)
        if (strcmp(ops[i], op) == 0)
            return true;
    return false;
}

static bool is_known(const sbx_suggestion *self, const char *path)
{
    for (size_t i = 0; i < self->root_count; i++)
        if (sbx_path_is_same(self->roots[i].path, path))
            return true;
    return false;
}

static bool is_in_a_root(const sbx_suggestion *self, const char *path)
{
    for (size_t i = 0; i < self->plan.rule_count; i++)
        if (self->plan.rules[i].kind == SBX_RULE_WRITE &&
            sbx_path_is_within(path, self->plan.rules[i].path))
            return true;
    return false;
}

static void keep(sbx_suggestion *self, const char *path, bool is_directory)
{
    if (self->root_count == self->root_room) {
        size_t room = self->root_room == 0 ? 16 : self->root_room * 2;
        sbx_root *roots = realloc(self->roots, room * sizeof(*roots));

        if (roots == NULL) {
            self->failed = true;
            return;
        }
        self->roots = roots;
        self->root_room = room;
    }
    self->roots[self->root_count++] = (sbx_root){.path = path, .is_directory = is_directory};
}

static void cut_name(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash != NULL)
        slash[slash == path] = '\0';
}

/* What would have to be a root: the thing itself, or the directory that a name comes and goes in. */
static void find_root(sbx_place_found *out, sbx_making *making, const sbx_wish *wish)
{
    char *path = strdup(wish->target);

    *out = (sbx_place_found){0};
    if (path == NULL) {
        making->failed = true;
        return;
    }
    if (!is_about_a_name(wish->op) && sbx_place_find(out, making, path, NULL) != SBX_OK)
        *out = (sbx_place_found){0};
    if (out->path == NULL) {
        cut_name(path);
        if (sbx_place_find(out, making, path, NULL) != SBX_OK)
            *out = (sbx_place_found){0};
    }
    free(path);
}

void sbx_suggest_add_path(sbx_suggestion *self, const sbx_wish *wish)
{
    sbx_making making = {.plan = &self->plan};
    sbx_place_found found;
    sbx_error err = {0};
    const char *why;

    if (memchr(wish->target, '\0', wish->target_bytes) != NULL ||
        !sbx_utf8_is_valid(wish->target, wish->target_bytes) ||
        sbx_path_root_bytes(wish->target) == 0) {
        sbx_suggest_leave_out(self, wish,
                              "no path that a policy can hold (it is not UTF-8, or not "
                              "absolute)");
        return;
    }
    find_root(&found, &making, wish);
    why = sbx_suggest_refusal(self, wish->target, !is_about_a_name(wish->op) && found.is_directory);
    if (why == NULL && found.path == NULL)
        why = "neither it nor its directory exists now";
    if (why == NULL)
        why = sbx_suggest_refusal(self, found.path, found.is_directory);
    self->failed |= making.failed;
    if (why != NULL) {
        sbx_suggest_leave_out(self, wish, why);
        return;
    }
    if (is_in_a_root(self, found.path) || is_known(self, found.path))
        return;
    if (self->root_count >= PATHS_MOST)
        sbx_suggest_leave_out(self, wish, "too many paths: run it again with what there is");
    else if (!is_accepted(self, found.path, &err))
        sbx_suggest_leave_out(self, wish, err.message);
    else
        keep(self, found.path, found.is_directory);
}

/* --- fewer --- */

static bool is_child_of(const sbx_root *root, const char *directory)
{
    size_t bytes = strlen(directory);

    return !root->is_gone && strncmp(root->path, directory, bytes) == 0 &&
           root->path[bytes] == '/' && strchr(root->path + bytes + 1, '/') == NULL;
}

static size_t count_children(const sbx_suggestion *self, const char *directory, bool files_only)
{
    size_t count = 0;

    for (size_t i = 0; i < self->root_count; i++)
        count += is_child_of(&self->roots[i], directory) &&
                 (!files_only || !self->roots[i].is_directory);
    return count;
}

/* Takes what lies in another root away. */
static size_t drop_covered(sbx_suggestion *self)
{
    size_t left = 0;

    for (size_t i = 0; i < self->root_count; i++) {
        sbx_root *root = &self->roots[i];

        for (size_t j = 0; j < self->root_count && !root->is_gone; j++)
            if (j != i && !self->roots[j].is_gone && self->roots[j].is_directory &&
                sbx_path_is_within(root->path, self->roots[j].path) &&
                (!sbx_path_is_same(root->path, self->roots[j].path) || j < i))
                root->is_gone = true;
        left += !root->is_gone;
    }
    return left;
}

/* "12 files in /srv/x: …" */
static void say_collapse(sbx_suggestion *self, size_t count, const char *what,
                         const char *directory, const char *why)
{
    sbx_text text = {0};

    sbx_text_add_format(&text, "%zu %s in %s: ", count, what, directory);
    if (why == NULL) {
        sbx_text_add(&text, "the directory as a whole becomes writable");
    } else {
        sbx_text_add(&text, "named one by one, not by their directory: ");
        sbx_text_add(&text, why);
    }
    self->failed |= text.failed;
    sbx_suggest_caution(self, sbx_text_string(&text));
    sbx_text_done(&text);
}

/* The directory in the place of what lies in it. False: it may not be one, which is said. */
static bool collapse(sbx_suggestion *self, const char *directory, bool files_only)
{
    size_t count = count_children(self, directory, files_only);
    const char *what = files_only ? "files" : "places";
    const char *why = sbx_suggest_refusal(self, directory, true);
    sbx_error err = {0};

    if (why == NULL && !is_accepted(self, directory, &err))
        why = err.message;
    say_collapse(self, count, what, directory, why);
    if (why != NULL)
        return false;
    keep(self, directory, true);
    (void)drop_covered(self);
    return true;
}

/* The directory that a path lies in, in the plan's memory; NULL: none, or no memory. */
static const char *directory_of(sbx_suggestion *self, const char *path)
{
    sbx_making making = {.plan = &self->plan};
    const char *name = sbx_path_name(path);
    const char *directory;

    if ((size_t)(name - path) <= sbx_path_root_bytes(path))
        return NULL;
    directory = sbx_making_copy_bytes(&making, path, (size_t)(name - path - 1));
    self->failed |= making.failed;
    return making.failed ? NULL : directory;
}

/* Each directory once: the first of its files asks. */
static bool is_first_of(const sbx_suggestion *self, size_t at, const char *directory)
{
    for (size_t i = 0; i < at; i++)
        if (is_child_of(&self->roots[i], directory) && !self->roots[i].is_directory)
            return false;
    return true;
}

static void collapse_files(sbx_suggestion *self)
{
    size_t count = self->root_count;

    for (size_t i = 0; i < count; i++) {
        const char *directory;

        if (self->roots[i].is_gone || self->roots[i].is_directory)
            continue;
        directory = directory_of(self, self->roots[i].path);
        if (directory != NULL && is_first_of(self, i, directory) &&
            count_children(self, directory, true) >= FILES_OF_ONE)
            (void)collapse(self, directory, true);
    }
}

/* The fullest directory, until there are few enough. False: nothing more can be put together. */
static bool collapse_fullest(sbx_suggestion *self)
{
    const char *fullest = NULL;
    size_t most = 1;

    for (size_t i = 0; i < self->root_count; i++) {
        const char *directory =
            self->roots[i].is_gone ? NULL : directory_of(self, self->roots[i].path);
        size_t count = directory == NULL ? 0 : count_children(self, directory, false);

        if (count > most) {
            most = count;
            fullest = directory;
        }
    }
    return fullest != NULL && collapse(self, fullest, false);
}

static void leave_root_out(sbx_suggestion *self, const char *path, const char *why)
{
    const sbx_wish wish = {.kind = "file",
                           .op = "write",
                           .target = path,
                           .target_bytes = strlen(path),
                           .rule = "no writable root",
                           .count = 1};

    sbx_suggest_leave_out(self, &wish, why);
}

static void add_root(sbx_suggestion *self, const char *path, size_t *added)
{
    sbx_error err = {0};

    if (*added >= ROOTS_MOST) {
        leave_root_out(self, path, "too many places: name a directory that holds them");
    } else if (!is_accepted(self, path, &err)) { /* with those that came before it */
        leave_root_out(self, path, err.message);
    } else {
        self->failed |= sbx_strings_add(&self->policy.write, path, NULL) != SBX_OK ||
                        sbx_strings_add(&self->write, path, NULL) != SBX_OK;
        (*added)++;
    }
}

static void take_root_back(sbx_suggestion *self, size_t at, const char *why)
{
    const char *path = self->write.item[at];

    for (size_t i = self->policy.write.count; i-- > 0;)
        if (strcmp(self->policy.write.item[i], path) == 0) {
            sbx_strings_remove(&self->policy.write, i);
            break;
        }
    leave_root_out(self, path, why);
    sbx_strings_remove(&self->write, at);
}

/* What was left out must not come in again with a root that holds it. */
static void keep_denied(sbx_suggestion *self, const char *place)
{
    sbx_strings *list = &self->policy.deny_write;
    sbx_plan plan = {0};
    sbx_error err = {0};
    sbx_status st;

    for (size_t i = self->write.count; i-- > 0;) {
        if (!sbx_path_is_within(place, self->write.item[i]))
            continue;
        self->failed |= sbx_strings_add(list, place, NULL) != SBX_OK;
        st = self->failed ? SBX_NO_MEMORY
                          : sbx_plan_make(&plan, &self->policy, &self->request, &err);
        sbx_plan_done(&plan);
        if (st == SBX_OK) {
            self->failed |= sbx_strings_add(&self->deny_write, place, NULL) != SBX_OK;
            return;
        }
        if (self->failed)
            return;
        sbx_strings_cut(list, list->count - 1);
        take_root_back(self, i, err.message);
    }
}

static int compare(const void *left, const void *right)
{
    const sbx_root *a = left, *b = right;

    return strcmp(a->path, b->path);
}

void sbx_suggest_settle_roots(sbx_suggestion *self)
{
    size_t added = 0;

    (void)drop_covered(self);
    collapse_files(self);
    while (drop_covered(self) > ROOTS_MOST && collapse_fullest(self)) {
    }
    if (self->root_count > 0)
        qsort(self->roots, self->root_count, sizeof(*self->roots), compare);
    for (size_t i = 0; i < self->root_count; i++)
        if (!self->roots[i].is_gone)
            add_root(self, self->roots[i].path, &added);
    for (size_t i = 0; i < self->held.count; i++)
        keep_denied(self, self->held.item[i]);
}
