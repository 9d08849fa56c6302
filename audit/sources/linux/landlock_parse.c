/* See landlock_parse.h. */
#include "audit/sources/linux/landlock_parse.h"

#include <linux/audit.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

/* Numbers of calls mean what we think only where the program is of our own architecture. */
#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#define NATIVE_ARCH 0
#endif

typedef struct piece {
    const char *at; /* NULL: there is none */
    size_t bytes;
    bool is_quoted;
} piece;

typedef enum target_form {
    FORM_PATH,
    FORM_UNIX,
    FORM_TCP,
    FORM_UDP,
    FORM_PROCESS,
} target_form;

typedef struct blocker {
    const char *word, *op, *rule;
    sbx_denial_class what;
    target_form form;
} blocker;

static const char no_root[] = "no writable root", no_net[] = "network none", scope[] = "scope";

/* Of several blockers the first here names the attempt: a rename lacks make_reg and refer. */
static const blocker blockers[] = {
    {"fs.refer", "rename", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.make_char", "create", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.make_dir", "create", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.make_reg", "create", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.make_sock", "create", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.make_fifo", "create", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.make_block", "create", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.make_sym", "create", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.remove_dir", "remove", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.remove_file", "remove", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.write_file", "write", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.truncate", "write", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.ioctl_dev", "ioctl", no_root, SBX_DENIAL_FILE, FORM_PATH},
    {"fs.resolve_unix", "connect", scope, SBX_DENIAL_NETWORK, FORM_UNIX},
    {"fs.change_topology", "mount", "landlock", SBX_DENIAL_FILE, FORM_PATH},
    {"fs.execute", "execute", "secret", SBX_DENIAL_FILE, FORM_PATH},
    {"fs.read_file", "read", "secret", SBX_DENIAL_FILE, FORM_PATH},
    {"fs.read_dir", "list", "secret", SBX_DENIAL_FILE, FORM_PATH},
    {"net.connect_tcp", "connect", no_net, SBX_DENIAL_NETWORK, FORM_TCP},
    {"net.bind_tcp", "bind", no_net, SBX_DENIAL_NETWORK, FORM_TCP},
    {"net.connect_send_udp", "send", no_net, SBX_DENIAL_NETWORK, FORM_UDP},
    {"net.bind_udp", "bind", no_net, SBX_DENIAL_NETWORK, FORM_UDP},
    {"scope.abstract_unix_socket", "connect", scope, SBX_DENIAL_NETWORK, FORM_UNIX},
    {"scope.signal", "signal", scope, SBX_DENIAL_PROCESS, FORM_PROCESS},
    {"ptrace", "ptrace", scope, SBX_DENIAL_PROCESS, FORM_PROCESS},
};

/* What later kernels may say. */
static const blocker unknown_file = {"", "access", "landlock", SBX_DENIAL_FILE, FORM_PATH};
static const blocker unknown_net = {"", "access", "landlock", SBX_DENIAL_NETWORK, FORM_TCP};
static const blocker unknown_other = {"", "access", scope, SBX_DENIAL_PROCESS, FORM_PROCESS};

