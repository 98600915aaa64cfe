#include "buffer.h"
#include "evaluate.h"
#include "format.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int calculate(const char *text, const char *style, struct arena *arena, struct map *variables, struct buffer *out) {
    const char *error = 0;
    struct node *node = parse(text, arena, &error);
    double value = error ? 0 : evaluate(node, variables, &error);
    if (error) return fprintf(stderr, "calculator: %s: %s\n", error, text), 1;
    char line[256];
    format_line(line, sizeof line, style, text, value);
    buffer_add(out, line, strlen(line));
    return 0;
}

int main(int argc, char **argv) {
    struct arena arena = {0};
    struct map variables = {.arena = &arena};
    struct buffer out = {0};
    const char *style = "plain";
    int first = 1, failures = 0;
    if (argc > 2 && !strcmp(argv[1], "-f")) style = argv[2], first = 3;
    for (int n = first; n < argc; n++) failures += calculate(argv[n], style, &arena, &variables, &out);
    static char lines[1000][200];
    for (int n = 0; first == argc && n < 1000 && fgets(lines[n], sizeof lines[n], stdin); n++) {
        lines[n][strcspn(lines[n], "\n")] = 0;
        failures += calculate(lines[n], style, &arena, &variables, &out);
    }
    fwrite(out.bytes, 1, out.length, stdout);
    free(out.bytes);
    arena_free(&arena);
    return failures ? 2 : 0;
}
