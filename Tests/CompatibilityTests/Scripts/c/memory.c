// Memory: mappings of files, protection, code written at run time, huge allocations, memfd with seals, mlock, mremap.
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;
static void fault(int number) { siglongjmp(back, number); }

int main(void) {
    int file = open("mapped", O_CREAT | O_RDWR, 0644);
    if (ftruncate(file, 1 << 20)) return 1;
    char *area = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    strcpy(area + 100, "through a mapping");
    printf("sync %d", msync(area, 4096, MS_SYNC));
    printf(" %d\n", munmap(area, 1 << 20));
    char text[20] = {0};
    printf("read %zd", pread(file, text, 17, 100));
    printf(" %s\n", text);
    char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signal(SIGSEGV, fault);
    mprotect(page, 4096, PROT_READ);
    if (sigsetjmp(back, 1)) puts("protected"); else page[0] = 1;
#if defined __x86_64__
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
#else
    static const unsigned char code[] = {0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6};
#endif
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    memcpy(page, code, sizeof code);
    printf("executable %d", mprotect(page, 4096, PROT_READ | PROT_EXEC));
    __builtin___clear_cache(page, page + sizeof code);
    printf(" %d\n", ((int (*)(void))page)());
    int memory = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    printf("memfd %zd", write(memory, "sealed", 6));
    printf(" %d", fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
    printf(" %zd\n", write(memory, "more", 4));
    char *grown = mremap(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096, 1 << 24, MREMAP_MAYMOVE);
    grown[(1 << 24) - 1] = 1;
    printf("grown %d", grown != MAP_FAILED);
    printf(", advised %d", madvise(grown, 1 << 24, MADV_DONTNEED));
    printf(" %d\n", madvise(grown, 1 << 24, MADV_HUGEPAGE));
    printf("locked %d", mlock(page, 4096));
    printf(" %d\n", munlock(page, 4096));
    char *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fork() == 0) { strcpy(shared, "from a child"); _exit(0); }
    wait(0);
    puts(shared);
    char *reserved = mmap(0, 1UL << 36, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("reserved %d\n", reserved != MAP_FAILED);
    for (int n = 0; n < 200; n++) { char *block = malloc((size_t)n * 10007); memset(block, n, (size_t)n * 10007); free(block); }
    malloc_trim(0);
    unsigned char present[1];
    printf("resident %d", mincore(page, 4096, present));
    printf(", aligned %d\n", (int)((size_t)aligned_alloc(4096, 8192) % 4096));
    void *previous = sbrk(0);
    printf("brk %d\n", sbrk(1 << 20) == previous);
    return 0;
}
