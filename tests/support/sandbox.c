/* See sandbox.h: starting and collecting. Reading the audit database is in audit.c. */
#include "tests/support/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

extern char **environ;

enum { VARIABLES_MAX = 1024, CHILDREN_MAX = 64 };

/* Started and not finished: what a failing test leaves behind must not disturb the next. */
static pid_t unfinished[CHILDREN_MAX];

static void replace_child(pid_t old, pid_t new)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (unfinished[i] == old) {
            unfinished[i] = new;
            return;
        }
    fail_msg("more than %d children at once", CHILDREN_MAX);
}

int sbx_test_stop_children(void **state)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        if (unfinished[i] == 0)
            continue;
        kill(unfinished[i], SIGKILL);
        while (waitpid(unfinished[i], NULL, 0) < 0 && errno == EINTR)
            continue;
        unfinished[i] = 0;
    }
    sbx_test_kill_processes(*state);
    return 0;
}

typedef struct word_list {
    const char *word[VARIABLES_MAX];
    size_t count;
} word_list;

static void add_word(word_list *list, const char *word)
{
    assert_true(list->count + 1 < VARIABLES_MAX);
    list->word[list->count++] = word;
    list->word[list->count] = NULL;
}

static void add_words(word_list *list, const char *const *words)
{
    for (; words != NULL && *words != NULL; words++)
        add_word(list, *words);
}

static bool has_same_name(const char *one, const char *other)
{
    size_t length = strcspn(one, "=");

    return length == strcspn(other, "=") && strncmp(one, other, length) == 0;
}

static void set_variable(word_list *list, const char *assignment)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++)
        if (!has_same_name(list->word[i], assignment))
            list->word[kept++] = list->word[i];
    list->count = kept;
    list->word[kept] = NULL;
    if (strchr(assignment, '=') != NULL)
        add_word(list, assignment);
}

static void make_environment(word_list *list, const sbx_test_place *place,
                             const sbx_test_request *request)
{
    list->count = 0;
    for (char **variable = environ; *variable != NULL; variable++)
        add_word(list, *variable);
    set_variable(list, sbx_test_text("HOME=%s", place->home));
    set_variable(list, "XDG_STATE_HOME");
    set_variable(list, "SBX_AUDIT_DB");
    for (const char *const *variable = request->env; variable != NULL && *variable != NULL;
         variable++)
        set_variable(list, *variable);
}

static void make_command_line(word_list *list, const sbx_test_place *place,
                              const sbx_test_request *request, const char *result_path)
{
    list->count = 0;
    if (!request->as_is) {
        add_words(list, SBX_LIST(sbx_test_binary(), "exec", "--result", result_path));
        if (!request->without_database)
            add_words(list, SBX_LIST("--audit-db", request->database != NULL ? request->database
                                                                             : place->database));
        if (!request->without_roots)
            add_words(list, SBX_LIST("--read", place->base, "--write", place->root));
        add_words(list, request->options);
        add_word(list, "--");
    }
    add_words(list, request->command);
}

static int capture_file(const sbx_test_place *place)
{
    int fd = open(place->base, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    /* Appending, as two writers share it. */
    assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
    return fd;
}

/* After fork. */
static void take_descriptors(const sbx_test_request *request, const int fds[3])
{
    for (int i = 0; i < 3; i++)
        if (fds[i] < 0)
            close(i);
        else if (fds[i] == i)
            (void)fcntl(i, F_SETFD, 0);
        else
            (void)dup2(fds[i], i);
    if (request->extra_fd > 0)
        (void)fcntl(request->extra_fd, F_SETFD, 0);
    if (request->new_session) {
        (void)setsid();
        (void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    }
}

void sbx_test_start(sbx_test_child *child, const sbx_test_place *place,
                    const sbx_test_request *request)
{
    static unsigned number;
    const char *cwd = request->cwd != NULL ? request->cwd : place->root;
    word_list line, variables;
    int fds[3], null;

    memset(child, 0, sizeof(*child));
    snprintf(child->result_path, sizeof(child->result_path), "%s",
             sbx_test_text("%s/state/result-%u.json", place->base, ++number));
    make_command_line(&line, place, request, child->result_path);
    make_environment(&variables, place, request);
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 3; i++) {
        child->capture[i] = request->stdio[i] == 0 && i > 0 ? capture_file(place) : -1;
        fds[i] = request->stdio[i] != 0 ? request->stdio[i] : i == 0 ? null : child->capture[i];
    }
    fflush(NULL);
    child->started_ms = sbx_test_now_ms();
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0) {
        if (chdir(cwd) != 0)
            _exit(99);
        take_descriptors(request, fds);
        execve(line.word[0], (char *const *)(uintptr_t)line.word,
               (char *const *)(uintptr_t)variables.word);
        _exit(98);
    }
    close(null);
    replace_child(0, child->pid);
    child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    assert_true(child->pid_fd >= 0);
}

static char *read_capture(size_t *out_bytes, int fd)
{
    struct stat info = {0};
    char *text;
    ssize_t bytes = 0;

    if (fd >= 0)
        assert_int_equal(fstat(fd, &info), 0);
    text = malloc((size_t)info.st_size + 1);
    assert_non_null(text);
    if (fd >= 0)
        bytes = pread(fd, text, (size_t)info.st_size, 0);
    assert_true(bytes >= 0);
    text[bytes] = '\0';
    *out_bytes = (size_t)bytes;
    return text;
}

