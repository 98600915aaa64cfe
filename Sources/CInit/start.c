// The entry point and what the compiler calls behind one's back. Compiled freestanding.
#include <stddef.h>

#include "init_runtime.h"

int main(int, char **);

static long *start_stack;

const char **init_arguments(void) { return (const char **)(start_stack + 1); }

long init_argument_count(void) { return start_stack[0]; }

__attribute__((used, noreturn)) void init_entry(long *stack) {
    start_stack = stack;
    int status = main((int)stack[0], (char **)(stack + 1));
    for (;;) init_syscall(__NR_exit_group, status, 0, 0, 0, 0, 0);
}

#if defined(__x86_64__)
__asm__(
    ".globl _start\n"
    "_start:\n"
    "    xor %ebp, %ebp\n"
    "    mov %rsp, %rdi\n"
    "    and $-16, %rsp\n"
    "    call init_entry\n"
    "    hlt\n");

long init_syscall(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
__asm__(
    ".globl _start\n"
    "_start:\n"
    "    mov x29, #0\n"
    "    mov x0, sp\n"
    "    bl init_entry\n"
    "    brk #0\n");

long init_syscall(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
#error "only x86_64 and aarch64 have an entry point"
#endif

// Word by word is not needed: the longest copy is a path.
void *memcpy(void *destination, const void *source, size_t count) {
    unsigned char *to = destination;
    const unsigned char *from = source;
    while (count--) *to++ = *from++;
    return destination;
}

void *memmove(void *destination, const void *source, size_t count) {
    unsigned char *to = destination;
    const unsigned char *from = source;
    if (to < from) return memcpy(destination, source, count);
    while (count--) to[count] = from[count];
    return destination;
}

void *memset(void *destination, int value, size_t count) {
    unsigned char *to = destination;
    while (count--) *to++ = (unsigned char)value;
    return destination;
}

// There is no heap. Swift code that asks for one is a mistake that must not go unseen.
int posix_memalign(void **result, size_t alignment, size_t count) {
    (void)result, (void)alignment, (void)count;
    __builtin_trap();
}

void free(void *memory) {
    (void)memory;
    __builtin_trap();
}
