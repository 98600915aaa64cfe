# Shared and static libraries: link, load at run time, preload, search paths; binutils; sanitizers; coverage; LTO.
set -e
printf 'int answer(void) { return 42; }\nint twice(int n) { return 2 * n; }\n' >answer.c; printf '#include <stdio.h>\nint answer(void);\nint main(void) { printf("%%d\\n", answer()); return 0; }\n' >main.c
gcc -shared -fPIC -o libanswer.so answer.c; gcc -o dynamic main.c -L. -lanswer -Wl,-rpath,'$ORIGIN'; ./dynamic; gcc -c answer.c; ar rcsD libstatic.a answer.o; gcc -o fixed main.c libstatic.a; ./fixed; gcc -static -o static main.c answer.c; ./static
cat >load.c <<'C'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library) return puts("no library"), argc - 2;
    int (*answer)(void) = (int (*)(void))dlsym(library, "answer");
    return printf("loaded %d, missing %d\n", answer(), dlsym(library, "nothing") == 0), dlclose(library);
}
C
gcc -o load load.c -ldl; ./load ./libanswer.so; ./load /no/such.so; gcc -o found main.c -L. -lanswer; LD_LIBRARY_PATH=. ./found; ./found 2>&1 || echo "status $?"
printf 'int answer(void) { return 43; }\n' | gcc -shared -fPIC -o preload.so -x c -; LD_PRELOAD=./preload.so ./dynamic; ldd dynamic | sed 's/ (0x.*//'; nm -D libanswer.so | grep ' T '; objdump -d answer.o | grep -c answer; readelf -h dynamic | grep Type; size answer.o | tail -1; strip static; ./static; strings -n 4 load | grep loaded
gcc -O2 -flto -o optimized main.c answer.c && ./optimized; gcc -S -O1 -o - answer.c | grep -c ret; gcc -E main.c | wc -l | awk '{ print ($1 > 100) }'; echo 'int main(void) { return undefined(); }' | gcc -x c - 2>&1 | grep -o "undefined reference" ; cpp -dM /dev/null | wc -l
cat >bad.c <<'C'
#include <stdlib.h>
int main(int argc, char **argv) { (void)argv; char *block = malloc(4); int big = 2147483647; big += argc; block[argc + 3] = (char)big; return block[4]; }
C
gcc -g -fsanitize=address,undefined -o sanitized bad.c && { ./sanitized 2>report || echo "status $?"; }; grep -o 'heap-buffer-overflow' report | head -1; grep -o 'signed integer overflow' report; rm report
echo 'int main(void) { return __builtin_popcount(7) - 3; }' >covered.c; gcc --coverage -o covered covered.c && ./covered && gcov covered-covered.gcda 2>/dev/null | grep -o 'Lines executed:[0-9.]*%' | head -1; rm -f *.gcda *.gcno *.gcov
gcc -fsanitize=thread -pthread -o racing answer.c main.c && ./racing; as --version | head -1; echo '.globl _start; _start: mov $60, %eax; mov $5, %edi; syscall' | as -o bare.o - 2>/dev/null && ld -o bare bare.o && { ./bare || echo "bare $?"; }
