/* See fuzz.h. */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

int sbx_fuzz_file(char out_path[40], const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    SBX_FUZZ_MUST(fd >= 0);
    SBX_FUZZ_MUST(size == 0 || write(fd, data, size) == (ssize_t)size);
    SBX_FUZZ_MUST(lseek(fd, 0, SEEK_SET) == 0);
    snprintf(out_path, 40, "/proc/self/fd/%d", fd);
    return fd;
}
