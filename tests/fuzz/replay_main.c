/*
 * Runs a fuzz target over files and directories of inputs, in builds without libFuzzer.
 *
 *     fuzz_NAME PATH…      exits 0 where every input was run, and there was one
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static size_t count;

static void run_file(const char *path)
{
    FILE *file = fopen(path, "re");
    uint8_t *data = NULL;
    size_t bytes = 0, room = 0;

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    do {
        room += 65536;
        data = realloc(data, room);
        SBX_FUZZ_MUST(data != NULL);
        bytes += fread(data + bytes, 1, room - bytes, file);
    } while (bytes == room);
    fclose(file);
    if (bytes > 0) /* exactly as long as the input */
        data = realloc(data, bytes);
    (void)LLVMFuzzerTestOneInput(data, bytes);
    free(data);
    count++;
}

static void run_path(const char *path)
{
    struct stat about;
    struct dirent *entry;
    DIR *directory;

    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        run_file(path);
        return;
    }
    directory = opendir(path);
    SBX_FUZZ_MUST(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        char below[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        run_path(below);
    }
    closedir(directory);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
