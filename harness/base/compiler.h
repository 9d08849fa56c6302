/*
 * What the compilers do not agree on. The only header outside linux/ and windows/ that may ask which
 * compiler or system this is.
 */
#ifndef SBX_BASE_COMPILER_H
#define SBX_BASE_COMPILER_H

#if defined(__GNUC__) || defined(__clang__)
#define SBX_MUST_USE __attribute__((warn_unused_result))
#if defined(__MINGW32__)
#define SBX_PRINTF(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#else
#define SBX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#endif
#define SBX_NORETURN __attribute__((noreturn))
#else
#define SBX_MUST_USE
#define SBX_PRINTF(fmt, args)
#define SBX_NORETURN
#endif

/* How many elements a true array has. */
#define SBX_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A stack whose functions never return leaves marks in the address sanitizer's shadow; takes them away. */
#if defined(__SANITIZE_ADDRESS__)
void __asan_unpoison_memory_region(void const volatile *from, __SIZE_TYPE__ bytes);
#define SBX_FORGET_STACK(from, bytes) __asan_unpoison_memory_region(from, bytes)
#else
#define SBX_FORGET_STACK(from, bytes) ((void)0)
#endif

/*
 * A process that ends at once leaves what only its memory and its descriptors hold to the system, which takes it back
 * at a stroke; where leaks are looked for everything is given back.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SBX_LEAVES_MEMORY = 0 };
#else
enum { SBX_LEAVES_MEMORY = 1 };
#endif

#endif
