/* Verbs that read: files, directories, other processes' /proc, System V and POSIX shared memory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"

static const int denied_closed[] = {EACCES, EPERM, EBADF, 0};

/* Reads one byte at least; an empty file counts as absent, because nothing was learnt. */
static int read_and_close(int fd)
{
    char byte;
    ssize_t bytes;
    int result;

    if (fd < 0)
        return errno;
    bytes = read(fd, &byte, 1);
    result = bytes < 0 ? errno : bytes == 0 ? ENOENT : 0;
    close(fd);
    return result;
}

static int read_file(char **arguments)
{
    return read_and_close(open(arguments[0], O_RDONLY | O_CLOEXEC));
}

/* Lists it; an empty directory counts as absent. */
static int list_directory(char **arguments)
{
    DIR *directory = opendir(arguments[0]);
    struct dirent *entry;
    int seen = 0;

    if (directory == NULL)
        return errno;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        printf("%s\n", entry->d_name);
        seen = 1;
    }
    closedir(directory);
    return seen ? 0 : ENOENT;
}

static int stat_path(char **arguments)
{
    struct stat info;

    if (lstat(arguments[0], &info) != 0)
        return errno;
    printf("uid=%u gid=%u mode=%o bytes=%lld\n", info.st_uid, info.st_gid, info.st_mode,
           (long long)info.st_size);
    return 0;
}

static int read_proc(char **arguments)
{
    char path[256];

    snprintf(path, sizeof(path), "/proc/%s/%s", arguments[0], arguments[1]);
    return read_and_close(open(path, O_RDONLY | O_CLOEXEC));
}

/* Makes LINK, which points to TARGET, and reads through it. */
static int read_via_symlink(char **arguments)
{
    if (symlink(arguments[1], arguments[0]) != 0)
        return EINVAL;
    return read_and_close(open(arguments[0], O_RDONLY | O_CLOEXEC));
}

/* Makes NEW as a second name of FILE and reads through it. */
static int read_via_link(char **arguments)
{
    if (link(arguments[1], arguments[0]) != 0)
        return errno;
    return read_and_close(open(arguments[0], O_RDONLY | O_CLOEXEC));
}

static int read_descriptor(char **arguments)
{
    char byte;

    return read((int)sbx_probe_number(arguments[0]), &byte, 1) >= 0 ? 0 : errno;
}

static int map_file(char **arguments)
{
    int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
    void *memory;
    int result;

    if (fd < 0)
        return errno;
    memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    result = memory == MAP_FAILED ? errno : 0;
    close(fd);
    return result;
}

/* Attaches a System V segment that is there already, by key. */
static int attach_shared(char **arguments)
{
    int id = shmget((key_t)sbx_probe_number(arguments[0]), 0, 0);
    void *memory;

    if (id < 0)
        return errno;
    memory = shmat(id, NULL, SHM_RDONLY);
    if (memory == (void *)-1)
        return errno;
    shmdt(memory);
    return 0;
}

static int open_shared(char **arguments)
{
    int fd = shm_open(arguments[0], O_RDONLY, 0);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

const sbx_probe_verb sbx_probe_read_verbs[] = {
    {"read-file", "PATH", sbx_probe_denied_usual, read_file},
    {"map-file", "PATH", sbx_probe_denied_usual, map_file},
    {"list-dir", "PATH", sbx_probe_denied_usual, list_directory},
    {"stat", "PATH", sbx_probe_denied_usual, stat_path},
    {"read-proc", "PID FILE", sbx_probe_denied_usual, read_proc},
    {"read-via-symlink", "LINK TARGET", sbx_probe_denied_usual, read_via_symlink},
    {"read-via-link", "NEW FILE", sbx_probe_denied_usual, read_via_link},
    {"read-fd", "NUMBER", denied_closed, read_descriptor},
    {"shm-attach", "KEY", sbx_probe_denied_usual, attach_shared},
    {"shm-open", "NAME", sbx_probe_denied_usual, open_shared},
    {.name = NULL},
};
