/* See access.h. */
#include "tests/support/access.h"

#include <string.h>

const oracle_mapping oracle_files = {SBX_FILE_READ, SBX_FILE_WRITE, SBX_FILE_EXECUTE, SBX_FILE_ALL};

/* PROCESS_QUERY_INFORMATION | VM_READ; what changes it; SYNCHRONIZE | QUERY_LIMITED | TERMINATE as execute. */
const oracle_mapping oracle_processes = {0x20410, 0x20BEA, 0x121001, SBX_PROCESS_ALL};

static uint32_t map(const oracle_mapping *mapping, uint32_t mask)
{
    uint32_t mapped = mask & UINT32_C(0x0FFFFFFF);

    mapped |= (mask & SBX_GENERIC_READ) != 0 ? mapping->read : 0;
    mapped |= (mask & SBX_GENERIC_WRITE) != 0 ? mapping->write : 0;
    mapped |= (mask & SBX_GENERIC_EXECUTE) != 0 ? mapping->execute : 0;
    mapped |= (mask & SBX_GENERIC_ALL) != 0 ? mapping->all : 0;
    return mapped;
}

/* Who is asking: the token's own SIDs, or those that restrict it. */
typedef struct pass {
    const oracle_token *token;
    bool is_restricted;
} pass;

/* for_deny: an entry that denies also meets the SIDs that are kept for that only. */
static bool has_sid(const pass *in, const char *sid, bool for_deny)
{
    if (in->is_restricted) {
        for (size_t i = 0; i < in->token->restricting_count; i++)
            if (strcmp(in->token->restricting[i], sid) == 0)
                return true;
        return false;
    }
    for (size_t i = 0; i < in->token->sid_count; i++) {
        const oracle_sid *own = &in->token->sids[i];

        if (strcmp(own->sid, sid) == 0)
            return own->is_deny_only ? for_deny : own->is_enabled;
    }
    return false;
}

static bool applies(const pass *in, const oracle_object *object, const sbx_ace *ace)
{
    bool for_deny = ace->kind == SBX_ACE_DENY;

    if ((ace->flags & SBX_ACE_INHERIT_ONLY) != 0)
        return false;
    if (strcmp(ace->sid, SBX_SID_OWNER_RIGHTS) == 0)
        return has_sid(in, object->owner, for_deny);
    return has_sid(in, ace->sid, for_deny);
}

/* The owner may read and change the list, unless an entry says what the owner may. */
static uint32_t owner_rights(const pass *in, const oracle_object *object)
{
    if (!has_sid(in, object->owner, false))
        return 0;
    for (size_t i = 0; i < object->ace_count; i++)
        if (strcmp(object->aces[i].sid, SBX_SID_OWNER_RIGHTS) == 0 &&
            (object->aces[i].flags & SBX_ACE_INHERIT_ONLY) == 0)
            return 0;
    return SBX_RIGHT_READ_CONTROL | SBX_RIGHT_WRITE_DAC;
}

/* What of desired is granted: the first entry that says something about a right decides it. */
static uint32_t walk(const pass *in, const oracle_object *object, const oracle_mapping *mapping,
                     uint32_t desired)
{
    uint32_t granted, decided;

    if (!object->has_list)
        return desired;
    granted = decided = owner_rights(in, object) & desired;
    for (size_t i = 0; i < object->ace_count; i++) {
        const sbx_ace *ace = &object->aces[i];
        uint32_t says;

        if (!applies(in, object, ace))
            continue;
        says = map(mapping, ace->mask) & ~decided;
        decided |= says;
        if (ace->kind == SBX_ACE_ALLOW)
            granted |= says;
    }
    return granted & desired;
}

static uint32_t write_rights(const oracle_token *token, const oracle_mapping *mapping)
{
    uint32_t harmless = mapping->read | mapping->execute;

    return token->reading == ORACLE_WIDE ? ~harmless : mapping->write & ~harmless;
}

bool oracle_grants(const oracle_token *token, const oracle_object *object,
                   const oracle_mapping *mapping, uint32_t desired)
{
    pass own = {token, false}, restricted = {token, true};
    uint32_t wanted = map(mapping, desired), second;

    if (token->has_take_ownership)
        wanted &= ~SBX_RIGHT_WRITE_OWNER;
    if (walk(&own, object, mapping, wanted) != wanted)
        return false;
    if (token->restricting_count == 0)
        return true;
    second = token->is_write_restricted ? wanted & write_rights(token, mapping) : wanted;
    return walk(&restricted, object, mapping, second) == second;
}

/* 0 explicit deny, 1 explicit allow, 2 inherited deny, 3 inherited allow. */
static unsigned rank(const sbx_ace *ace)
{
    return ((ace->flags & SBX_ACE_INHERITED) != 0 ? 2u : 0u) +
           (ace->kind == SBX_ACE_ALLOW ? 1u : 0u);
}

void oracle_add(oracle_object *object, sbx_ace ace)
{
    size_t at = object->ace_count;

    if (object->ace_count == ORACLE_ACES_MAX)
        return;
    object->has_list = true;
    while (at > 0 && rank(&object->aces[at - 1]) > rank(&ace)) {
        object->aces[at] = object->aces[at - 1];
        at--;
    }
    object->aces[at] = ace;
    object->ace_count++;
}

/* As the child has it; false: it does not. */
static bool pass_down(sbx_ace *out, const sbx_ace *ace, bool is_directory)
{
    unsigned both = SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT;
    unsigned mine = is_directory ? SBX_ACE_CONTAINER_INHERIT : SBX_ACE_OBJECT_INHERIT;

    *out = *ace;
    if ((ace->flags & mine) != 0) {
        out->flags = SBX_ACE_INHERITED;
        if (is_directory && (ace->flags & SBX_ACE_NO_PROPAGATE) == 0)
            out->flags |= ace->flags & both;
        return true;
    }
    /* Meant for files: a directory only hands it on. */
    if (is_directory && (ace->flags & SBX_ACE_OBJECT_INHERIT) != 0 &&
        (ace->flags & SBX_ACE_NO_PROPAGATE) == 0) {
        out->flags = SBX_ACE_INHERITED | SBX_ACE_INHERIT_ONLY | SBX_ACE_OBJECT_INHERIT;
        return true;
    }
    return false;
}

void oracle_inherit(oracle_object *child, const oracle_object *parent, bool is_directory,
                    const char *owner, const oracle_object *default_list)
{
    *child = (oracle_object){.owner = owner, .has_list = parent->has_list};
    /* Windows copies in the parent's order: nearer ancestors first. */
    for (size_t i = 0; i < parent->ace_count; i++)
        if (pass_down(&child->aces[child->ace_count], &parent->aces[i], is_directory))
            child->ace_count++;
    if (child->ace_count == 0 && default_list != NULL) {
        *child = *default_list;
        child->owner = owner;
    }
}
