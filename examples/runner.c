/*
 * A runner in C: the lines of a file as commands for the shell, two at a time, each with 256 MiB, 10 s and no network.
 *
 *     cc -o runner runner.c $(pkg-config --cflags --libs sbx)        ./runner commands.txt
 *
 * Prints a line for each as it ends; exits with 0 when all were ok.
 */
#include <sbx/sbx.h>
#include <stdio.h>
#include <string.h>

static void show(void *context, const sbx_result *result)
{
    size_t *failed = context;

    *failed += strcmp(result->status, "ok") != 0;
    printf("%llu: %s%s%s, exit %d, %.1f ms, %zu bytes of output\n",
           (unsigned long long)result->ticket, result->status, result->reason[0] ? " " : "",
           result->reason, result->exit_code, (double)result->wall_ns / 1e6, result->output_bytes);
}

int main(int argc, char **argv)
{
    const sbx_options options = {.size = sizeof(options), .jobs = 2, .policy = "read-only"};
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    sbx_runner *runner = NULL;
    sbx_error error = {0};
    char line[4096];
    size_t failed = 0;
    int code;

    if (file == NULL) {
        fprintf(stderr, "usage: runner FILE\n");
        return 2;
    }
    code = sbx_open(&runner, &options, &error);
    while (code == SBX_OK && fgets(line, sizeof(line), file) != NULL) {
        const char *words[] = {"/bin/sh", "-c", line, NULL};
        const sbx_command command = {
            .size = sizeof(command), .argv = words, .memory_bytes = 256u << 20, .wall_ms = 10000};

        code = sbx_submit(runner, &command, NULL, &error);
    }
    if (code == SBX_OK)
        code = sbx_finish(runner, show, &failed, &error);
    if (code != SBX_OK)
        fprintf(stderr, "runner: %s\n", error.message);
    sbx_close(runner);
    fclose(file);
    return code != SBX_OK ? 125 : failed > 0;
}
