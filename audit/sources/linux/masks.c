/* See masks.h. */
#include "audit/sources/linux/masks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void sbx_mask_name(char out[SBX_MASK_NAME_BYTES], size_t index)
{
    char digits[SBX_MASK_NAME_BYTES];
    size_t count = 0, at = 0;

    out[at++] = 'm';
    do {
        digits[count++] = (char)('0' + index % 10);
        index /= 10;
    } while (index != 0);
    while (count > 0)
        out[at++] = digits[--count];
    out[at] = '\0';
}

static void look_at(int directory, const char *name, const char *path, const char *rule,
                    sbx_denials *denials)
{
    sbx_denial denial = {.kind = SBX_DENIAL_FILE,
                         .op = "read",
                         .target = path,
                         .target_bytes = strlen(path),
                         .error = EACCES,
                         .rule = rule,
                         .source = SBX_SOURCE_MASK,
                         .confidence = SBX_CONFIDENCE_KERNEL,
                         .count = 1};
    struct stat about;

    if (fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(about.st_mode) ||
        about.st_atim.tv_sec == SBX_MASK_TIME)
        return;
    denial.first_us = denial.last_us =
        (uint64_t)about.st_atim.tv_sec * 1000000U + (uint64_t)about.st_atim.tv_nsec / 1000U;
    sbx_denials_add(denials, &denial);
}

static void look_into(int masks, const char *name, const char *secret, const char *rule,
                      sbx_denials *denials)
{
    int fd = openat(masks, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct dirent *entry;
    char path[4096];
    DIR *stream;

    if (fd < 0 && errno == EACCES &&
        fchmodat(masks, name, 0700, 0) == 0) /* our own, and unlistable */
        fd = openat(masks, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    stream = fdopendir(fd);
    if (stream == NULL) {
        close(fd);
        return;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", secret, entry->d_name) < (int)sizeof(path))
            look_at(fd, entry->d_name, path, rule, denials);
    }
    closedir(stream);
}

void sbx_masks_look(int fd, size_t index, const char *secret, bool is_directory, const char *rule,
                    sbx_denials *denials)
{
    char name[SBX_MASK_NAME_BYTES];

    sbx_mask_name(name, index);
    if (is_directory)
        look_into(fd, name, secret, rule, denials);
    else
        look_at(fd, name, secret, rule, denials);
}
