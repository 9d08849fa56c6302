/* The built-in policies, as tables. docs/policy.md explains each entry's reason. */
#include <string.h>

#include "harness/base/clock.h"
#include "harness/policy/parts.h"

#define MIB (UINT64_C(1024) * 1024)

/* What most people would not want a stranger's program to read. Read from the caller's home, then of
 * the system; only where it exists. */
static const char *const secrets[] = {
    "~/.ssh",
    "~/.aws",
    "~/.azure",
    "~/.gnupg",
    "~/.kube",
    "~/.docker",
    "~/.netrc",
    "~/.npmrc",
    "~/.pypirc",
    "~/.git-credentials",
    "~/.password-store",
    "~/.vault-token",
    "~/.terraform.d",
    "~/.mozilla",
    "~/.bash_history",
    "~/.zsh_history",
    "~/.python_history",
    "~/.cargo/credentials.toml",
    "~/.config/gcloud",
    "~/.config/gh",
    "~/.config/op",
    "~/.config/sops",
    "~/.config/google-chrome",
    "~/.config/chromium",
    "~/.config/BraveSoftware",
    "~/.local/share/keyrings",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/ssh/ssh_host_*_key",
    NULL,
};

static const char *const protected_names[] = {".git", ".codex", ".agents", NULL};

/* Credentials, and the addresses of agents that would use them. */
static const char *const denied_variables[] = {
    "*TOKEN*",        "*SECRET*",
    "*PASSWORD*",     "*PASSWD*",
    "*_KEY",          "*APIKEY*",
    "*_CREDENTIALS",  "AWS_*",
    "AZURE_*",        "GITHUB_*",
    "SSH_AUTH_SOCK",  "SSH_AGENT_PID",
    "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_HOST",    "XAUTHORITY",
    "DISPLAY",        "WAYLAND_DISPLAY",
    "SBX_AUDIT_DB",   NULL,
};

static const char *const everything[] = {"*", NULL};
static const char *const bare_variables[] = {"PATH", "HOME", "LANG",    "LC_*", "TZ",
                                             "TERM", "USER", "LOGNAME", NULL};
static const char *const here[] = {".", NULL};
static const char *const nothing[] = {NULL};

typedef struct builtin {
    const char *name;
    const char *const *write, *const *protect, *const *env_keep;
    bool has_limits;
} builtin;

static const builtin builtins[] = {
    {"read-only", nothing, protected_names, everything, false},
    {"workspace", here, protected_names, everything, false},
    {"grader", here, nothing, bare_variables, true},
};

const char *const *sbx_policy_secrets(void)
{
    return secrets;
}

static sbx_status add_all(sbx_strings *list, const char *const *items, sbx_error *err)
{
    sbx_status st = SBX_OK;

    for (; st == SBX_OK && *items != NULL; items++)
        st = sbx_strings_add(list, *items, err);
    return st;
}

static void set_grader_limits(sbx_limits *limits)
{
    limits->value[SBX_LIMIT_MEMORY] = 512 * MIB;
    limits->value[SBX_LIMIT_CPU] = 10 * SBX_NS_PER_S;
    limits->value[SBX_LIMIT_WALL] = 10 * SBX_NS_PER_S;
    limits->value[SBX_LIMIT_PROCESSES] = 64;
    limits->value[SBX_LIMIT_FILE_SIZE] = 64 * MIB;
    limits->value[SBX_LIMIT_FILES] = 256;
    limits->value[SBX_LIMIT_OUTPUT] = 16 * MIB;
}

sbx_status sbx_policy_builtin(sbx_policy *policy, const char *name, sbx_error *err)
{
    const builtin *found = NULL;
    sbx_status st;

    for (size_t i = 0; i < SBX_COUNT_OF(builtins); i++)
        if (strcmp(builtins[i].name, name) == 0)
            found = &builtins[i];
    if (found == NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_POLICY,
                              "there is no policy \"%s\" (built in: read-only, workspace, grader; "
                              "a file's name contains a / or ends in .json)",
                              name);
    sbx_policy_set_name(policy, found->name);
    policy->deny_secrets = true;
    if ((st = add_all(&policy->write, found->write, err)) != SBX_OK ||
        (st = add_all(&policy->protect, found->protect, err)) != SBX_OK ||
        (st = add_all(&policy->env_keep, found->env_keep, err)) != SBX_OK)
        return st;
    if (found->has_limits)
        set_grader_limits(&policy->limits);
    return add_all(&policy->env_deny, denied_variables, err);
}
