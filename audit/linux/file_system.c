/* The magic numbers of statfs(2); see file_system.h. */
#include "audit/linux/file_system.h"

#include <stddef.h>

#include "harness/base/compiler.h"

static const struct {
    unsigned long magic;
    const char *name;
} network_file_systems[] = {
    {0x6969, "NFS"},      {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB2"},   {0x517B, "SMB"},
    {0x01021997, "9P"},   {0x5346414F, "AFS"},  {0x6B414653, "AFS"},    {0x73757245, "Coda"},
    {0x00C36400, "Ceph"}, {0x564C, "NCP"},      {0x0BD00BD0, "Lustre"},
};

const char *sbx_network_file_system(unsigned long magic)
{
    for (size_t i = 0; i < SBX_COUNT_OF(network_file_systems); i++)
        if ((magic & 0xFFFFFFFF) == network_file_systems[i].magic) /* some come sign-extended */
            return network_file_systems[i].name;
    return NULL;
}
