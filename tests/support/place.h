/*
 * A place to test in: one directory of the test's own, with what a sandboxed run needs.
 *
 *   base/          0755, readable inside (--read)
 *   base/root/     the writable root (--write) and working directory
 *   base/outside/  beside it: the same owner and mode, but not to be written
 *   base/home/     HOME
 *   base/state/    the audit database
 *   base/bin/      a copy of the probe, whose path nobody else's process has
 *
 * Made where $SBX_TEST_DIR says, else in the working directory (ctest's, inside the build tree),
 * else
 * in $TMPDIR or /tmp. The two differ: /tmp is private inside, and then base is only there by
 * --read.
 */
#ifndef SBX_TESTS_SUPPORT_PLACE_H
#define SBX_TESTS_SUPPORT_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SBX_TEST_PATH_BYTES = 512 };

typedef struct sbx_test_place {
    char base[SBX_TEST_PATH_BYTES];
    char root[SBX_TEST_PATH_BYTES];
    char outside[SBX_TEST_PATH_BYTES];
    char home[SBX_TEST_PATH_BYTES];
    char database[SBX_TEST_PATH_BYTES];
    char probe[SBX_TEST_PATH_BYTES];
} sbx_test_place;

/* Fails the test where it can't. */
void sbx_test_place_make(sbx_test_place *place);
void sbx_test_place_remove(const sbx_test_place *place);

/* dir/name; there until the program ends. */
const char *sbx_test_path(const char *directory, const char *name);

/* A printf; the same. */
const char *sbx_test_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Files. Those that write fail the test where they can't. */
void sbx_test_write(const char *path, const char *text);
void sbx_test_write_deep(const char *path, const char *text); /* with the directories above it */
void sbx_test_mkdir(const char *path);
bool sbx_test_exists(const char *path);                       /* also a dangling symlink */
bool sbx_test_holds(const char *path, const char *text);      /* exactly that */
void sbx_test_copy_program(const char *to, const char *from); /* mode 0755 */
void sbx_test_remove_tree(const char *path);

/* Where sbx and the probe are: $SBX_BIN, $SBX_PROBE, else bin/ at or above this program's
 * directory. */
const char *sbx_test_binary(void);
const char *sbx_test_probe(void);

/* Processes started from this place's probe; and those that name the place at all (sbx
 * included). */
size_t sbx_test_count_probes(const sbx_test_place *place);
size_t sbx_test_count_processes(const sbx_test_place *place);

/*
 * Waits until none names the place, at most timeout_ms, which is stretched on a slow machine; fails and describes
 * what is still there.
 */
void sbx_test_expect_no_process(const sbx_test_place *place, unsigned timeout_ms);

/* Ends them: what a failing sandbox let live. They were started by this test, as nobody else
 * names this
 * place. */
void sbx_test_kill_processes(const sbx_test_place *place);

/* Waits until that many probes run (exactly), at most timeout_ms. False: they do not. */
bool sbx_test_wait_probes(const sbx_test_place *place, size_t count, unsigned timeout_ms);

/* The host's pid of one of the probes, 0: none. */
int sbx_test_find_probe(const sbx_test_place *place);

/* What /proc/self/ns/pid says out here: the probe's "inside" wants to be told. */
const char *sbx_test_host_namespace(void);

/*
 * How long something that takes at most that long on a real machine may take here: $SBX_TEST_SLOW times
 * as much (an emulated one). The waiting functions here and in sandbox.h do that by themselves.
 */
uint64_t sbx_test_slow_ms(uint64_t milliseconds);
/* The same as an option's value: a limit that is not to be reached. */
const char *sbx_test_slow_time(unsigned seconds);
/*
 * How many, of at most that many and at least two, may want the same database at once: an emulated machine
 * cannot let each of them have it within the time that sbx waits for it.
 */
int sbx_test_at_once(int most);

uint64_t sbx_test_now_ms(void);
void sbx_test_pause_ms(unsigned milliseconds);

/* The kernel can be asked: this process has CAP_SYS_ADMIN's worth of rights. */
bool sbx_test_is_root(void);

#endif
