/* A policy as data: words, lists, beginning and end. */
#include "harness/policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "harness/policy/parts.h"

static const char *const network_words[] = {
    [SBX_NETWORK_NONE] = "none",
    [SBX_NETWORK_LOOPBACK] = "loopback",
    [SBX_NETWORK_FULL] = "full",
    [SBX_NETWORK_ADVISORY] = "advisory",
};

static const char *const identity_words[] = {
    [SBX_IDENTITY_AUTO] = "auto",
    [SBX_IDENTITY_SELF] = "self",
    [SBX_IDENTITY_SANDBOX] = "sandbox",
};

const char *sbx_network_word(sbx_network network)
{
    return (size_t)network < SBX_COUNT_OF(network_words) ? network_words[network] : "unknown";
}

const char *sbx_identity_word(sbx_identity identity)
{
    return (size_t)identity < SBX_COUNT_OF(identity_words) ? identity_words[identity] : "unknown";
}

/* The index of word, or count. */
static size_t find_word(const char *const *words, size_t count, const char *word)
{
    size_t i = 0;

    while (i < count && strcmp(words[i], word) != 0)
        i++;
    return i;
}

sbx_status sbx_network_parse(sbx_network *out, const char *word, sbx_error *err)
{
    size_t found = find_word(network_words, SBX_COUNT_OF(network_words), word);

    if (found == SBX_COUNT_OF(network_words))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_POLICY,
                              "\"%s\" is no network (none, loopback, full or advisory)", word);
    *out = (sbx_network)found;
    return SBX_OK;
}

sbx_status sbx_identity_parse(sbx_identity *out, const char *word, sbx_error *err)
{
    size_t found = find_word(identity_words, SBX_COUNT_OF(identity_words), word);

    if (found == SBX_COUNT_OF(identity_words))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_POLICY,
                              "\"%s\" is no identity (auto, self or sandbox)", word);
    *out = (sbx_identity)found;
    return SBX_OK;
}

sbx_status sbx_strings_add(sbx_strings *list, const char *text, sbx_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        char **item = realloc(list->item, room * sizeof(*item));

        if (item == NULL)
            return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_POLICY, "no memory for a list");
        list->item = item;
        list->room = room;
    }
    list->item[list->count] = strdup(text);
    if (list->item[list->count] == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_POLICY, "no memory for a list");
    list->count++;
    return SBX_OK;
}

void sbx_strings_cut(sbx_strings *list, size_t count)
{
    while (list->count > count)
        free(list->item[--list->count]);
}

void sbx_strings_remove(sbx_strings *list, size_t index)
{
    free(list->item[index]);
    list->count--;
    memmove(&list->item[index], &list->item[index + 1],
            (list->count - index) * sizeof(*list->item));
}

void sbx_strings_done(sbx_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
    *list = (sbx_strings){0};
}

void sbx_policy_init(sbx_policy *policy)
{
    *policy = (sbx_policy){.network = SBX_NETWORK_NONE, .identity = SBX_IDENTITY_AUTO};
    sbx_limits_init(&policy->limits);
}

void sbx_policy_done(sbx_policy *policy)
{
    sbx_strings *const lists[] = {&policy->read,       &policy->write,   &policy->deny_read,
                                  &policy->deny_write, &policy->protect, &policy->env_keep,
                                  &policy->env_deny,   &policy->env_set};

    for (size_t i = 0; i < SBX_COUNT_OF(lists); i++)
        sbx_strings_done(lists[i]);
}

void sbx_policy_set_name(sbx_policy *policy, const char *name)
{
    size_t bytes = strlen(name);

    if (bytes >= sizeof(policy->name)) {
        bytes = sizeof(policy->name) - 1;
        while (bytes > 0 && ((unsigned char)name[bytes] & 0xC0) == 0x80)
            bytes--; /* whole characters only: it goes into JSON */
    }
    memcpy(policy->name, name, bytes);
    policy->name[bytes] = '\0';
}

bool sbx_policy_name_is_file(const char *name)
{
    size_t bytes = strlen(name);

    return strchr(name, '/') != NULL || (bytes >= 5 && strcmp(name + bytes - 5, ".json") == 0);
}

sbx_status sbx_policy_load(sbx_policy *policy, const char *name_or_path, sbx_error *err)
{
    if (sbx_policy_name_is_file(name_or_path))
        return sbx_policy_read_file(policy, name_or_path, err);
    return sbx_policy_builtin(policy, name_or_path, err);
}
