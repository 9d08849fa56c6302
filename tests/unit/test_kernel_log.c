/*
 * Denials that Windows itself tells (audit/sources/windows/kernel_event.h, kernel_log.h): events as Microsoft's pages have
 * them, and what is cut, hostile or somebody else's.
 */
#include "tests/support/test.h"

#include "audit/sources/windows/kernel_log.h"
#include "harness/base/compiler.h"

#define USER "S-1-5-21-3457937927-2839227994-823803824-1104"

/* 2015-09-22T00:13:46.197474700Z of the page's example, in 100 ns since 1601. */
#define TIME_100NS UINT64_C(130873544261974747)
#define TIME_US UINT64_C(1442880826197474)

static const sbx_nt_drives drives = {.device = {[2] = "\\Device\\HarddiskVolume3"}};

/* The bytes of USER. */
static const uint8_t user_sid[] = {1,    5,    0,    0,    0,    0,    0,    5,    21,   0,
                                   0,    0,    0x07, 0xf2, 0x1b, 0xce, 0x5a, 0x2e, 0x3b, 0xa9,
                                   0xb0, 0x3f, 0x1a, 0x31, 0x50, 0x04, 0,    0};

enum { UNITS_MAX = 300 };

typedef struct text {
    uint16_t units[UNITS_MAX];
    size_t count;
} text;

static text name, program, type, mask_text, pid_text;
static sbx_event_value event[SBX_SECURITY_FIELD_COUNT];

static void set_text(sbx_security_field field, text *room, const char *value)
{
    room->count = strlen(value);
    assert_true(room->count <= UNITS_MAX);
    for (size_t i = 0; i < room->count; i++)
        room->units[i] = (uint16_t)(unsigned char)value[i];
    event[field] =
        (sbx_event_value){.kind = SBX_VALUE_TEXT, .text = room->units, .units = room->count};
}

static void set_number(sbx_security_field field, uint64_t value)
{
    event[field] = (sbx_event_value){.kind = SBX_VALUE_NUMBER, .number = value};
}

/*
 * The example of learn.microsoft.com/windows/security/threat-protection/auditing/event-4656: a failure, notepad.exe, "HBI
 * Data.txt", the mask 0x12019F, the process 0x1074.
 */
static int begin(void **state)
{
    (void)state;
    set_number(SBX_SECURITY_ID, 4656);
    set_number(SBX_SECURITY_KEYWORDS, UINT64_C(0x8010000000000000));
    set_number(SBX_SECURITY_TIME, TIME_100NS);
    event[SBX_SECURITY_USER] =
        (sbx_event_value){.kind = SBX_VALUE_SID, .sid = user_sid, .sid_bytes = sizeof(user_sid)};
    set_text(SBX_SECURITY_TYPE, &type, "File");
    set_text(SBX_SECURITY_NAME, &name, "C:\\Documents\\HBI Data.txt");
    set_number(SBX_SECURITY_MASK, 0x12019f);
    set_number(SBX_SECURITY_PID, 0x1074);
    set_text(SBX_SECURITY_PROGRAM, &program, "C:\\Windows\\System32\\notepad.exe");
    return 0;
}

static sbx_event_verdict verdict_of_event(void)
{
    sbx_kernel_denial found;
    sbx_event_verdict verdict = sbx_security_event_read(&found, event, USER, &drives);

    sbx_kernel_denial_done(&found);
    return verdict;
}

static void the_documented_event(void **state)
{
    sbx_kernel_denial found;

    (void)state;
    assert_int_equal(sbx_security_event_read(&found, event, USER, &drives), SBX_EVENT_OURS);
    assert_int_equal(found.kind, SBX_DENIAL_FILE);
    assert_string_equal(found.op, "write");
    assert_int_equal(found.pid, 0x1074);
    assert_int_equal(found.time_us, TIME_US);
    assert_string_equal(found.target.data, "C:/Documents/HBI Data.txt");
    assert_string_equal(found.program.data, "C:/Windows/System32/notepad.exe");
    sbx_kernel_denial_done(&found);
}

