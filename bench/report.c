/* The arguments, the statistics and the printing of bench/launch.c. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/launch.h"

void launch_fail(const char *format, ...)
{
    va_list arguments;

    fputs("launch: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static long read_number(const char *option, const char *text)
{
    char *end = NULL;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 0 || value > 1000000)
        launch_fail("%s: \"%s\" is not a number from 0 to 1000000", option, text);
    return value;
}

/* One option with its value; the base is found when all names are known. */
static void read_option(settings *out, const char **out_base, const char *option, const char *value)
{
    if (strcmp(option, "--runs") == 0)
        out->runs = (int)read_number(option, value);
    else if (strcmp(option, "--cold-runs") == 0)
        out->cold_runs = (int)read_number(option, value);
    else if (strcmp(option, "--gap-ms") == 0)
        out->gap_ms = read_number(option, value);
    else if (strcmp(option, "--base") == 0)
        *out_base = value;
    else if (strcmp(option, "--json") == 0)
        out->json_path = value;
    else if (strcmp(option, "--fact") == 0 && strchr(value, '=') != NULL &&
             out->fact_count < FACTS_MAX)
        out->fact[out->fact_count++] = value;
    else
        launch_fail("unknown option: %s %s", option, value);
}

size_t launch_read_arguments(settings *out, contestant *out_all, int argc, char **argv)
{
    const char *base = NULL;
    size_t count = 0;
    int at = 1;

    *out = (settings){.runs = 300, .cold_runs = 60, .gap_ms = 100};
    for (; at + 1 < argc && argv[at][0] != '@'; at += 2)
        read_option(out, &base, argv[at], argv[at + 1]);
    for (; at < argc && argv[at] != NULL; at++) {
        if (argv[at][0] != '@')
            continue;
        if (count == CONTESTANTS_MAX || at + 1 == argc || argv[at + 1][0] == '@')
            launch_fail("%s: no command, or too many of them", argv[at]);
        out_all[count].name = argv[at] + 1;
        out_all[count++].argv = argv + at + 1;
        argv[at] = NULL; /* ends the one before */
    }
    if (count == 0)
        launch_fail("usage: launch [OPTION VALUE]... @NAME COMMAND... @NAME COMMAND...");
    for (size_t i = 0; base != NULL; i++) {
        if (i == count)
            launch_fail("--base: nobody is called %s", base);
        if (strcmp(out_all[i].name, base) == 0) {
            out->base = i;
            base = NULL;
        }
    }
    return count;
}

void launch_samples_init(samples *out, int room)
{
    *out = (samples){.us = calloc((size_t)room + 1, sizeof(double)), .room = room};
    if (out->us == NULL)
        launch_fail("no memory");
}

void launch_add(samples *list, double us)
{
    if (list->count < list->room)
        list->us[list->count++] = us;
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

/* The smallest value that at least that share of all is not above (nearest rank). */
static double quantile(const samples *sorted, double share)
{
    int rank = (int)(share * sorted->count + 0.999999);

    if (sorted->count == 0)
        return 0;
    return sorted->us[rank < 1 ? 0 : rank - 1];
}

static void sort_all(contestant *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        qsort(all[i].hot.us, (size_t)all[i].hot.count, sizeof(double), compare);
        qsort(all[i].cold.us, (size_t)all[i].cold.count, sizeof(double), compare);
        qsort(all[i].cpu.us, (size_t)all[i].cpu.count, sizeof(double), compare);
    }
}

static void print_half(const samples *of, const samples *base)
{
    double median = quantile(of, 0.5), compared = quantile(base, 0.5);

    if (of->count == 0) {
        printf(" %8s %7s %7s %6s ", "-", "-", "-", "-");
        return;
    }
    printf(" %8.2f %7.2f %7.2f", median / 1e3, quantile(of, 0.9) / 1e3, quantile(of, 0.99) / 1e3);
    if (compared > 0)
        printf(" %6.2f ", median / compared);
    else
        printf("      - ");
}

