/*
 * The least that running a program can cost: floor JOBS N PROGRAM [ARG…] starts it N times by posix_spawn(), JOBS at a
 * time, output discarded, and waits for each.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void give_up(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t silent;
    long jobs, left, running = 0;

    if (argc < 4)
        give_up("usage: floor JOBS N PROGRAM [ARG…]");
    jobs = strtol(argv[1], NULL, 10);
    left = strtol(argv[2], NULL, 10);
    (void)posix_spawn_file_actions_init(&silent);
    (void)posix_spawn_file_actions_addopen(&silent, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&silent, 1, "/dev/null", O_WRONLY, 0);
    while (left > 0 || running > 0) {
        int status;
        pid_t pid;

        if (left > 0 && running < jobs) {
            if (posix_spawn(&pid, argv[3], &silent, NULL, argv + 3, environ) != 0)
                give_up("cannot start it");
            left--;
            running++;
        } else if (waitpid(-1, &status, 0) < 0 || status != 0) {
            give_up("it failed");
        } else {
            running--;
        }
    }
    return 0;
}
