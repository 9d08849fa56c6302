/*
 * What the kernel writes about groups, mounts and processes: values, keyed files, /proc/self/cgroup, mountinfo, stat.
 * A container's root may have put its own files there.
 */
#include <fcntl.h>
#include <unistd.h>

#include "limits/limits.h"
#include "limits/linux/cgroup_files.h"
#include "limits/linux/cgroup_place.h"
#include "limits/linux/procfs.h"
#include "tests/fuzz/fuzz.h"

static void read_values(const char *path)
{
    uint64_t value = 0;
    char small[16];

    (void)sbx_cgroup_read_number(&value, AT_FDCWD, path);
    (void)sbx_cgroup_read_key(&value, AT_FDCWD, path, "oom_kill");
    (void)sbx_cgroup_read_key(&value, AT_FDCWD, path, "");
    SBX_FUZZ_MUST(sbx_cgroup_read_text(AT_FDCWD, path, small, sizeof(small)) <
                  (ssize_t)sizeof(small));
    SBX_FUZZ_MUST(memchr(small, '\0', sizeof(small)) != NULL);
}

static void read_place(const char *path)
{
    sbx_cgroup_calls usual = sbx_cgroup_os;
    sbx_cgroup_place *place = malloc(sizeof(*place));

    SBX_FUZZ_MUST(place != NULL);
    sbx_cgroup_os.own_groups = path;
    if (sbx_cgroup_place_read(place) == 0)
        for (int i = 0; i < SBX_CGROUP_CONTROLLER_COUNT; i++)
            if (place->lines[i].hierarchy >= 0) {
                SBX_FUZZ_MUST(place->lines[i].path[0] == '/');
                SBX_FUZZ_MUST(strncmp(place->lines[i].path, "/..", 3) != 0);
            }
    sbx_cgroup_os = usual;
    free(place);
}

static void find_mount(const uint8_t *data, size_t size, const char *controllers)
{
    char *text = sbx_fuzz_text(data, size);
    char out[128];

    if (sbx_mountinfo_find(out, sizeof(out), text, controllers, "/own/group"))
        SBX_FUZZ_MUST(strlen(out) < sizeof(out));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = sbx_fuzz_text(data, size);
    const char *end = NULL;
    sbx_process process = {0};
    uint64_t number = 0;
    char path[40];
    int fd = sbx_fuzz_file(path, data, size);

    read_values(path);
    read_place(path);
    close(fd);
    find_mount(data, size, "");
    find_mount(data, size, "cpu,cpuacct");
    if (sbx_cgroup_parse_number(&number, text, &end))
        SBX_FUZZ_MUST(end > text && end <= text + strlen(text));
    (void)sbx_process_parse(&process, text);
    (void)sbx_cgroup_list_has(text, "cpu", 3);
    free(text);
    return 0;
}