bool sbx_test_wait_output(const sbx_test_child *child, const char *text, unsigned timeout_ms)
{
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(timeout_ms);

    for (;;) {
        size_t bytes;
        char *seen = read_capture(&bytes, child->capture[1]);
        bool found = memmem(seen, bytes, text, strlen(text)) != NULL;

        free(seen);
        if (found)
            return true;
        if (sbx_test_now_ms() > end)
            return false;
        sbx_test_pause_ms(5);
    }
}

void sbx_test_finish(sbx_test_outcome *out, sbx_test_child *child, unsigned timeout_ms)
{
    struct pollfd poll_fd = {.fd = child->pid_fd, .events = POLLIN};
    int wait_ms = (int)sbx_test_slow_ms(timeout_ms);
    bool in_time = poll(&poll_fd, 1, wait_ms) == 1;
    int status = 0;
    json_error_t error;

    memset(out, 0, sizeof(*out));
    if (!in_time)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    replace_child(child->pid, 0);
    out->wall_ms = sbx_test_now_ms() - child->started_ms;
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->out = read_capture(&out->out_bytes, child->capture[1]);
    out->err = read_capture(&out->err_bytes, child->capture[2]);
    close(child->pid_fd);
    for (int i = 1; i < 3; i++)
        if (child->capture[i] >= 0)
            close(child->capture[i]);
    if (!in_time) {
        print_error("stdout: %.2000s\nstderr: %.2000s\n", out->out, out->err);
        fail_msg("not done after %d ms", wait_ms);
    }
    if (access(child->result_path, F_OK) != 0)
        return;
    out->result = json_load_file(child->result_path, JSON_REJECT_DUPLICATES, &error);
    if (out->result == NULL)
        fail_msg("%s is not JSON: %s", child->result_path, error.text);
    (void)unlink(child->result_path);
}

void sbx_test_outcome_done(sbx_test_outcome *outcome)
{
    free(outcome->out);
    free(outcome->err);
    json_decref(outcome->result);
    memset(outcome, 0, sizeof(*outcome));
}

void sbx_test_run(sbx_test_outcome *out, const sbx_test_place *place,
                  const sbx_test_request *request)
{
    sbx_test_child child;

    sbx_test_start(&child, place, request);
    sbx_test_finish(out, &child, SBX_TEST_TIMEOUT_MS);
}

void sbx_test_exec(sbx_test_outcome *out, const sbx_test_place *place, const char *const *options,
                   const char *const *command)
{
    sbx_test_request request = {.options = options, .command = command};

    sbx_test_run(out, place, &request);
}

void sbx_test_sbx(sbx_test_outcome *out, const sbx_test_place *place, const char *const *arguments)
{
    word_list line = {.count = 0};
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    sbx_test_request request = {.as_is = true, .env = SBX_LIST(database)};

    add_word(&line, sbx_test_binary());
    add_words(&line, arguments);
    request.command = line.word;
    sbx_test_run(out, place, &request);
}

int sbx_test_probe_outside(const sbx_test_place *place, const char *const *arguments)
{
    word_list line = {.count = 0};
    sbx_test_request request = {.as_is = true};
    sbx_test_outcome outcome;
    int code;

    add_word(&line, place->probe);
    add_words(&line, arguments);
    request.command = line.word;
    sbx_test_run(&outcome, place, &request);
    code = outcome.exit_code;
    sbx_test_outcome_done(&outcome);
    return code;
}

const char *sbx_test_word(const sbx_test_outcome *outcome, const char *key)
{
    const char *word = json_string_value(json_object_get(outcome->result, key));

    if (word == NULL)
        fail_msg("the result has no text \"%s\"; stderr: %.1000s", key, outcome->err);
    return word;
}

json_int_t sbx_test_number(const sbx_test_outcome *outcome, const char *key)
{
    json_t *value = json_object_get(outcome->result, key);

    if (value == NULL)
        value = json_object_get(json_object_get(outcome->result, "usage"), key);
    if (!json_is_integer(value))
        fail_msg("the result has no number \"%s\"; stderr: %.1000s", key, outcome->err);
    return json_integer_value(value);
}

void sbx_test_expect(const sbx_test_outcome *outcome, int exit_code, const char *status,
                     const char *reason)
{
    const char *got_status = json_string_value(json_object_get(outcome->result, "status"));
    const char *got_reason = json_string_value(json_object_get(outcome->result, "reason"));

    if (outcome->exit_code == exit_code && got_status != NULL && strcmp(got_status, status) == 0 &&
        (reason == NULL || (got_reason != NULL && strcmp(got_reason, reason) == 0)))
        return;
    print_error("stdout: %.2000s\nstderr: %.2000s\n", outcome->out, outcome->err);
    fail_msg("expected exit %d %s/%s, got exit %d (signal %d) %s/%s", exit_code, status,
             reason != NULL ? reason : "*", outcome->exit_code, outcome->signal,
             got_status != NULL ? got_status : "no result", got_reason != NULL ? got_reason : "-");
}