static bool read_number(uint64_t *out, piece from, unsigned base)
{
    uint64_t value = 0;

    if (from.at == NULL || from.bytes == 0)
        return false;
    for (size_t i = 0; i < from.bytes; i++) {
        char c = from.at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : base;

        if (digit >= base || value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

static bool read_pid(int32_t *out, piece from)
{
    uint64_t value;

    if (!read_number(&value, from, 10) || value > INT32_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

/* "exit=-13": a call that failed. Anything else, a success too, leaves 0. */
static int32_t read_error(piece from)
{
    uint64_t value;

    if (from.at == NULL || from.bytes < 2 || from.at[0] != '-')
        return 0;
    from.at++;
    from.bytes--;
    return read_number(&value, from, 10) && value < 4096 ? (int32_t)value : 0;
}

/* The next "key=value" of *rest, which is moved behind it. false: none is left, or it is malformed. */
static bool next_field(piece *out_key, piece *out_value, piece *rest)
{
    const char *end = rest->at + rest->bytes, *at = rest->at, *start;

    while (at < end && *at == ' ')
        at++;
    start = at;
    while (at < end && *at != ' ' && *at != '=')
        at++;
    *out_key = (piece){.at = start, .bytes = (size_t)(at - start)};
    *out_value = (piece){0};
    if (at == start)
        return false;
    if (at < end && *at == '=') {
        at++;
        if (at < end && *at == '"') {
            start = ++at;
            at = memchr(start, '"', (size_t)(end - start));
            if (at == NULL)
                return false;
            *out_value = (piece){.at = start, .bytes = (size_t)(at - start), .is_quoted = true};
            at++;
            if (at < end && *at != ' ')
                return false; /* a quote inside quotes: not the kernel's writing */
        } else {
            start = at;
            while (at < end && *at != ' ')
                at++;
            *out_value = (piece){.at = start, .bytes = (size_t)(at - start)};
        }
    }
    *rest = (piece){.at = at, .bytes = (size_t)(end - at)};
    return true;
}

static piece find_field(piece in, const char *name)
{
    piece key, value;

    while (next_field(&key, &value, &in))
        if (key.bytes == strlen(name) && memcmp(key.at, name, key.bytes) == 0)
            return value;
    return (piece){0};
}

/* Every field is as the kernel writes it, to the end. */
static bool is_well_formed(piece in)
{
    piece key, value;

    while (next_field(&key, &value, &in))
        continue;
    while (in.bytes > 0 && *in.at == ' ') {
        in.at++;
        in.bytes--;
    }
    return in.bytes == 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_hex(piece value)
{
    if (value.bytes == 0 || value.bytes % 2 != 0)
        return false;
    for (size_t i = 0; i < value.bytes; i++)
        if (hex_digit(value.at[i]) < 0)
            return false;
    return true;
}

/* Decodes what a program chose; what is longer than room is cut. */
static size_t decode(char *out, size_t room, piece value)
{
    size_t bytes;

    if (value.at == NULL ||
        (!value.is_quoted && value.bytes == 6 && memcmp(value.at, "(null)", 6) == 0))
        return 0;
    if (value.is_quoted || !is_hex(value)) {
        bytes = value.bytes < room ? value.bytes : room;
        memcpy(out, value.at, bytes);
        return bytes;
    }
    bytes = value.bytes / 2 < room ? value.bytes / 2 : room;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (char)((unsigned)hex_digit(value.at[2 * i]) << 4 |
                        (unsigned)hex_digit(value.at[2 * i + 1]));
    return bytes;
}

static bool has_word(piece list, const char *word)
{
    size_t bytes = strlen(word);

    for (size_t at = 0; at + bytes <= list.bytes; at++)
        if ((at == 0 || list.at[at - 1] == ',') && memcmp(list.at + at, word, bytes) == 0 &&
            (at + bytes == list.bytes || list.at[at + bytes] == ','))
            return true;
    return false;
}

static const blocker *find_blocker(piece list)
{
    for (size_t i = 0; i < SBX_COUNT_OF(blockers); i++)
        if (has_word(list, blockers[i].word))
            return &blockers[i];
    if (list.bytes > 3 && memcmp(list.at, "fs.", 3) == 0)
        return &unknown_file;
    if (list.bytes > 4 && memcmp(list.at, "net.", 4) == 0)
        return &unknown_net;
    return &unknown_other;
}

/* "/etc/passwd"; for an unmount the kernel has a name only. */
static void say_path(sbx_landlock_record *out, piece fields)
{
    piece path = find_field(fields, "path");

    if (path.at == NULL)
        path = find_field(fields, "name");
    out->text_bytes = decode(out->text, sizeof(out->text) - 1, path);
}

/* "unix @abstract", "unix /run/x", "unix". */
static void say_unix(sbx_landlock_record *out, piece fields)
{
    size_t bytes;

    memcpy(out->text, "unix ", 5);
    bytes = decode(out->text + 5, sizeof(out->text) - 6, find_field(fields, "path"));
    if (bytes > 0 && out->text[5] == '\0')
        out->text[5] = '@';
    out->text_bytes = bytes > 0 ? 5 + bytes : 4;
}

/* "tcp 127.0.0.1:9", "tcp [::1]:80", "tcp *:80": the kernel leaves out an address or a port that is zero. */
static void say_address(sbx_landlock_record *out, piece fields, const char *protocol)
{
    piece host = find_field(fields, "daddr"), port = find_field(fields, "dest");
    bool is_v6;
    int bytes;

    if (host.at == NULL && port.at == NULL) {
        host = find_field(fields, "saddr");
        port = find_field(fields, "src");
    }
    if (host.at == NULL || host.bytes > 64)
        host = (piece){.at = "*", .bytes = 1};
    if (port.at == NULL || port.bytes > 5)
        port = (piece){.at = "0", .bytes = 1};
    is_v6 = memchr(host.at, ':', host.bytes) != NULL;
    bytes = snprintf(out->text, sizeof(out->text), "%s %s%.*s%s:%.*s", protocol, is_v6 ? "[" : "",
                     (int)host.bytes, host.at, is_v6 ? "]" : "", (int)port.bytes, port.at);
    out->text_bytes = bytes > 0 ? (size_t)bytes : 0;
}

/* "process 1 systemd". */
static void say_process(sbx_landlock_record *out, piece fields)
{
    int32_t pid;
    int bytes;

    if (!read_pid(&pid, find_field(fields, "opid")))
        return;
    bytes = snprintf(out->text, sizeof(out->text), "process %d ", (int)pid);
    out->text_bytes = (size_t)bytes + decode(out->text + bytes, 64, find_field(fields, "ocomm"));
    if (out->text_bytes == (size_t)bytes)
        out->text_bytes--; /* no name: no space before it */
}

static bool parse_denied(sbx_landlock_record *out, piece fields)
{
    piece list = find_field(fields, "blockers");
    const blocker *first;

    if (list.at == NULL || list.bytes == 0)
        return false;
    first = find_blocker(list);
    out->kind = SBX_LANDLOCK_DENIED;
    out->what = first->what;
    out->op = first->op;
    out->rule = first->rule;
    switch (first->form) {
    case FORM_PATH:
        say_path(out, fields);
        break;
    case FORM_UNIX:
        say_unix(out, fields);
        break;
    case FORM_TCP:
        say_address(out, fields, "tcp");
        break;
    case FORM_UDP:
        say_address(out, fields, "udp");
        break;
    case FORM_PROCESS:
        say_process(out, fields);
        break;
    }
    return true;
}

static bool parse_domain(sbx_landlock_record *out, piece fields)
{
    piece status = find_field(fields, "status");

    if (status.at == NULL)
        return false;
    if (status.bytes == 9 && memcmp(status.at, "allocated", 9) == 0) {
        out->kind = SBX_LANDLOCK_ALLOCATED;
        return read_pid(&out->pid, find_field(fields, "pid"));
    }
    if (status.bytes == 11 && memcmp(status.at, "deallocated", 11) == 0) {
        out->kind = SBX_LANDLOCK_DEALLOCATED;
        return read_number(&out->denials_count, find_field(fields, "denials"), 10);
    }
    return false;
}

static bool parse_call(sbx_landlock_record *out, piece fields)
{
    uint64_t arch, number;

    out->kind = SBX_LANDLOCK_CALL;
    if (!read_pid(&out->pid, find_field(fields, "pid")))
        return false;
    out->error = read_error(find_field(fields, "exit"));
    out->text_bytes = decode(out->text, sizeof(out->text) - 1, find_field(fields, "exe"));
    if (!read_number(&arch, find_field(fields, "arch"), 16) || arch != NATIVE_ARCH ||
        !read_number(&number, find_field(fields, "syscall"), 10))
        return true;
    out->is_rename = number == SYS_renameat2;
    out->is_link = number == SYS_linkat;
#ifdef SYS_renameat
    out->is_rename |= number == SYS_renameat;
#endif
#ifdef SYS_rename
    out->is_rename |= number == SYS_rename;
    out->is_link |= number == SYS_link;
#endif
    return true;
}

/* "audit(1729738800.268:30): ". Moves *text behind it. */
static bool parse_stamp(sbx_landlock_record *out, piece *text)
{
    static const char open[] = "audit(";
    const char *dot, *colon, *close;
    piece number = {.at = text->at + sizeof(open) - 1};
    uint64_t seconds, milliseconds;
    size_t rest;

    if (text->bytes < sizeof(open) || memcmp(text->at, open, sizeof(open) - 1) != 0)
        return false;
    rest = text->bytes - (sizeof(open) - 1);
    close = memchr(number.at, ')', rest);
    if (close == NULL || close + 1 == text->at + text->bytes || close[1] != ':')
        return false;
    dot = memchr(number.at, '.', (size_t)(close - number.at));
    colon = memchr(number.at, ':', (size_t)(close - number.at));
    if (dot == NULL || colon == NULL || colon < dot)
        return false;
    number.bytes = (size_t)(dot - number.at);
    if (!read_number(&seconds, number, 10) || seconds > UINT64_MAX / 2000000 ||
        !read_number(&milliseconds, (piece){.at = dot + 1, .bytes = (size_t)(colon - dot - 1)},
                     10) ||
        milliseconds > 999 ||
        !read_number(&out->serial, (piece){.at = colon + 1, .bytes = (size_t)(close - colon - 1)},
                     10))
        return false;
    out->time_us = seconds * 1000000 + milliseconds * 1000;
    text->bytes -= (size_t)(close + 2 - text->at);
    text->at = close + 2;
    return true;
}

bool sbx_landlock_parse(sbx_landlock_record *out, int type, const char *text, size_t bytes)
{
    piece fields = {.at = text, .bytes = strnlen(text, bytes)};
    bool is_good = false;

    memset(out, 0, offsetof(sbx_landlock_record, text));
    while (fields.bytes > 0 && fields.at[fields.bytes - 1] == '\n')
        fields.bytes--;
    if (type == SBX_AUDIT_END_OF_EVENT) { /* "audit(…): ", and nothing behind */
        out->kind = SBX_LANDLOCK_EVENT_END;
        out->text[0] = '\0';
        return parse_stamp(out, &fields);
    }
    if (!parse_stamp(out, &fields))
        return false;
    if (type == SBX_AUDIT_SYSCALL)
        is_good = parse_call(out, fields);
    else if (type == SBX_AUDIT_LANDLOCK_ACCESS || type == SBX_AUDIT_LANDLOCK_DOMAIN)
        is_good = is_well_formed(fields) &&
                  read_number(&out->domain, find_field(fields, "domain"), 16) && out->domain != 0 &&
                  (type == SBX_AUDIT_LANDLOCK_ACCESS ? parse_denied(out, fields)
                                                     : parse_domain(out, fields));
    out->text[out->text_bytes] = '\0';
    return is_good;
}
