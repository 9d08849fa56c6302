/* See played_windows.h. */
#include "tests/support/played_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOGON "S-1-5-5-0-77"

played_world played;
static played_object played_objects[HANDLES_MAX];
static sbx_os_list own_list;
static char job_place;

/* --- the world --- */

void played_reset(void)
{
    played = (played_world){.as_user = PLAYED_USER, .as_logon = LOGON};
    memset(played_places, 0, sizeof(played_places));
    memset(played_objects, 0, sizeof(played_objects));
    memset(&own_list, 0, sizeof(own_list));
}

sbx_handle played_job(void)
{
    return &job_place;
}

void played_say(const char *format, ...)
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

played_object *played_new_object(played_kind what)
{
    for (size_t i = 0; i < HANDLES_MAX; i++)
        if (played_objects[i].what == NONE) {
            played_objects[i] = (played_object){.what = what, .is_open = true};
            return &played_objects[i];
        }
    return NULL;
}

bool played_is_open(const played_place *at)
{
    for (size_t i = 0; i < HANDLES_MAX; i++)
        if (played_objects[i].is_open && played_objects[i].what == PLACE &&
            played_objects[i].at == at)
            return true;
    return false;
}

static void describe(char *out, size_t room, size_t *count, const char *what, const char *name)
{
    size_t used = strlen(out);

    ++*count;
    (void)snprintf(out + used, room - used, "%s %s; ", what, name);
}

static size_t left(char *out, size_t room)
{
    static const char *const kinds[] = {"",       "token", "place", "desktop", "process",
                                        "thread", "job",   "pipe",  "terminal"};
    size_t count = 0;

    out[0] = '\0';
    if (played.locks > 0)
        describe(out, room, &count, "a lock of the", "places");
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (played_objects[i].is_open)
            describe(out, room, &count, "handle", kinds[played_objects[i].what]);
        if (played_objects[i].what == PROCESS && played_objects[i].is_alive)
            describe(out, room, &count, "a living", "process");
    }
    for (size_t i = 0; i < PLACES_MAX; i++) {
        if (played_places[i].exists && played_places[i].ace_count > 0)
            describe(out, room, &count, "entries of", played_places[i].path);
        if (played_places[i].exists && played_places[i].is_made)
            describe(out, room, &count, "directory", played_places[i].path);
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
    played_object *made;

    if (played_fails("open_token"))
        return PLAYED_FAILURE;
    made = played_new_object(TOKEN);
    made->token = (sbx_os_token){.privilege_count = 24};
    (void)snprintf(made->token.user, SBX_OS_SID_BYTES, "%s", played.as_user);
    (void)snprintf(made->token.logon, SBX_OS_SID_BYTES, "%s", played.as_logon);
    *out = made;
    return 0;
}

static sbx_os_code open_process_token(sbx_handle *out, sbx_handle process)
{
    played_object *made;

    if (played_fails("open_process_token"))
        return PLAYED_FAILURE;
    made = played_new_object(TOKEN);
    made->token = ((played_object *)process)->token;
    *out = made;
    return 0;
}

static sbx_os_code read_token(sbx_os_token *out, sbx_handle token)
{
    if (played_fails("read_token"))
        return PLAYED_FAILURE;
    *out = ((played_object *)token)->token;
    return 0;
}

static sbx_os_code restrict_token(sbx_handle *out, sbx_handle token, uint32_t flags,
                                  const char *const *sids, size_t count)
{
    played_object *made;

    if (played_fails("restrict_token"))
        return PLAYED_FAILURE;
    made = played_new_object(TOKEN);
    made->token = ((played_object *)token)->token;
    if ((flags & 1) != 0 && !played.keeps_privileges)
        made->token.privilege_count = 1;
    for (size_t i = 0; !played.forgets_restricting && i < count; i++)
        (void)snprintf(made->token.restricting[i], SBX_OS_SID_BYTES, "%s", sids[i]);
    made->token.restricting_count = played.forgets_restricting ? 0 : count;
    made->token.is_restricted = made->token.restricting_count > 0;
    *out = made;
    return 0;
}

static sbx_os_code drop_privileges(sbx_handle token)
{
    if (played_fails("drop_privileges"))
        return PLAYED_FAILURE;
    ((played_object *)token)->token.privilege_count = played.keeps_privileges ? 24 : 1;
    played.has_dropped = !played.keeps_privileges;
    return 0;
}

void played_keep_list(sbx_os_list *list, const sbx_ace *aces, size_t count)
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
    if (played.forgets_default_list)
        return 0;
    played_keep_list(&((played_object *)token)->default_list, aces, count);
    played.last_default_list = ((played_object *)token)->default_list;
    return 0;
}

static sbx_os_code read_default_list(sbx_os_list *out, sbx_handle token)
{
    if (played_fails("read_default_list"))
        return PLAYED_FAILURE;
    *out = ((played_object *)token)->default_list;
    return 0;
}

static sbx_os_code set_list(sbx_handle item, const sbx_ace *aces, size_t count)
{
    if (played_fails("set_list"))
        return PLAYED_FAILURE;
    if (!played.forgets_guard)
        played_keep_list(item == NULL ? &own_list : &((played_object *)item)->list, aces, count);
    return 0;
}

