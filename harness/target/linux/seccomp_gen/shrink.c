/* See shrink.h. */
#include "harness/target/linux/seccomp_gen/shrink.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE AUDIT_ARCH_X86_64
#endif

#define LOAD (BPF_LD | BPF_W | BPF_ABS)
#define AND (BPF_ALU | BPF_AND | BPF_K)
#define EQUAL (BPF_JMP | BPF_JEQ | BPF_K)
#define ANY_BIT (BPF_JMP | BPF_JSET | BPF_K)
#define ALWAYS (BPF_JMP | BPF_JA)
#define RETURN (BPF_RET | BPF_K)

/* With the places that it jumps to, instead of distances. */
typedef struct instruction {
    struct sock_filter op;
    size_t yes, no;
} instruction;

typedef struct program {
    instruction code[CODE_MAX];
    size_t count;
} program;

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "seccomp_gen: %s\n", why);
    exit(1);
}

static bool is_branch(const instruction *at)
{
    return BPF_CLASS(at->op.code) == BPF_JMP && at->op.code != ALWAYS;
}

static void read_program(program *out, const struct sock_filter *code, size_t count)
{
    if (count > CODE_MAX)
        give_up("a filter is longer than expected");
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        out->code[i] = (instruction){code[i], i + 1, i + 1};
        if (code[i].code == ALWAYS)
            out->code[i].yes = out->code[i].no = i + 1 + code[i].k;
        else if (is_branch(&out->code[i])) {
            out->code[i].yes += code[i].jt;
            out->code[i].no += code[i].jf;
        }
    }
}

/* What is there does not use what was loaded before. */
static bool begins_anew(const program *self, size_t at)
{
    return self->code[at].op.code == LOAD || self->code[at].op.code == RETURN;
}

/* Of a word, what a mask leaves: is it that number? */
static bool is_test(const program *self, size_t at)
{
    const instruction *code = self->code + at;

    return at + 2 < self->count && code[0].op.code == LOAD && code[1].op.code == AND &&
           code[2].op.code == EQUAL;
}

static bool is_bit_test(const program *self, size_t at)
{
    const instruction *code = self->code + at;

    return is_test(self, at) && code[1].op.k != 0 && (code[1].op.k & (code[1].op.k - 1)) == 0 &&
           code[2].op.k == code[1].op.k;
}

/* By a jump, or from above. */
static bool is_reached_from(const program *self, size_t at, size_t but)
{
    for (size_t i = 0; i < self->count; i++)
        if (i != but && self->code[i].op.code != RETURN &&
            (self->code[i].yes == at || self->code[i].no == at))
            return true;
    return false;
}

/* Nothing of a word that is masked away is ever 1: whoever comes here goes on where that leads. */
static size_t skip_constant_tests(const program *self, size_t at)
{
    while (is_test(self, at) && self->code[at + 1].op.k == 0 && self->code[at + 2].op.k == 0 &&
           begins_anew(self, self->code[at + 2].yes))
        at = self->code[at + 2].yes;
    return at;
}

/* One bit after the other of the same word, with the same end: any of them. */
static void join_bits(program *self, size_t at)
{
    instruction *code = self->code + at;
    uint32_t bits;
    size_t yes, no;

    if (!is_bit_test(self, at) || is_reached_from(self, at + 1, at))
        return;
    bits = code[1].op.k;
    yes = code[2].yes;
    no = code[2].no;
    while (is_bit_test(self, no) && self->code[no].op.k == code[0].op.k &&
           self->code[no + 2].yes == yes) {
        bits |= self->code[no + 1].op.k;
        no = self->code[no + 2].no;
    }
    if (!begins_anew(self, yes) || !begins_anew(self, no))
        return;
    code[1] = (instruction){BPF_JUMP(ANY_BIT, bits, 0, 0), yes, no};
}

/* Those that can be reached, in their order: every jump goes forward, and none becomes longer. */
static size_t write_program(struct sock_filter *out, const program *self)
{
    static bool is_used[CODE_MAX];
    static size_t place[CODE_MAX];
    size_t count = 0;

    memset(is_used, 0, sizeof(is_used));
    is_used[0] = true;
    for (size_t i = 0; i < self->count; i++) {
        const instruction *at = &self->code[i];

        place[i] = count;
        count += is_used[i];
        if (is_used[i] && at->op.code != RETURN)
            is_used[at->yes] = is_used[at->no] = true;
    }
    for (size_t i = 0; i < self->count; i++) {
        const instruction *at = &self->code[i];
        struct sock_filter *to = &out[place[i]];

        if (!is_used[i])
            continue;
        *to = at->op;
        if (at->op.code == ALWAYS) {
            to->k = (uint32_t)(place[at->yes] - place[i] - 1);
        } else if (is_branch(at)) {
            to->jt = (uint8_t)(place[at->yes] - place[i] - 1);
            to->jf = (uint8_t)(place[at->no] - place[i] - 1);
        }
    }
    return count;
}

/* What the kernel would answer. */
static uint32_t answer(const struct sock_filter *code, const struct seccomp_data *call)
{
    uint32_t value = 0;

    for (size_t at = 0;; at++) {
        const struct sock_filter *op = &code[at];
        bool is_so;

        switch (op->code) {
        case LOAD:
            memcpy(&value, (const char *)call + op->k, sizeof(value));
            continue;
        case AND:
            value &= op->k;
            continue;
        case RETURN:
            return op->k;
        case ALWAYS:
            at += op->k;
            continue;
        case EQUAL:
            is_so = value == op->k;
            break;
        case ANY_BIT:
            is_so = (value & op->k) != 0;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            is_so = value > op->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            is_so = value >= op->k;
            break;
        default:
            give_up("libseccomp uses an instruction that is not known here");
        }
        at += is_so ? op->jt : op->jf;
    }
}

/* Few bits, all but few, many, and numbers as calls have them. */
static uint64_t next_value(uint64_t *state)
{
    uint64_t value, more;

    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    value = *state >> 32;
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    more = *state >> 32;
    switch (value % 6) {
    case 0:
        return 0;
    case 1:
        return UINT64_C(1) << more % 64;
    case 2:
        return UINT64_C(1) << more % 32 | UINT64_C(1) << (more >> 8) % 32;
    case 3:
        return more % 64;
    case 4:
        return ~(UINT64_C(1) << more % 64);
    default:
        return value << 32 | more;
    }
}

static void compare(const struct sock_filter *before, const struct sock_filter *after)
{
    enum { NUMBERS = 600, ROUNDS = 400 };
    uint64_t state = 1;

    for (int number = 0; number < NUMBERS; number++)
        for (int round = 0; round < ROUNDS; round++) {
            struct seccomp_data call = {.nr = number, .arch = NATIVE};

            if (round == 0)
                call.arch = 0;
            else if (round == 1)
                call.nr |= 0x40000000; /* x32 */
            for (int i = 0; i < 6; i++)
                call.args[i] = next_value(&state);
            if (answer(before, &call) != answer(after, &call))
                give_up("a filter that was made smaller answers otherwise");
        }
}

size_t shrink(struct sock_filter *code, size_t count)
{
    static program self;
    static struct sock_filter before[CODE_MAX];

    read_program(&self, code, count);
    memcpy(before, code, count * sizeof(*code));
    for (size_t i = 0; i < self.count; i++)
        join_bits(&self, i);
    for (size_t i = 0; i < self.count; i++) {
        self.code[i].yes = skip_constant_tests(&self, self.code[i].yes);
        self.code[i].no = skip_constant_tests(&self, self.code[i].no);
    }
    count = write_program(code, &self);
    compare(before, code);
    return count;
}
