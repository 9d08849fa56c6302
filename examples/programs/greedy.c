/* Takes 512 MiB: more than it is given. */
#include <stdlib.h>
#include <string.h>

int main(void)
{
    enum { BYTES = 512 << 20 };
    volatile char *memory = malloc(BYTES);

    if (memory == NULL)
        return 1;
    for (size_t at = 0; at < BYTES; at += 4096)
        memory[at] = 1;
    return memory[BYTES / 2] == 0;
}
