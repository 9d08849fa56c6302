/* Does what a test may do: reads, writes in its working directory, says something. */
#include <stdio.h>

int main(void)
{
    FILE *file = fopen("good.out", "w");

    if (file == NULL || fputs("written\n", file) < 0 || fclose(file) != 0)
        return 1;
    puts("good");
    return 0;
}
