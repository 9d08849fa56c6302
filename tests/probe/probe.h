/*
 * The probe: one static program with verbs, run once outside the sandbox (the control: it must
 * be able
 * to do the thing) and once inside (it must not).
 *
 *     probe VERB ARGUMENTS…
 *     probe inside NAMESPACE VERB ARGUMENTS…
 *
 * The second form does nothing (BROKEN) unless it is confined: in another pid namespace than
 * NAMESPACE
 * (the host's, "pid:[4026531836]"), or without any rights and behind a filter. Several verbs would
 * take the host down where a broken sandbox lets them run.
 *
 * It answers by its exit code, so that a mistyped path can't pass for a denial, and says the
 * same in
 * words on stdout: "write-file: DENIED EROFS".
 */
#ifndef SBX_TESTS_PROBE_H
#define SBX_TESTS_PROBE_H

enum {
    SBX_PROBE_DID = 0,     /* it worked */
    SBX_PROBE_DENIED = 10, /* somebody said no: the verb's own list of errnos, or SIGSYS */
    SBX_PROBE_ABSENT = 11, /* not there: no such file, no such process, not in this kernel */
    SBX_PROBE_BROKEN = 12, /* wrong usage, or an error that proves nothing */
};

typedef struct sbx_probe_verb {
    const char *name;
    const char *arguments; /* "PATH [BYTES]": a word in brackets may be missing, "[more]" repeats */
    const int *denied;     /* ended by 0; asked before the common list of "absent" */
    int (*run)(char **arguments); /* 0, an errno, or minus the signal a child died of */
} sbx_probe_verb;

/* One table per file, ended by a row without a name. */
extern const sbx_probe_verb sbx_probe_write_verbs[];
extern const sbx_probe_verb sbx_probe_read_verbs[];
extern const sbx_probe_verb sbx_probe_network_verbs[];
extern const sbx_probe_verb sbx_probe_process_verbs[];
extern const sbx_probe_verb sbx_probe_kernel_verbs[];
extern const sbx_probe_verb sbx_probe_identity_verbs[];
extern const sbx_probe_verb sbx_probe_load_verbs[];
extern const sbx_probe_verb sbx_probe_life_verbs[];
extern const sbx_probe_verb sbx_probe_mode_verbs[];
extern const sbx_probe_verb sbx_probe_abuse_verbs[];
extern const sbx_probe_verb sbx_probe_pass_verbs[];
extern const sbx_probe_verb sbx_probe_change_verbs[];
extern const sbx_probe_verb sbx_probe_ipc_verbs[];

/* Errnos that mean "no" for most verbs: EACCES EPERM EROFS ENOSYS. */
extern const int sbx_probe_denied_usual[];

/* A decimal number; anything else ends the program as BROKEN. */
long long sbx_probe_number(const char *text);

/* This process is in another pid namespace than that. */
int sbx_probe_is_elsewhere(const char *pid_namespace);

/* Runs body in a child: 0, its errno, or minus the signal that it died of. */
int sbx_probe_in_child(int (*body)(char **arguments), char **arguments);

/* Sleeps, whatever signal handlers do. */
void sbx_probe_sleep(double seconds);

/* One byte; 0 or an errno. fd below 0: errno is why it could not be opened. */
int sbx_probe_write_and_close(int fd);

/* All of it, or an errno. */
int sbx_probe_write_all(int fd, const void *data, unsigned long bytes);

#endif
