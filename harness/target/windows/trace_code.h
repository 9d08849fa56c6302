/*
 * What sbx-trace.dll decides by bytes alone: may this function's beginning be replaced, and may that program be traced?
 * Plain C without the system, and without a C library.
 *
 * Who may include it: harness/target/windows and tests.
 */
#ifndef SBX_TARGET_WINDOWS_TRACE_CODE_H
#define SBX_TARGET_WINDOWS_TRACE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SBX_STUB_BYTES = 21,      /* of a system call's stub that are looked at */
    SBX_STUB_TAKEN_BYTES = 8, /* of them are replaced: two whole instructions */
    SBX_BRIDGE_BYTES = 22,    /* the two instructions and a jump behind them */
    SBX_JUMP_BYTES = 14,      /* a jump to anywhere */
    SBX_IMAGE_HEAD_BYTES = 1024
};

/*
 * Is this the stub of a system call in ntdll.dll, as 64-bit Windows since 10 has it, and Wine too, and nothing else
 * (not one that somebody else has wrapped)?
 *
 *     mov r10, rcx / mov eax, NUMBER / test byte ptr [7FFE0308h], 1 / jne / syscall / ret
 */
bool sbx_stub_is_known(const uint8_t stub[SBX_STUB_BYTES]);

/* jmp [rip]: to any address. */
void sbx_jump_write(uint8_t out[SBX_JUMP_BYTES], uint64_t to);

/* What stands for the stub from now on: its first two instructions, and a jump to the third where it always was. */
void sbx_bridge_write(uint8_t out[SBX_BRIDGE_BYTES], const uint8_t stub[SBX_STUB_BYTES],
                      uint64_t stub_address);

/* The stub's new beginning, jmp rel32. False: `to` is too far away. */
bool sbx_stub_jump(uint8_t out[SBX_STUB_TAKEN_BYTES], uint64_t stub_address, uint64_t to);

/*
 * Is the image that begins with these bytes a program for x86-64 with the Windows subsystem, whose first thread will
 * have kernel32.dll before its first instruction? A 32-bit one has another ntdll.dll; a native one has no kernel32.
 */
bool sbx_image_is_traceable(const uint8_t *head, size_t bytes);

#endif
