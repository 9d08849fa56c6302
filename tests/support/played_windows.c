/* See played_windows.h. */
#include "tests/support/played_windows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define USER "S-1-5-21-9-9-9-1001"
#define LOGON "S-1-5-5-0-77"

enum { PLACES_MAX = 48, HANDLES_MAX = 128, ACES_MAX = 24 };

typedef enum kind { NONE, TOKEN, PLACE, DESKTOP, PROCESS, THREAD, JOB, PIPE } kind;

typedef struct place {
    char path[160];
    bool exists, is_directory, is_link, is_made, is_occupied;
    sbx_os_ace ace[ACES_MAX];
    size_t ace_count;
} place;

typedef struct object {
    kind what;
    bool is_open;
    place *at;          /* of a place */
    sbx_os_token token; /* of a token */
    sbx_os_list list, default_list;
    bool is_alive, is_suspended, is_in_job, is_runner; /* of a process */
    sbx_handle outer_job;
    struct object *process_token, *process;
} object;

played_world played;
static place places[PLACES_MAX];
static object objects[HANDLES_MAX];
static sbx_os_list own_list;
static char job_place;

/* --- the world --- */

void played_reset(void)
{
    played = (played_world){.as_user = USER, .as_logon = LOGON};
    memset(places, 0, sizeof(places));
    memset(objects, 0, sizeof(objects));
    memset(&own_list, 0, sizeof(own_list));
}

sbx_handle played_job(void)
{
    return &job_place;
}

static place *find_place(const char *path)
{
    for (size_t i = 0; i < PLACES_MAX; i++)
        if (places[i].exists && strcmp(places[i].path, path) == 0)
            return &places[i];
    return NULL;
}

static place *new_place(const char *path, bool is_directory)
{
    for (size_t i = 0; i < PLACES_MAX; i++)
        if (!places[i].exists && places[i].path[0] == '\0') {
            places[i].exists = true;
            places[i].is_directory = is_directory;
            (void)snprintf(places[i].path, sizeof(places[i].path), "%s", path);
            return &places[i];
        }
    return NULL;
}

void played_add_place(const char *path, bool is_directory)
{
    (void)new_place(path, is_directory);
}

void played_move_place(const char *from, const char *to)
{
    place *at = find_place(from);

    if (at != NULL)
        (void)snprintf(at->path, sizeof(at->path), "%s", to);
}

void played_replace_by_link(const char *path)
{
    find_place(path)->is_link = true;
}

bool played_has_place(const char *path)
{
    return find_place(path) != NULL;
}

size_t played_ace_count(const char *path)
{
    const place *at = find_place(path);
    size_t count = 0;

    for (size_t i = 0; at != NULL && i < at->ace_count; i++)
        count += strncmp(at->ace[i].sid, "S-1-5-21-", 9) == 0 && strcmp(at->ace[i].sid, USER) != 0;
    return count;
}

void played_put(const char *path)
{
    find_place(path)->is_occupied = true;
}

static void SBX_PRINTF(1, 2) say(const char *format, ...)
{
    va_list list;

    if (played.log_count == PLAYED_LOG_MAX)
        return;
    va_start(list, format);
    (void)vsnprintf(played.log[played.log_count++], sizeof(played.log[0]), format, list);
    va_end(list);
}

/* Every call but those that give back. */
bool played_fails(const char *what)
{
    if (++played.call_count != played.fails_at)
        return false;
    (void)snprintf(played.failed_in, sizeof(played.failed_in), "%s", what);
    return true;
}

static object *new_object(kind what)
{
    for (size_t i = 0; i < HANDLES_MAX; i++)
        if (objects[i].what == NONE) {
            objects[i] = (object){.what = what, .is_open = true};
            return &objects[i];
        }
    return NULL;
}

static void describe(char *out, size_t room, size_t *count, const char *what, const char *name)
{
    size_t used = strlen(out);

    ++*count;
    (void)snprintf(out + used, room - used, "%s %s; ", what, name);
}

static size_t left(char *out, size_t room)
{
    static const char *const kinds[] = {"",        "token",  "place", "desktop",
                                        "process", "thread", "job",   "pipe"};
    size_t count = 0;

    out[0] = '\0';
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (objects[i].is_open)
            describe(out, room, &count, "handle", kinds[objects[i].what]);
        if (objects[i].what == PROCESS && objects[i].is_alive)
            describe(out, room, &count, "a living", "process");
    }
    for (size_t i = 0; i < PLACES_MAX; i++) {
        if (places[i].exists && places[i].ace_count > 0)
            describe(out, room, &count, "entries of", places[i].path);
        if (places[i].exists && places[i].is_made)
            describe(out, room, &count, "directory", places[i].path);
    }
    return count;
}

