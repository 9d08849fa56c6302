/* What the bar says, and putting it there; see progress.h. */
#include "harness/cli/progress.h"

#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/units.h"
#include "harness/cli/caller.h"
#include "harness/cli/message.h"
#include "harness/cli/width.h"

enum {
    REDRAW_MS = 100,
    USUAL_COLUMNS = 80,
    BAR_LEAST = 10, /* columns, with its brackets */
    BAR_MOST = 40,
};

/* --- the line --- */

/* "1:05", "2:00:00" */
static void add_clock(sbx_text *out, uint64_t ns)
{
    uint64_t seconds = (ns + SBX_NS_PER_S - 1) / SBX_NS_PER_S;

    if (seconds >= 3600) {
        sbx_text_add_format(out, "%llu:%02u:%02u", (unsigned long long)(seconds / 3600),
                            (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    } else {
        sbx_text_add_format(out, "%u:%02u", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
    }
}

static void add_rate(sbx_text *out, uint64_t per_1000_s)
{
    if (per_1000_s >= 100000) {
        sbx_text_add_format(out, "%llu/s", (unsigned long long)(per_1000_s / 1000));
    } else {
        sbx_text_add_format(out, "%llu.%u/s", (unsigned long long)(per_1000_s / 1000),
                            (unsigned)(per_1000_s / 100 % 10));
    }
}

/* The parts in the order in which they give way, the last one first. */
enum { COUNTS, FAILED, STOPPED, PERCENT, LEFT, RATE, FLAKY, MEMORY, PARTS };

static void format_part(sbx_text *out, const sbx_progress_picture *picture, int part)
{
    switch (part) {
    case COUNTS:
        sbx_text_add_format(out, "%u/%u", picture->done, picture->total);
        break;
    case FAILED:
        sbx_text_add_format(out, "%u failed", picture->failed);
        break;
    case STOPPED:
        if (picture->stopped[0] != '\0') {
            sbx_text_add_format(out, "%s, %u running", picture->stopped, picture->running);
        }
        break;
    case PERCENT:
        sbx_text_add_format(
            out, "%u%%",
            picture->total == 0 ? 100 : (unsigned)((uint64_t)picture->done * 100 / picture->total));
        break;
    case LEFT:
        if (picture->left_ns != SBX_UNLIMITED && picture->stopped[0] == '\0') {
            sbx_text_add(out, "ETA ");
            add_clock(out, picture->left_ns);
        }
        break;
    case RATE:
        add_rate(out, picture->per_1000_s);
        break;
    case FLAKY:
        if (picture->flaky > 0) {
            sbx_text_add_format(out, "%u flaky", picture->flaky);
        }
        break;
    default:
        if (picture->memory_bytes > 0) {
            sbx_text_add(out, "peak ");
            sbx_format_size(out, picture->memory_bytes);
        }
        break;
    }
}

static void add_bar(sbx_text *out, const sbx_progress_picture *picture, size_t columns)
{
    size_t inside = (columns < BAR_MOST ? columns : BAR_MOST) - 2;
    size_t filled =
        picture->total == 0 ? inside : (size_t)((uint64_t)picture->done * inside / picture->total);

    sbx_text_add(out, "[");
    for (size_t i = 0; i < inside; i++) {
        sbx_text_add(out, i < filled ? "#" : ".");
    }
    sbx_text_add(out, "] ");
}

void sbx_progress_format(sbx_text *out, const sbx_progress_picture *picture, unsigned columns)
{
    size_t room = columns > 1 ? columns - 1 : 0, used = 0;
    sbx_text parts[PARTS] = {{0}};
    bool is_first = true;

    for (int i = 0; i < PARTS; i++) {
        size_t width;

        format_part(&parts[i], picture, i);
        width = parts[i].bytes + (used > 0 ? 2 : 0); /* ASCII, all of it */
        if (parts[i].bytes == 0 || used + width > room) {
            sbx_text_clear(&parts[i]);
        } else {
            used += width;
        }
    }
    if (used > 0 && room >= used + 1 + BAR_LEAST) {
        add_bar(out, picture, room - used - 1);
    }
    for (int i = 0; i < PARTS; i++) {
        bool is_red = i == FAILED && picture->failed > 0 && picture->wants_colour;

        if (parts[i].bytes > 0) {
            sbx_text_add(out, is_first ? "" : "  ");
            sbx_text_add(out, is_red ? "\033[31m" : "");
            sbx_text_add(out, sbx_text_string(&parts[i]));
            sbx_text_add(out, is_red ? "\033[0m" : "");
            is_first = false;
        }
        sbx_text_done(&parts[i]);
    }
}

/* --- the terminal --- */

/* Takes the bar away. Where the terminal has become narrower, the bar was broken into several rows. */
static void add_clearing(sbx_progress *self, unsigned columns)
{
    if (!self->is_drawn) {
        return;
    }
    if (columns > 0 && columns < self->drawn_columns) {
        sbx_text_add_format(&self->line, "\033[%uA", (self->drawn_columns - 1) / columns);
    }
    sbx_text_add(&self->line, "\r\033[J");
    self->is_drawn = false;
}

static uint32_t ended(const sbx_batch_counts *counts)
{
    return counts->passed + counts->failed + counts->errors + counts->skipped;
}

static void look(sbx_progress_picture *out, const sbx_batch *batch)
{
    const sbx_batch_counts *counts = sbx_batch_counted(batch);
    uint64_t elapsed_ms = sbx_batch_elapsed_ns(batch) / SBX_NS_PER_MS;
    uint64_t now = ended(counts) - counts->settled;

    *out = (sbx_progress_picture){.done = ended(counts),
                                  .total = counts->total,
                                  .failed = counts->failed + counts->errors,
                                  .flaky = counts->flaky,
                                  .running = sbx_batch_running(batch),
                                  .per_1000_s = elapsed_ms == 0 ? 0 : now * 1000000 / elapsed_ms,
                                  .left_ns = sbx_batch_left_ns(batch),
                                  .memory_bytes = counts->memory_peak_bytes,
                                  .stopped = sbx_batch_stopped(batch)};
}

static void draw(sbx_progress *self, const sbx_batch *batch)
{
    sbx_screen screen = sbx_caller_screen(2);
    unsigned columns = screen.columns == 0 ? USUAL_COLUMNS : screen.columns;
    sbx_progress_picture picture;

    look(&picture, batch);
    picture.wants_colour = screen.wants_colour;
    add_clearing(self, columns);
    sbx_progress_format(&self->line, &picture, columns);
    sbx_message_write(&self->line);
    sbx_text_clear(&self->line);
    self->is_drawn = true;
    self->drawn_ns = sbx_clock_monotonic_ns();
    self->drawn_columns = columns;
}

static void add_line(sbx_text *line, const sbx_batch_notice *notice)
{
    const sbx_batch_counts *counts = sbx_batch_counted(notice->batch);

    sbx_text_add_format(line, "%u/%u %s ", ended(counts), counts->total,
                        !notice->is_final  ? "retry"
                        : notice->is_flaky ? "flaky"
                                           : notice->verdict);
    sbx_text_add_escaped(line, notice->id, strlen(notice->id));
    sbx_text_add(line, "  ");
    sbx_format_duration(line, notice->wall_ns);
    if (notice->kind[0] != '\0') {
        sbx_text_add_format(line, "  %s: ", notice->kind);
        sbx_text_add_escaped(line, notice->detail, strlen(notice->detail));
    }
    sbx_text_add(line, "\n");
}

/* --- while it runs --- */

void sbx_progress_begin(sbx_progress *progress, sbx_progress_mode mode)
{
    *progress = (sbx_progress){.mode = mode};
    if (mode == SBX_PROGRESS_AUTO) {
        progress->mode = sbx_caller_screen(2).can_redraw ? SBX_PROGRESS_BAR : SBX_PROGRESS_LINES;
    }
}

void sbx_progress_tick(sbx_progress *progress, const sbx_batch *batch)
{
    if (progress->mode == SBX_PROGRESS_BAR &&
        sbx_clock_monotonic_ns() - progress->drawn_ns >= REDRAW_MS * SBX_NS_PER_MS) {
        draw(progress, batch);
    }
}

void sbx_progress_ended(sbx_progress *progress, const sbx_batch_notice *notice)
{
    bool is_worth_a_line = !notice->is_final || notice->is_flaky || notice->kind[0] != '\0';

    if (progress->mode == SBX_PROGRESS_LINES) {
        add_line(&progress->line, notice);
    } else if (progress->mode == SBX_PROGRESS_BAR && is_worth_a_line) {
        add_clearing(progress, sbx_caller_screen(2).columns);
        add_line(&progress->line, notice);
    } else {
        return;
    }
    sbx_message_write(&progress->line);
    sbx_text_clear(&progress->line);
    sbx_progress_tick(progress, notice->batch);
}

void sbx_progress_end(sbx_progress *progress)
{
    if (progress->is_drawn) {
        add_clearing(progress, sbx_caller_screen(2).columns);
        sbx_message_write(&progress->line);
    }
    sbx_text_done(&progress->line);
    memset(progress, 0, sizeof(*progress));
}