/* Some versions give what the page prints: texts. */
static void numbers_as_texts(void **state)
{
    static const char *const bad[] = {"", "0x", "-1", "0x12019g", "12a", "0x100000000", " 1"};
    sbx_kernel_denial found;

    (void)state;
    set_text(SBX_SECURITY_MASK, &mask_text, "0x12019F");
    set_text(SBX_SECURITY_PID, &pid_text, "4212");
    assert_int_equal(sbx_security_event_read(&found, event, USER, &drives), SBX_EVENT_OURS);
    assert_int_equal(found.pid, 4212);
    sbx_kernel_denial_done(&found);
    for (size_t i = 0; i < SBX_COUNT_OF(bad); i++) {
        set_text(SBX_SECURITY_MASK, &mask_text, bad[i]);
        assert_int_equal(verdict_of_event(), SBX_EVENT_BROKEN);
    }
}

static void what_was_asked_for(void **state)
{
    static const struct {
        const char *type;
        uint32_t mask;
        const char *op;
        sbx_denial_class kind;
    } known[] = {
        {"File", 0x1, "read", SBX_DENIAL_FILE},
        {"File", 0x120089, "read", SBX_DENIAL_FILE},  /* FILE_GENERIC_READ */
        {"File", 0x120116, "write", SBX_DENIAL_FILE}, /* FILE_GENERIC_WRITE */
        {"File", 0x2, "write", SBX_DENIAL_FILE},
        {"File", 0x4, "write", SBX_DENIAL_FILE},
        {"File", 0x100, "write", SBX_DENIAL_FILE},
        {"File", 0x40000, "write", SBX_DENIAL_FILE}, /* its list */
        {"File", 0x10000, "remove", SBX_DENIAL_FILE},
        {"File", 0x110080, "remove", SBX_DENIAL_FILE}, /* as DeleteFile() asks */
        {"File", 0x40, "remove", SBX_DENIAL_FILE},
        {"File", 0x1200a0, "execute", SBX_DENIAL_FILE}, /* FILE_GENERIC_EXECUTE */
        {"File", 0x21, "read", SBX_DENIAL_FILE},
        {"Key", 0x2, "key write", SBX_DENIAL_FILE},
        {"Key", 0xf003f, "key write", SBX_DENIAL_FILE}, /* KEY_ALL_ACCESS */
        {"Key", 0x4, "key create", SBX_DENIAL_FILE},
        {"Key", 0x20019, "key read", SBX_DENIAL_FILE}, /* KEY_READ */
        {"Process", 0x1, "open", SBX_DENIAL_PROCESS},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(known); i++) {
        sbx_kernel_denial found;

        set_text(SBX_SECURITY_TYPE, &type, known[i].type);
        set_number(SBX_SECURITY_MASK, known[i].mask);
        assert_int_equal(sbx_security_event_read(&found, event, USER, &drives), SBX_EVENT_OURS);
        if (strcmp(found.op, known[i].op) != 0)
            fail_msg("%s 0x%x is %s", known[i].type, (unsigned)known[i].mask, found.op);
        assert_int_equal(found.kind, known[i].kind);
        sbx_kernel_denial_done(&found);
    }
}

static void names_of_the_kernel(void **state)
{
    static const char key[] = "\\REGISTRY\\MACHINE\\SOFTWARE\\x";
    sbx_kernel_denial found;

    (void)state;
    set_text(SBX_SECURITY_NAME, &name, "\\Device\\HarddiskVolume3\\docs\\x");
    assert_int_equal(sbx_security_event_read(&found, event, USER, &drives), SBX_EVENT_OURS);
    assert_string_equal(found.target.data, "C:/docs/x");
    sbx_kernel_denial_done(&found);
    set_text(SBX_SECURITY_TYPE, &type, "Key");
    set_text(SBX_SECURITY_NAME, &name, key);
    assert_int_equal(sbx_security_event_read(&found, event, USER, &drives), SBX_EVENT_OURS);
    assert_string_equal(found.target.data, key);
    sbx_kernel_denial_done(&found);
    set_text(SBX_SECURITY_TYPE, &type, "Process");
    set_text(SBX_SECURITY_NAME, &name, "\\Device\\HarddiskVolume3\\Windows\\System32\\lsass.exe");
    assert_int_equal(sbx_security_event_read(&found, event, USER, &drives), SBX_EVENT_OURS);
    assert_string_equal(found.target.data, "process C:/Windows/System32/lsass.exe");
    sbx_kernel_denial_done(&found);
}

