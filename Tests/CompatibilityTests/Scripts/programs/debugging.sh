# gdb on a program of our own: break, look, step, call, change, catch a crash.
set -e
cat >program.c <<'C'
#include <stdio.h>
static int square(int n) { int result = n * n; return result; }
int main(int argc, char **argv) { int *nowhere = 0; printf("%d\n", square(argc + 6)); if (argc > 1) *nowhere = 1; return 0; }
C
gcc -g -O0 -o program program.c
gdb -q -nx -batch -ex 'break square' -ex run -ex 'print n' -ex next -ex 'print result' -ex 'set var result = 1' -ex 'print square(12)' -ex delete -ex continue ./program 2>&1 | grep -E '^(\$|[0-9]+$|Breakpoint)'
gdb -q -nx -batch -ex run -ex 'print argc' -ex backtrace --args ./program crash 2>&1 | grep -E 'SIGSEGV|^\$1|^#0' | sed 's/0x[0-9a-f]*/ADDRESS/'
(./program & wait $!) ; gdb -q -nx -batch -ex 'info functions square' ./program | grep square