size_t played_left(void)
{
    char text[2048];

    return left(text, sizeof(text));
}

void played_describe_left(char *out, size_t room)
{
    (void)left(out, room);
}

/* --- tokens --- */

static sbx_os_code open_token(sbx_handle *out)
{
    object *made;

    if (played_fails("open_token"))
        return PLAYED_FAILURE;
    made = new_object(TOKEN);
    made->token = (sbx_os_token){.privilege_count = 24};
    (void)snprintf(made->token.user, SBX_OS_SID_BYTES, "%s", played.as_user);
    (void)snprintf(made->token.logon, SBX_OS_SID_BYTES, "%s", played.as_logon);
    *out = made;
    return 0;
}

static sbx_os_code open_process_token(sbx_handle *out, sbx_handle process)
{
    object *made;

    if (played_fails("open_process_token"))
        return PLAYED_FAILURE;
    made = new_object(TOKEN);
    made->token = ((object *)process)->token;
    *out = made;
    return 0;
}

static sbx_os_code read_token(sbx_os_token *out, sbx_handle token)
{
    if (played_fails("read_token"))
        return PLAYED_FAILURE;
    *out = ((object *)token)->token;
    return 0;
}

static sbx_os_code restrict_token(sbx_handle *out, sbx_handle token, uint32_t flags,
                                  const char *const *sids, size_t count)
{
    object *made;

    if (played_fails("restrict_token"))
        return PLAYED_FAILURE;
    made = new_object(TOKEN);
    made->token = ((object *)token)->token;
    if ((flags & 1) != 0 && !played.keeps_privileges)
        made->token.privilege_count = 1;
    for (size_t i = 0; !played.forgets_restricting && i < count; i++)
        (void)snprintf(made->token.restricting[i], SBX_OS_SID_BYTES, "%s", sids[i]);
    made->token.restricting_count = played.forgets_restricting ? 0 : count;
    made->token.is_restricted = made->token.restricting_count > 0;
    *out = made;
    return 0;
}

static void keep(sbx_os_list *list, const sbx_ace *aces, size_t count)
{
    list->count = count;
    for (size_t i = 0; i < count; i++) {
        list->ace[i] = (sbx_os_ace){aces[i].kind, aces[i].mask, aces[i].flags, ""};
        (void)snprintf(list->ace[i].sid, SBX_OS_SID_BYTES, "%s", aces[i].sid);
    }
}

static sbx_os_code set_default_list(sbx_handle token, const sbx_ace *aces, size_t count)
{
    if (played_fails("set_default_list"))
        return PLAYED_FAILURE;
    if (!played.forgets_default_list)
        keep(&((object *)token)->default_list, aces, count);
    return 0;
}

static sbx_os_code read_default_list(sbx_os_list *out, sbx_handle token)
{
    if (played_fails("read_default_list"))
        return PLAYED_FAILURE;
    *out = ((object *)token)->default_list;
    return 0;
}

static sbx_os_code set_list(sbx_handle item, const sbx_ace *aces, size_t count)
{
    if (played_fails("set_list"))
        return PLAYED_FAILURE;
    if (!played.forgets_guard)
        keep(item == NULL ? &own_list : &((object *)item)->list, aces, count);
    return 0;
}

static sbx_os_code read_list(sbx_os_list *out, sbx_handle item)
{
    if (played_fails("read_list"))
        return PLAYED_FAILURE;
    *out = item == NULL ? own_list : ((object *)item)->list;
    return 0;
}

/* --- places --- */

static bool is_file(const char *path)
{
    const place *at = find_place(path);

    return at != NULL && !at->is_directory;
}

static sbx_os_code system_folder(char *out, size_t room)
{
    if (played_fails("system_folder"))
        return PLAYED_FAILURE;
    (void)snprintf(out, room, "C:/Windows/System32");
    return 0;
}

static sbx_handle open_at(place *at)
{
    object *made = new_object(PLACE);
    made->at = at;
    return made;
}

