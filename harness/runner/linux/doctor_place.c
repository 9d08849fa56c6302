/*
 * The doctor's own directory and its file in /tmp: made, taken away, and those of a killed doctor taken away by the
 * next one. What is in use is locked by who uses it (flock), and a lock does not outlive its process: unlocked is left
 * behind, whoever has the pid today.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/runner/linux/doctor_parts.h"

static const char place_prefix[] = ".sbx-doctor-"; /* in HOME, or else in /var/tmp */
static const char temp_prefix[] = "sbx-doctor-";   /* in /tmp */

const char *sbx_doctor_path(const sbx_doctor *self, const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % SBX_COUNT_OF(paths)];

    (void)snprintf(path, PATH_MAX, "%s/%s", self->place, name);
    return path;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* The lock, and whose it is; -1: somebody has it, or it is nothing of ours. */
static int lock(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat about;

    if (fd >= 0 && fstat(fd, &about) == 0 && about.st_uid == geteuid() &&
        (S_ISDIR(about.st_mode) || S_ISREG(about.st_mode)) && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Of this user only: what stands in a directory of everybody's may be anybody's. */
static void sweep(const char *directory, const char *prefix)
{
    DIR *opened = opendir(directory);
    struct dirent *entry;
    char path[PATH_MAX];

    while (opened != NULL && (entry = readdir(opened)) != NULL) {
        int bytes = snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name), fd;

        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || bytes < 0 ||
            (size_t)bytes >= sizeof(path) || (fd = lock(path)) < 0)
            continue;
        remove_tree(path);
        close(fd);
    }
    if (opened != NULL)
        closedir(opened);
}

/* Modes are open, whatever the umask: what is refused shall be refused by a wall. */
static bool make_directory(const sbx_doctor *self, const char *name)
{
    return mkdir(sbx_doctor_path(self, name), 0755) == 0 &&
           chmod(sbx_doctor_path(self, name), 0755) == 0;
}

static bool make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool is_made = fd >= 0 && fchmod(fd, 0666) == 0;

    if (fd >= 0)
        close(fd);
    return is_made;
}

static bool make_place_in(sbx_doctor *self, const char *directory)
{
    int bytes = snprintf(self->place, sizeof(self->place), "%s/%sXXXXXX", directory, place_prefix);
    char *real;
    size_t length;

    if (bytes < 0 || (size_t)bytes >= sizeof(self->place) || mkdtemp(self->place) == NULL) {
        self->place[0] = '\0';
        return false;
    }
    self->place_fd = lock(self->place); /* -1: another doctor's sweep was faster */
    real = realpath(self->place, NULL); /* a home may be a symlink; denials name what is real */
    length = real != NULL ? strlen(real) : sizeof(self->place);
    if (length < sizeof(self->place))
        memcpy(self->place, real, length + 1);
    free(real);
    return self->place_fd >= 0 && length < sizeof(self->place) && chmod(self->place, 0755) == 0 &&
           make_directory(self, "root") && make_directory(self, "root/.git") &&
           make_directory(self, "outside") && make_directory(self, "secret") &&
           make_file(sbx_doctor_path(self, "root/.git/config")) &&
           make_file(sbx_doctor_path(self, "outside/file")) &&
           make_file(sbx_doctor_path(self, "secret/key"));
}

static void make_temp_file(sbx_doctor *self)
{
    (void)snprintf(self->temp_file, sizeof(self->temp_file), "/tmp/%sXXXXXX", temp_prefix);
    self->temp_fd = mkostemp(self->temp_file, O_CLOEXEC);
    if (self->temp_fd < 0)
        self->temp_file[0] = '\0';
    else if (flock(self->temp_fd, LOCK_EX | LOCK_NB) != 0 || fchmod(self->temp_fd, 0666) != 0)
        sbx_doctor_remove_place(self);
}

bool sbx_doctor_make_place(sbx_doctor *self)
{
    const char *home = getenv("HOME");
    bool has_home = home != NULL && home[0] == '/';

    self->place_fd = self->temp_fd = -1;
    if (has_home)
        sweep(home, place_prefix);
    sweep("/var/tmp", place_prefix);
    sweep("/tmp", temp_prefix);
    make_temp_file(self);
    if (has_home && make_place_in(self, home))
        return true;
    if (self->place[0] != '\0')
        remove_tree(self->place);
    if (self->place_fd >= 0)
        close(self->place_fd);
    self->place_fd = -1;
    return make_place_in(self, "/var/tmp");
}

void sbx_doctor_remove_place(sbx_doctor *self)
{
    if (self->place[0] != '\0')
        remove_tree(self->place);
    if (self->temp_file[0] != '\0')
        (void)unlink(self->temp_file);
    if (self->place_fd >= 0)
        close(self->place_fd);
    if (self->temp_fd >= 0)
        close(self->temp_fd);
    self->place[0] = self->temp_file[0] = '\0';
    self->place_fd = self->temp_fd = -1;
}
