/* What lies on the drives of the played Windows; see played_parts.h. */
#include "tests/support/played_parts.h"

#include <stdio.h>
#include <string.h>

#include "harness/policy/windows/ace_plan.h"

played_place played_places[PLACES_MAX];

played_place *played_find_place(const char *path)
{
    for (size_t i = 0; i < PLACES_MAX; i++)
        if (played_places[i].exists && strcmp(played_places[i].path, path) == 0)
            return &played_places[i];
    return NULL;
}

static played_place *new_place(const char *path, bool is_directory)
{
    for (size_t i = 0; i < PLACES_MAX; i++)
        if (!played_places[i].exists && played_places[i].path[0] == '\0') {
            played_places[i].exists = true;
            played_places[i].is_directory = is_directory;
            (void)snprintf(played_places[i].path, sizeof(played_places[i].path), "%s", path);
            return &played_places[i];
        }
    return NULL;
}

void played_add_place(const char *path, bool is_directory)
{
    (void)new_place(path, is_directory);
}

void played_move_place(const char *from, const char *to)
{
    played_place *at = played_find_place(from);

    if (at != NULL)
        (void)snprintf(at->path, sizeof(at->path), "%s", to);
}

void played_replace_by_link(const char *path)
{
    played_find_place(path)->is_link = true;
}

bool played_has_place(const char *path)
{
    return played_find_place(path) != NULL;
}

size_t played_ace_count(const char *path)
{
    const played_place *at = played_find_place(path);
    size_t count = 0;

    for (size_t i = 0; at != NULL && i < at->ace_count; i++)
        count += strncmp(at->ace[i].sid, "S-1-5-21-", 9) == 0 &&
                 strcmp(at->ace[i].sid, PLAYED_USER) != 0;
    return count;
}

size_t played_ace_count_of(const char *path, const char *sid)
{
    const played_place *at = played_find_place(path);
    size_t count = 0;

    for (size_t i = 0; at != NULL && i < at->ace_count; i++)
        count += strcmp(at->ace[i].sid, sid) == 0;
    return count;
}

void played_put(const char *path)
{
    played_find_place(path)->is_occupied = true;
}

/* --- played_places --- */

bool played_is_file(const char *path)
{
    const played_place *at = played_find_place(path);

    return at != NULL && !at->is_directory;
}

sbx_os_code played_system_folder(char *out, size_t room)
{
    if (played_fails("system_folder"))
        return PLAYED_FAILURE;
    (void)snprintf(out, room, "C:/Windows/System32");
    return 0;
}

static sbx_handle open_at(played_place *at)
{
    played_object *made = played_new_object(PLACE);
    made->at = at;
    return made;
}

sbx_os_code played_open_place(sbx_handle *out, sbx_os_place *about, const char *path)
{
    played_place *at = played_find_place(path);

    if (played_fails("open_place"))
        return PLAYED_FAILURE;
    if (at == NULL)
        return SBX_OS_NOT_FOUND;
    *about =
        (sbx_os_place){.volume = 0xABCD, .is_directory = at->is_directory, .is_link = at->is_link};
    about->file_id[0] = (uint8_t)(at - played_places + 1);
    *out = open_at(at);
    return 0;
}

sbx_os_code played_open_file_id(sbx_handle *out, const char *path, uint64_t volume,
                                const uint8_t file_id[16])
{
    (void)path;
    if (played_fails("open_file_id"))
        return PLAYED_FAILURE;
    if (volume != 0xABCD || file_id[0] == 0 || file_id[0] > PLACES_MAX ||
        !played_places[file_id[0] - 1].exists)
        return SBX_OS_NOT_FOUND;
    *out = open_at(&played_places[file_id[0] - 1]);
    return 0;
}

static bool is_such(const sbx_os_ace *found, const sbx_ace *ace)
{
    return found->kind == ace->kind && found->mask == ace->mask && found->flags == ace->flags &&
           strcmp(found->sid, ace->sid) == 0;
}

static void add_to(played_place *at, const sbx_ace *ace)
{
    sbx_os_list one;

    if (played.forgets_aces || at->ace_count == ACES_MAX)
        return;
    played_keep_list(&one, ace, 1);
    at->ace[at->ace_count++] = one.ace[0];
}