static sbx_os_code open_place(sbx_handle *out, sbx_os_place *about, const char *path)
{
    place *at = find_place(path);

    if (played_fails("open_place"))
        return PLAYED_FAILURE;
    if (at == NULL)
        return SBX_OS_NOT_FOUND;
    *about =
        (sbx_os_place){.volume = 0xABCD, .is_directory = at->is_directory, .is_link = at->is_link};
    about->file_id[0] = (uint8_t)(at - places + 1);
    *out = open_at(at);
    return 0;
}

static sbx_os_code open_file_id(sbx_handle *out, const char *path, uint64_t volume,
                                const uint8_t file_id[16])
{
    (void)path;
    if (played_fails("open_file_id"))
        return PLAYED_FAILURE;
    if (volume != 0xABCD || file_id[0] == 0 || file_id[0] > PLACES_MAX ||
        !places[file_id[0] - 1].exists)
        return SBX_OS_NOT_FOUND;
    *out = open_at(&places[file_id[0] - 1]);
    return 0;
}

static bool is_such(const sbx_os_ace *found, const sbx_ace *ace)
{
    return found->kind == ace->kind && found->mask == ace->mask && found->flags == ace->flags &&
           strcmp(found->sid, ace->sid) == 0;
}

static void add_to(place *at, const sbx_ace *ace)
{
    sbx_os_list one;

    if (played.forgets_aces || at->ace_count == ACES_MAX)
        return;
    keep(&one, ace, 1);
    at->ace[at->ace_count++] = one.ace[0];
}

static sbx_os_code add_ace(sbx_handle item, const sbx_ace *ace)
{
    place *at = ((object *)item)->at;

    if (played_fails("add_ace"))
        return PLAYED_FAILURE;
    say("+ace %s %x %x", at->path, ace->mask, ace->flags);
    add_to(at, ace);
    return 0;
}

static sbx_os_code remove_ace(sbx_handle item, const sbx_ace *ace)
{
    place *at = ((object *)item)->at;

    if (played_fails("remove_ace"))
        return PLAYED_FAILURE;
    say("-ace %s %x %x", at->path, ace->mask, ace->flags);
    for (size_t i = 0; i < at->ace_count && !played.keeps_removed_aces; i++)
        if (is_such(&at->ace[i], ace)) {
            at->ace[i] = at->ace[--at->ace_count];
            break;
        }
    return 0;
}

static sbx_os_code count_aces(size_t *out, sbx_handle item, const sbx_ace *ace)
{
    const place *at = ((object *)item)->at;

    if (played_fails("count_aces"))
        return PLAYED_FAILURE;
    *out = 0;
    for (size_t i = 0; i < at->ace_count; i++)
        *out += is_such(&at->ace[i], ace);
    return 0;
}

static sbx_os_code make_directory(const char *path, const sbx_ace *aces, size_t count)
{
    place *made;

    if (played_fails("make_directory"))
        return PLAYED_FAILURE;
    if (find_place(path) != NULL)
        return SBX_OS_EXISTS;
    say("+dir %s", path);
    made = new_place(path, true);
    made->is_made = true;
    for (size_t i = 0; i < count; i++)
        add_to(made, &aces[i]);
    return 0;
}

static void take_away(place *at)
{
    at->exists = false; /* its number is not given again */
}

static sbx_os_code remove_directory(const char *path)
{
    place *at = find_place(path);

    if (played_fails("remove_directory"))
        return PLAYED_FAILURE;
    if (at == NULL)
        return SBX_OS_NOT_FOUND;
    if (at->is_occupied)
        return SBX_OS_NOT_EMPTY;
    say("-dir %s", path);
    take_away(at);
    return 0;
}

static sbx_os_code remove_tree(const char *path)
{
    size_t bytes = strlen(path);

    if (played_fails("remove_tree"))
        return PLAYED_FAILURE;
    if (find_place(path) == NULL)
        return SBX_OS_NOT_FOUND;
    say("-dir %s", path);
    for (size_t i = 0; i < PLACES_MAX; i++)
        if (places[i].exists && strncmp(places[i].path, path, bytes) == 0 &&
            (places[i].path[bytes] == '\0' || places[i].path[bytes] == '/'))
            take_away(&places[i]);
    return 0;
}

static sbx_os_code write_file(const char *path, const char *text)
{
    (void)text;
    if (played_fails("write_file"))
        return PLAYED_FAILURE;
    new_place(path, false)->is_made = true;
    return 0;
}