/* A name is a name, whatever is in it; half a surrogate pair has the form that names of files have elsewhere. */
static void hostile_names(void **state)
{
    static const char xml[] = "C:\\x</Data><Data Name='ProcessId'>0x4</Data>";
    sbx_kernel_denial found;

    (void)state;
    set_text(SBX_SECURITY_NAME, &name, xml);
    assert_int_equal(sbx_security_event_read(&found, event, USER, &drives), SBX_EVENT_OURS);
    assert_string_equal(found.target.data, "C:/x</Data><Data Name='ProcessId'>0x4</Data>");
    assert_int_equal(found.pid, 0x1074);
    sbx_kernel_denial_done(&found);
    name.units[3] = 0xd800;
    name.units[4] = 0;
    name.units[5] = 0x202e;
    assert_int_equal(sbx_security_event_read(&found, event, USER, &drives), SBX_EVENT_OURS);
    assert_int_equal(found.target.bytes,
                     strlen(xml) + 2 + 2); /* three bytes for two of the units */
    sbx_kernel_denial_done(&found);
}

static void somebody_elses(void **state)
{
    uint8_t other[sizeof(user_sid)];

    (void)state;
    memcpy(other, user_sid, sizeof(other));
    other[sizeof(other) - 4]++;
    event[SBX_SECURITY_USER].sid = other;
    assert_int_equal(verdict_of_event(), SBX_EVENT_FOREIGN);
    event[SBX_SECURITY_USER].sid = user_sid;
    for (size_t bytes = 0; bytes < sizeof(user_sid);
         bytes++) { /* and one that is cut is nobody's */
        event[SBX_SECURITY_USER].sid_bytes = bytes;
        assert_int_equal(verdict_of_event(), SBX_EVENT_FOREIGN);
    }
    event[SBX_SECURITY_USER] = (sbx_event_value){.kind = SBX_VALUE_NONE};
    assert_int_equal(verdict_of_event(), SBX_EVENT_FOREIGN);
    (void)begin(NULL);
    set_number(SBX_SECURITY_KEYWORDS, UINT64_C(0x8020000000000000)); /* a success */
    assert_int_equal(verdict_of_event(), SBX_EVENT_FOREIGN);
    (void)begin(NULL);
    set_number(SBX_SECURITY_ID, 4663);
    assert_int_equal(verdict_of_event(), SBX_EVENT_FOREIGN);
    (void)begin(NULL);
    set_text(SBX_SECURITY_TYPE, &type, "Section");
    assert_int_equal(verdict_of_event(), SBX_EVENT_FOREIGN);
    (void)begin(NULL);
    assert_int_equal(verdict_of_event(), SBX_EVENT_OURS);
}

/* Each field that a row needs, missing, of another kind, or out of its bounds. */
static void what_cannot_be_read_is_broken(void **state)
{
    static const sbx_security_field needed[] = {SBX_SECURITY_ID,   SBX_SECURITY_KEYWORDS,
                                                SBX_SECURITY_TIME, SBX_SECURITY_NAME,
                                                SBX_SECURITY_MASK, SBX_SECURITY_PID};

    for (size_t i = 0; i < SBX_COUNT_OF(needed); i++) {
        (void)begin(state);
        event[needed[i]] = (sbx_event_value){.kind = SBX_VALUE_NONE};
        assert_int_equal(verdict_of_event(), SBX_EVENT_BROKEN);
        event[needed[i]] = (sbx_event_value){
            .kind = SBX_VALUE_SID, .sid = user_sid, .sid_bytes = sizeof(user_sid), .number = 4656};
        assert_int_equal(verdict_of_event(), SBX_EVENT_BROKEN);
    }
    (void)begin(state);
    event[SBX_SECURITY_NAME].units = 0;
    assert_int_equal(verdict_of_event(), SBX_EVENT_BROKEN);
    (void)begin(state);
    set_number(SBX_SECURITY_PID, 0);
    assert_int_equal(verdict_of_event(), SBX_EVENT_BROKEN);
    set_number(SBX_SECURITY_PID, UINT64_C(0x80000000));
    assert_int_equal(verdict_of_event(), SBX_EVENT_BROKEN);
    (void)begin(state);
    set_number(SBX_SECURITY_TIME, 5); /* before 1970 */
    assert_int_equal(verdict_of_event(), SBX_EVENT_BROKEN);
    set_number(SBX_SECURITY_TIME, UINT64_MAX);
    assert_int_equal(verdict_of_event(), SBX_EVENT_BROKEN);
    (void)begin(state);
    event[SBX_SECURITY_PROGRAM] = (sbx_event_value){.kind = SBX_VALUE_NONE}; /* that one may be */
    assert_int_equal(verdict_of_event(), SBX_EVENT_OURS);
}

