#include "buffer.h"
#include "evaluate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
static void check(const char *text, double expected) {
    struct arena arena = {0};
    struct map variables = {.arena = &arena};
    const char *error = 0;
    struct node *node = parse(text, &arena, &error);
    double value = error ? NAN : evaluate(node, &variables, &error);
    if (error) value = NAN;
    int good = isnan(expected) ? isnan(value) : fabs(value - expected) < 1e-9;
    printf("%s %s\n", good ? "ok" : "FAILED", text);
    failures += !good;
    arena_free(&arena);
}

int main(void) {
    check("1 + 2 * 3", 7);
    check("(1 + 2) * 3", 9);
    check("2 ^ 3 ^ 2", 512);
    check("-2 ^ 2", -4);
    check("7 % 4 - 1", 2);
    check("sqrt(16) + abs(0 - 3)", 7);
    check("1 / 0", NAN);
    check("1 +", NAN);
    check("nothing", NAN);
    struct buffer buffer = {0};
    for (int n = 0; n < 1000; n++) buffer_add(&buffer, "text", 4);
    printf("%s buffer\n", strlen(buffer.bytes) == 4000 ? "ok" : "FAILED");
    free(buffer.bytes);
    return failures;
}