/* --- the process --- */

static sbx_os_code make_desktop(sbx_handle *out, char *out_name, size_t room, const char *name,
                                const sbx_ace *aces, size_t count)
{
    object *made;

    if (played_fails("make_desktop") || played.has_no_desktop)
        return PLAYED_FAILURE;
    made = new_object(DESKTOP);
    keep(&made->list, aces, count);
    (void)snprintf(out_name, room, "WinSta0\\%s", name);
    say("+desktop");
    *out = made;
    return 0;
}

static sbx_os_code make_process(sbx_os_process *out, const sbx_os_wish *wish)
{
    object *process, *thread;

    if (played_fails("make_process"))
        return PLAYED_FAILURE;
    if (!is_file(wish->program))
        return SBX_OS_NOT_FOUND;
    process = new_object(PROCESS);
    process->is_alive = process->is_suspended = true;
    process->is_in_job = wish->job == &job_place && !played.leaves_job;
    process->outer_job = played.in_job;
    process->token = ((object *)wish->token)->token;
    if (played.gives_other_token)
        process->token.restricting_count = 0;
    thread = new_object(THREAD);
    thread->process = process;
    say("+process");
    *out = (sbx_os_process){process, thread, 42};
    return 0;
}

static sbx_os_code is_in_job(bool *out, sbx_handle process, sbx_handle job)
{
    if (played_fails("is_in_job"))
        return PLAYED_FAILURE;
    *out =
        job == &job_place ? ((object *)process)->is_in_job : ((object *)process)->outer_job == job;
    return 0;
}

static sbx_os_code resume(sbx_handle thread)
{
    object *process = ((object *)thread)->process;

    if (played_fails("resume"))
        return PLAYED_FAILURE;
    process->is_suspended = false;
    if (process->is_runner) {
        played.ran_open |= process->list.count == 0 || process->outer_job == NULL;
        return 0;
    }
    process->is_alive = false; /* a short command */
    played.has_run = true;
    return 0;
}

static sbx_os_code end_process(sbx_handle process)
{
    if (played_fails("end_process"))
        return PLAYED_FAILURE;
    say("-process");
    ((object *)process)->is_alive = false;
    return 0;
}

static void close_handle(sbx_handle item)
{
    object *at = item;

    at->is_open = false;
    if (at->what == DESKTOP)
        say("-desktop");
    for (size_t i = 0; at->what == JOB && i < HANDLES_MAX; i++)
        if (objects[i].what == PROCESS && objects[i].outer_job == at)
            objects[i].is_alive = false;
    if (at->what == JOB && played.on_job_end != NULL)
        played.on_job_end();
}

/* --- path B --- */

sbx_handle played_new_job(void)
{
    return new_object(JOB);
}

sbx_handle played_new_pipe(const sbx_ace *aces, size_t count)
{
    object *made = new_object(PIPE);

    keep(&made->list, aces, count);
    return made;
}

sbx_os_process played_new_runner(uint32_t pid)
{
    object *process = new_object(PROCESS), *thread = new_object(THREAD);

    process->is_alive = process->is_suspended = process->is_runner = true;
    thread->process = process;
    return (sbx_os_process){process, thread, pid};
}

void played_enter_job(sbx_handle process, sbx_handle job)
{
    ((object *)process)->outer_job = job;
}

bool played_is_let_go(sbx_handle process)
{
    return !((object *)process)->is_suspended;
}

const sbx_target_os played_windows = {
    .open_token = open_token,
    .open_process_token = open_process_token,
    .read_token = read_token,
    .restrict_token = restrict_token,
    .set_default_list = set_default_list,
    .read_default_list = read_default_list,
    .set_list = set_list,
    .read_list = read_list,
    .is_file = is_file,
    .system_folder = system_folder,
    .open_place = open_place,
    .open_file_id = open_file_id,
    .add_ace = add_ace,
    .remove_ace = remove_ace,
    .count_aces = count_aces,
    .make_directory = make_directory,
    .remove_directory = remove_directory,
    .remove_tree = remove_tree,
    .write_file = write_file,
    .make_desktop = make_desktop,
    .make_process = make_process,
    .is_in_job = is_in_job,
    .resume = resume,
    .end_process = end_process,
    .close = close_handle,
    .close_desktop = close_handle,
};