static void sids(void **state)
{
    uint8_t wide[8 + 16 * 4] = {1, 15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    char out[SBX_EVENT_SID_TEXT_BYTES];

    (void)state;
    assert_true(sbx_event_sid_print(out, user_sid, sizeof(user_sid)));
    assert_string_equal(out, USER);
    memset(wide + 8, 0xff, sizeof(wide) - 8);
    assert_true(sbx_event_sid_print(out, wide, sizeof(wide))); /* the longest that there is */
    assert_int_equal(strlen(out), strlen("S-1-0xFFFFFFFFFFFF") + 15 * strlen("-4294967295"));
    wide[1] = 16;
    assert_false(sbx_event_sid_print(out, wide, sizeof(wide)));
    assert_string_equal(out, "");
    wide[1] = 15;
    wide[0] = 2;
    assert_false(sbx_event_sid_print(out, wide, sizeof(wide)));
}

static void the_query_is_for_failures_of_that_user(void **state)
{
    sbx_text out = {0};

    (void)state;
    sbx_security_query_add(&out, USER);
    assert_string_equal(out.data, "*[System[EventID=4656 and band(Keywords,4503599627370496)] and "
                                  "EventData[Data[@Name='SubjectUserSid']='" USER "']]");
    sbx_text_done(&out);
}

/* --- the filtering platform --- */

static const char app[] = "\\device\\harddiskvolume3\\windows\\system32\\curl.exe";

/* Fields as on the pages of FWPM_NET_EVENT_HEADER1 and FWPM_NET_EVENT_CLASSIFY_DROP1. */
static sbx_net_drop drop_of(sbx_net_layer layer)
{
    sbx_net_drop drop = {.time = TIME_100NS,
                         .flags = SBX_NET_HAS_PROTOCOL | SBX_NET_HAS_LOCAL_ADDRESS |
                                  SBX_NET_HAS_REMOTE_ADDRESS | SBX_NET_HAS_LOCAL_PORT |
                                  SBX_NET_HAS_REMOTE_PORT | SBX_NET_HAS_PROGRAM | SBX_NET_HAS_USER |
                                  SBX_NET_HAS_VERSION,
                         .layer = layer,
                         .protocol = 6,
                         .local = {10, 0, 0, 1},
                         .remote = {192, 0, 2, 1},
                         .local_port = 50001,
                         .remote_port = 80,
                         .user_bytes = sizeof(user_sid),
                         .program_units = sizeof(app)}; /* with its end */

    memcpy(drop.user, user_sid, sizeof(user_sid));
    for (size_t i = 0; i < sizeof(app); i++)
        drop.program[i] = (uint16_t)(unsigned char)app[i];
    return drop;
}

static void expect_drop(const sbx_net_drop *drop, const char *op, const char *target)
{
    sbx_kernel_denial found;

    assert_int_equal(sbx_net_drop_read(&found, drop, USER, &drives), SBX_EVENT_OURS);
    assert_int_equal(found.kind, SBX_DENIAL_NETWORK);
    assert_string_equal(found.op, op);
    assert_string_equal(found.target.data, target);
    assert_string_equal(found.program.data, "C:/windows/system32/curl.exe");
    assert_int_equal(found.time_us, TIME_US);
    assert_int_equal(found.pid, 0);
    sbx_kernel_denial_done(&found);
}

static void drops(void **state)
{
    sbx_net_drop drop = drop_of(SBX_NET_CONNECT);

    (void)state;
    expect_drop(&drop, "connect", "tcp 192.0.2.1:80");
    drop.layer = SBX_NET_ACCEPT;
    expect_drop(&drop, "accept", "tcp 192.0.2.1:80");
    drop.layer = SBX_NET_LISTEN;
    expect_drop(&drop, "listen", "tcp 10.0.0.1:50001");
    drop.layer = SBX_NET_BIND;
    drop.protocol = 17;
    expect_drop(&drop, "bind", "udp 10.0.0.1:50001");
    drop.layer = SBX_NET_OTHER;
    drop.protocol = 1;
    expect_drop(&drop, "access", "icmp 192.0.2.1");
    drop.protocol = 47;
    expect_drop(&drop, "access", "ip 192.0.2.1:80");
    drop.flags &= ~(uint32_t)SBX_NET_HAS_REMOTE_PORT;
    expect_drop(&drop, "access", "ip 192.0.2.1");
    drop.flags &= ~(uint32_t)SBX_NET_HAS_REMOTE_ADDRESS;
    expect_drop(&drop, "access", "ip");
}

/* RFC 5952. */
static void addresses_of_version_6(void **state)
{
    static const struct {
        uint8_t address[16];
        const char *text;
    } known[] = {
        {{0}, "udp [::]:53"},
        {{[15] = 1}, "udp [::1]:53"},
        {{0x20, 1, 0x0d, 0xb8, [15] = 1}, "udp [2001:db8::1]:53"},
        {{0xfe, 0x80}, "udp [fe80::]:53"},
        {{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1},
         "udp [2001:db8:0:1:1:1:1:1]:53"},
        {{0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, "udp [2001:0:0:1::1]:53"},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff},
         "udp [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:53"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(known); i++) {
        sbx_net_drop drop = drop_of(SBX_NET_CONNECT);

        drop.is_v6 = true;
        drop.protocol = 17;
        drop.remote_port = 53;
        memcpy(drop.remote, known[i].address, sizeof(drop.remote));
        expect_drop(&drop, "connect", known[i].text);
    }
}

static sbx_event_verdict verdict_of_drop(const sbx_net_drop *drop)
{
    sbx_kernel_denial found;
    sbx_event_verdict verdict = sbx_net_drop_read(&found, drop, USER, &drives);

    sbx_kernel_denial_done(&found);
    return verdict;
}

static void drops_that_are_none(void **state)
{
    sbx_net_drop drop = drop_of(SBX_NET_CONNECT);

    (void)state;
    drop.user[12]++;
    assert_int_equal(verdict_of_drop(&drop), SBX_EVENT_FOREIGN);
    drop = drop_of(SBX_NET_CONNECT);
    drop.user_bytes = SBX_EVENT_SID_BYTES + 1;
    assert_int_equal(verdict_of_drop(&drop), SBX_EVENT_FOREIGN);
    drop = drop_of(SBX_NET_CONNECT);
    drop.flags &= ~(uint32_t)SBX_NET_HAS_USER;
    assert_int_equal(verdict_of_drop(&drop), SBX_EVENT_FOREIGN);
    drop = drop_of(SBX_NET_CONNECT);
    drop.flags &= ~(uint32_t)SBX_NET_HAS_PROGRAM;
    assert_int_equal(verdict_of_drop(&drop), SBX_EVENT_BROKEN);
    drop = drop_of(SBX_NET_CONNECT);
    drop.program_units = SBX_NET_PROGRAM_UNITS + 1;
    assert_int_equal(verdict_of_drop(&drop), SBX_EVENT_BROKEN);
    drop = drop_of(SBX_NET_CONNECT);
    drop.program[0] = 0;
    drop.program_units = 1;
    assert_int_equal(verdict_of_drop(&drop), SBX_EVENT_BROKEN);
    drop = drop_of((sbx_net_layer)99);
    assert_int_equal(verdict_of_drop(&drop), SBX_EVENT_BROKEN);
    drop = drop_of(SBX_NET_CONNECT);
    drop.time = 0;
    assert_int_equal(verdict_of_drop(&drop), SBX_EVENT_BROKEN);
}

/* --- whose they are --- */

static struct {
    uint32_t pid;         /* of the run */
    const char *program;  /* of the run */
    uint32_t program_pid; /* 0: more than one */
} run;

static bool is_ours(void *context, uint32_t pid)
{
    assert_ptr_equal(context, &run);
    return pid == run.pid;
}

static bool has_program(void *context, const char *wanted, uint32_t *out_pid)
{
    assert_ptr_equal(context, &run);
    *out_pid = run.program_pid;
    return strcmp(wanted, run.program) == 0;
}

static const char *rule_of(void *context, const char *op, const char *target, bool is_network)
{
    (void)op;
    assert_ptr_equal(context, &run);
    return is_network ? "network none" : strncmp(target, "C:/", 3) == 0 ? "no writable root" : NULL;
}

static sbx_kernel_log log_of(sbx_denials *denials)
{
    run.pid = 0x1074;
    run.program = "C:/windows/system32/curl.exe";
    run.program_pid = 77;
    return (sbx_kernel_log){.user = USER,
                            .drives = &drives,
                            .denials = denials,
                            .context = &run,
                            .is_ours = is_ours,
                            .has_program = has_program,
                            .rule_of = rule_of};
}

static void rows_of_the_runs_own_processes(void **state)
{
    sbx_denials *denials = sbx_denials_create();
    sbx_kernel_log log = log_of(denials);
    const sbx_denial *row;

    (void)state;
    sbx_kernel_log_security(&log, event);
    sbx_kernel_log_security(&log, event);
    set_number(SBX_SECURITY_PID, 4); /* of our user, and another run's */
    sbx_kernel_log_security(&log, event);
    event[SBX_SECURITY_NAME].units = 0;
    sbx_kernel_log_security(&log, event);
    assert_int_equal(log.taken, 2);
    assert_int_equal(log.foreign, 1);
    assert_int_equal(log.lost, 1);
    assert_int_equal(sbx_denials_count(denials), 1);
    row = sbx_denials_get(denials, 0);
    assert_int_equal(row->count, 2);
    assert_int_equal(row->pid, 0x1074);
    assert_int_equal(row->error, 5);
    assert_int_equal(row->source, SBX_SOURCE_SECURITY_LOG);
    assert_int_equal(row->confidence, SBX_CONFIDENCE_KERNEL);
    assert_int_equal(row->first_us, TIME_US);
    assert_string_equal(row->target, "C:/Documents/HBI Data.txt");
    assert_string_equal(row->exe, "C:/Windows/System32/notepad.exe");
    assert_string_equal(row->rule, "no writable root");
    sbx_denials_free(denials);
}

static void rows_of_the_runs_own_programs(void **state)
{
    sbx_denials *denials = sbx_denials_create();
    sbx_kernel_log log = log_of(denials);
    sbx_net_drop drop = drop_of(SBX_NET_CONNECT);
    const sbx_denial *row;

    (void)state;
    sbx_kernel_log_drop(&log, &drop);
    row = sbx_denials_get(denials, 0);
    assert_non_null(row);
    assert_int_equal(row->source, SBX_SOURCE_WFP);
    assert_int_equal(row->confidence, SBX_CONFIDENCE_KERNEL);
    assert_int_equal(row->pid, 77);
    assert_string_equal(row->op, "connect");
    assert_string_equal(row->target, "tcp 192.0.2.1:80");
    assert_string_equal(row->rule, "network none");
    run.program = "C:/windows/system32/ping.exe";
    sbx_kernel_log_drop(&log, &drop);
    drop.flags = SBX_NET_HAS_USER;
    sbx_kernel_log_drop(&log, &drop);
    assert_int_equal(log.taken, 1);
    assert_int_equal(log.foreign, 1);
    assert_int_equal(log.lost, 1);
    sbx_denials_free(denials);
}

/* As the watch and Landlock on Linux: each source has its own row, and says its own. */
static void what_the_trace_saw_too_is_a_row_of_each(void **state)
{
    sbx_denials *denials = sbx_denials_create();
    sbx_kernel_log log = log_of(denials);
    sbx_denial seen = {.kind = SBX_DENIAL_FILE,
                       .op = "write",
                       .target = "C:/Documents/HBI Data.txt",
                       .target_bytes = 25,
                       .pid = 0x1074,
                       .exe = "C:/Windows/System32/notepad.exe",
                       .source = SBX_SOURCE_NTDLL,
                       .confidence = SBX_CONFIDENCE_OBSERVED,
                       .count = 1};

    (void)state;
    sbx_denials_add(denials, &seen);
    sbx_kernel_log_security(&log, event);
    assert_int_equal(sbx_denials_count(denials), 2);
    assert_int_equal(sbx_denials_get(denials, 0)->confidence, SBX_CONFIDENCE_OBSERVED);
    assert_int_equal(sbx_denials_get(denials, 1)->confidence, SBX_CONFIDENCE_KERNEL);
    sbx_denials_free(denials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_documented_event, begin),
        cmocka_unit_test_setup(numbers_as_texts, begin),
        cmocka_unit_test_setup(what_was_asked_for, begin),
        cmocka_unit_test_setup(names_of_the_kernel, begin),
        cmocka_unit_test_setup(hostile_names, begin),
        cmocka_unit_test_setup(somebody_elses, begin),
        cmocka_unit_test(what_cannot_be_read_is_broken),
        cmocka_unit_test(sids),
        cmocka_unit_test(the_query_is_for_failures_of_that_user),
        cmocka_unit_test(drops),
        cmocka_unit_test(addresses_of_version_6),
        cmocka_unit_test(drops_that_are_none),
        cmocka_unit_test_setup(rows_of_the_runs_own_processes, begin),
        cmocka_unit_test(rows_of_the_runs_own_programs),
        cmocka_unit_test_setup(what_the_trace_saw_too_is_a_row_of_each, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