static sbx_os_code read_list(sbx_os_list *out, sbx_handle item)
{
    if (played_fails("read_list"))
        return PLAYED_FAILURE;
    *out = item == NULL ? own_list : ((played_object *)item)->list;
    return 0;
}

/* --- the process --- */

static sbx_os_code make_desktop(sbx_handle *out, char *out_name, size_t room, const char *name,
                                const sbx_ace *aces, size_t count)
{
    played_object *made;

    if (played_fails("make_desktop") || played.has_no_desktop)
        return PLAYED_FAILURE;
    made = played_new_object(DESKTOP);
    played_keep_list(&made->list, aces, count);
    (void)snprintf(out_name, room, "WinSta0\\%s", name);
    played_say("+desktop");
    *out = made;
    return 0;
}

static sbx_os_code make_process(sbx_os_process *out, const sbx_os_wish *wish)
{
    played_object *process, *thread;

    if (played_fails("make_process"))
        return PLAYED_FAILURE;
    if (!played_is_file(wish->program))
        return SBX_OS_NOT_FOUND;
    if (played.in_job != NULL && !wish->leaves_own_job)
        return SBX_OS_DENIED; /* the command's job restricts windows: it is in no other */
    process = played_new_object(PROCESS);
    process->is_alive = process->is_suspended = true;
    process->is_in_job = wish->job == &job_place && !played.leaves_job;
    process->own_job = wish->leaves_own_job ? NULL : played.in_job;
    process->token = ((played_object *)wish->token)->token;
    played.terminal = wish->terminal;
    played.has_stdio = wish->stdio[0] != NULL || wish->stdio[1] != NULL;
    if (played.gives_other_token)
        process->token.restricting_count = 0;
    thread = played_new_object(THREAD);
    thread->process = process;
    played_say("+process");
    *out = (sbx_os_process){process, thread, 42};
    return 0;
}

static sbx_os_code is_in_job(bool *out, sbx_handle process, sbx_handle job)
{
    if (played_fails("is_in_job"))
        return PLAYED_FAILURE;
    *out = job == &job_place ? ((played_object *)process)->is_in_job
                             : ((played_object *)process)->own_job == job;
    return 0;
}

static sbx_os_code resume(sbx_handle thread)
{
    played_object *process = ((played_object *)thread)->process;

    if (played_fails("resume"))
        return PLAYED_FAILURE;
    process->is_suspended = false;
    if (process->is_runner) {
        played.ran_open |= process->list.count == 0 || process->own_job == NULL;
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
    played_say("-process");
    ((played_object *)process)->is_alive = false;
    return 0;
}

static void close_handle(sbx_handle item)
{
    played_object *at = item;

    at->is_open = false;
    if (at->what == DESKTOP)
        played_say("-desktop");
    for (size_t i = 0; at->what == JOB && i < HANDLES_MAX; i++)
        if (played_objects[i].what == PROCESS && played_objects[i].own_job == at)
            played_objects[i].is_alive = false;
    if (at->what == JOB && played.on_job_end != NULL)
        played.on_job_end();
}

/* --- path B --- */

void played_end_job(void)
{
    for (size_t i = 0; i < HANDLES_MAX; i++)
        if (played_objects[i].what == PROCESS && played_objects[i].is_in_job)
            played_objects[i].is_alive = false;
}

sbx_handle played_new_job(void)
{
    return played_new_object(JOB);
}

sbx_handle played_new_pipe(const sbx_ace *aces, size_t count)
{
    played_object *made = played_new_object(PIPE);

    played_keep_list(&made->list, aces, count);
    return made;
}

sbx_os_process played_new_runner(uint32_t pid)
{
    played_object *process = played_new_object(PROCESS), *thread = played_new_object(THREAD);

    process->is_alive = process->is_suspended = process->is_runner = true;
    thread->process = process;
    return (sbx_os_process){process, thread, pid};
}

void played_enter_job(sbx_handle process, sbx_handle job)
{
    ((played_object *)process)->own_job = job;
}

bool played_is_let_go(sbx_handle process)
{
    return !((played_object *)process)->is_suspended;
}

const sbx_target_os played_windows = {
    .open_token = open_token,
    .open_process_token = open_process_token,
    .read_token = read_token,
    .restrict_token = restrict_token,
    .drop_privileges = drop_privileges,
    .set_default_list = set_default_list,
    .read_default_list = read_default_list,
    .set_list = set_list,
    .read_list = read_list,
    .is_file = played_is_file,
    .system_folder = played_system_folder,
    .open_place = played_open_place,
    .open_file_id = played_open_file_id,
    .add_ace = played_add_ace,
    .remove_ace = played_remove_ace,
    .count_aces = played_count_aces,
    .count_runs = played_count_runs,
    .lock_places = played_lock_places,
    .unlock_places = played_unlock_places,
    .make_directory = played_make_directory,
    .remove_directory = played_remove_directory,
    .remove_tree = played_remove_tree,
    .write_file = played_write_file,
    .make_desktop = make_desktop,
    .make_process = make_process,
    .is_in_job = is_in_job,
    .resume = resume,
    .end_process = end_process,
    .close = close_handle,
    .close_desktop = close_handle,
};