void launch_print_table(const settings *asked, contestant *all, size_t count)
{
    const contestant *base = &all[asked->base];
    bool has_slow = false;

    sort_all(all, count);
    printf("milliseconds; hot: %d launches back to back, cold: %d with %ld ms of idleness before "
           "each\n\n",
           asked->runs, asked->cold_runs, asked->gap_ms);
    printf("%-28s %32s  %32s\n", "", "------------- hot -------------",
           "------------- cold ------------");
    printf("%-28s %8s %7s %7s %6s  %8s %7s %7s %6s  %7s %8s\n", "", "median", "p90", "p99",
           "x base", "median", "p90", "p99", "x base", "CPU hot", "peak KiB");
    for (size_t i = 0; i < count; i++) {
        printf("%-26.26s%c%c", all[i].name, all[i].is_slow ? '*' : ' ',
               &all[i] == base ? '=' : ' ');
        print_half(&all[i].hot, &base->hot);
        print_half(&all[i].cold, &base->cold);
        printf(" %7.2f", quantile(&all[i].cpu, 0.5) / 1e3);
        if (all[i].peak_kib >= 0)
            printf(" %8ld\n", all[i].peak_kib);
        else
            printf(" %8s\n", "-");
        has_slow = has_slow || all[i].is_slow;
    }
    printf("\n= %s is what the others are compared with. CPU: median of all processes together. "
           "peak KiB: of\n"
           "  the program that was started, without its children; where it becomes the command, "
           "the command's.\n",
           base->name);
    if (has_slow)
        printf("* hot launches measured after the others, because it would leave cold caches to "
               "them.\n");
}

static void write_string(FILE *out, const char *text, size_t bytes)
{
    fputc('"', out);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

static void write_half(FILE *out, const char *key, const samples *of)
{
    double sum = 0;

    for (int i = 0; i < of->count; i++)
        sum += of->us[i];
    fprintf(
        out,
        ",\n     \"%s\": {\"runs\": %d, \"min_us\": %.1f, \"median_us\": %.1f, \"p90_us\": %.1f, "
        "\"p99_us\": %.1f, \"max_us\": %.1f, \"mean_us\": %.1f}",
        key, of->count, quantile(of, 0), quantile(of, 0.5), quantile(of, 0.9), quantile(of, 0.99),
        quantile(of, 1), of->count > 0 ? sum / of->count : 0);
}

void launch_write_json(const settings *asked, contestant *all, size_t count)
{
    FILE *out = fopen(asked->json_path, "we");

    if (out == NULL)
        launch_fail("%s: %s", asked->json_path, strerror(errno));
    sort_all(all, count);
    fprintf(out, "{\"version\": 1, \"gap_ms\": %ld, \"base\": ", asked->gap_ms);
    write_string(out, all[asked->base].name, strlen(all[asked->base].name));
    fprintf(out, ",\n \"machine\": {");
    for (size_t i = 0; i < asked->fact_count; i++) {
        size_t key_bytes = strcspn(asked->fact[i], "=");
        const char *value = asked->fact[i] + key_bytes + 1;

        fputs(i > 0 ? ",\n  " : "\n  ", out);
        write_string(out, asked->fact[i], key_bytes);
        fputs(": ", out);
        write_string(out, value, strlen(value));
    }
    fprintf(out, "},\n \"contestants\": [");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s\n    {\"name\": ", i > 0 ? "," : "");
        write_string(out, all[i].name, strlen(all[i].name));
        fputs(",\n     \"command\": [", out);
        for (char **word = all[i].argv; *word != NULL; word++) {
            fputs(word > all[i].argv ? ", " : "", out);
            write_string(out, *word, strlen(*word));
        }
        fputc(']', out);
        write_half(out, "hot", &all[i].hot);
        write_half(out, "cold", &all[i].cold);
        write_half(out, "cpu", &all[i].cpu);
        if (all[i].peak_kib >= 0)
            fprintf(out, ",\n     \"peak_kib\": %ld}", all[i].peak_kib);
        else
            fputs(",\n     \"peak_kib\": null}", out);
    }
    fputs("\n ]\n}\n", out);
    if (fclose(out) != 0)
        launch_fail("%s: %s", asked->json_path, strerror(errno));
}

long launch_read_peak(pid_t pid)
{
    char path[64], line[256];
    long peak_kib = -1;
    FILE *status;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak_kib = strtol(line + 6, NULL, 10);
    if (status != NULL)
        fclose(status);
    return peak_kib;
}
