/*
 * The program's own file, as it lies in memory, by the linker's own mark of where that begins. Usable at its first
 * instruction: nothing in here needs an address that is put in later.
 */
#ifndef SBX_BASE_LINUX_IMAGE_H
#define SBX_BASE_LINUX_IMAGE_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Set by start.c, before anything is put in; false where that is not how the program begins. */
extern bool sbx_image_faults_are_dear __attribute__((visibility("hidden")));

typedef struct sbx_image {
    const ElfW(Phdr) *segments;
    int count;
    uintptr_t shift; /* what their addresses are relative to */
} sbx_image;

static inline sbx_image sbx_image_self(void)
{
    uintptr_t file = (uintptr_t)&__ehdr_start;

    return (sbx_image){(const ElfW(Phdr) *)(file + __ehdr_start.e_phoff), __ehdr_start.e_phnum,
                       __ehdr_start.e_type == ET_DYN ? file : 0};
}

#endif