sbx_os_code played_add_ace(sbx_handle item, const sbx_ace *ace)
{
    played_place *at = ((played_object *)item)->at;

    if (played_fails("add_ace"))
        return PLAYED_FAILURE;
    played_say("+ace %s %x %x", at->path, ace->mask, ace->flags);
    add_to(at, ace);
    return 0;
}

sbx_os_code played_remove_ace(sbx_handle item, const sbx_ace *ace)
{
    played_place *at = ((played_object *)item)->at;

    if (played_fails("remove_ace"))
        return PLAYED_FAILURE;
    played_say("-ace %s %x %x", at->path, ace->mask, ace->flags);
    for (size_t i = 0; i < at->ace_count && !played.keeps_removed_aces; i++)
        if (is_such(&at->ace[i], ace)) {
            at->ace[i] = at->ace[--at->ace_count];
            break;
        }
    return 0;
}

sbx_os_code played_count_aces(size_t *out, sbx_handle item, const sbx_ace *ace)
{
    const played_place *at = ((played_object *)item)->at;

    if (played_fails("count_aces"))
        return PLAYED_FAILURE;
    *out = 0;
    for (size_t i = 0; i < at->ace_count; i++)
        *out += is_such(&at->ace[i], ace);
    return 0;
}

sbx_os_code played_count_runs(size_t *out, sbx_handle item, const sbx_ace *ace, const char *run)
{
    const played_place *at = ((played_object *)item)->at;

    if (played_fails("count_runs"))
        return PLAYED_FAILURE;
    *out = 0;
    for (size_t i = 0; i < at->ace_count; i++) {
        const sbx_os_ace *found = &at->ace[i];

        *out += found->kind == ace->kind && found->mask == ace->mask &&
                found->flags == ace->flags && sbx_sid_is_run(found->sid) &&
                strcmp(found->sid, run) != 0;
    }
    return 0;
}

sbx_os_code played_lock_places(sbx_handle *out)
{
    if (played_fails("lock_places"))
        return PLAYED_FAILURE;
    played.locks++;
    *out = &played.locks;
    return 0;
}

void played_unlock_places(sbx_handle lock)
{
    played.locks -= lock != NULL;
}

sbx_os_code played_make_directory(const char *path, const sbx_ace *aces, size_t count)
{
    played_place *made;

    if (played_fails("make_directory"))
        return PLAYED_FAILURE;
    if (played_find_place(path) != NULL)
        return SBX_OS_EXISTS;
    played_say("+dir %s", path);
    made = new_place(path, true);
    made->is_made = true;
    for (size_t i = 0; i < count; i++)
        add_to(made, &aces[i]);
    return 0;
}

static void take_away(played_place *at)
{
    at->exists = false; /* its number is not given again */
}

sbx_os_code played_remove_directory(const char *path)
{
    played_place *at = played_find_place(path);

    if (played_fails("remove_directory"))
        return PLAYED_FAILURE;
    if (at == NULL)
        return SBX_OS_NOT_FOUND;
    if (at->is_occupied)
        return SBX_OS_NOT_EMPTY;
    played_say("-dir %s", path);
    played.removed_open |= played_is_open(at);
    take_away(at);
    return 0;
}

sbx_os_code played_remove_tree(const char *path)
{
    size_t bytes = strlen(path);

    if (played_fails("remove_tree"))
        return PLAYED_FAILURE;
    if (played_find_place(path) == NULL)
        return SBX_OS_NOT_FOUND;
    played_say("-dir %s", path);
    for (size_t i = 0; i < PLACES_MAX; i++)
        if (played_places[i].exists && strncmp(played_places[i].path, path, bytes) == 0 &&
            (played_places[i].path[bytes] == '\0' || played_places[i].path[bytes] == '/'))
            take_away(&played_places[i]);
    return 0;
}

sbx_os_code played_write_file(const char *path, const char *text)
{
    (void)text;
    if (played_fails("write_file"))
        return PLAYED_FAILURE;
    new_place(path, false)->is_made = true;
    return 0;
}
