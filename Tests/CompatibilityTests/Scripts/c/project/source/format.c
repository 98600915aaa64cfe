#include "format.h"
#include <stdio.h>
#include <string.h>

int format_line(char *out, int size, const char *style, const char *label, double value) {
    if (!strcmp(style, "table")) return snprintf(out, (size_t)size, "| %-20s | %12.6g |\n", label, value);
    return snprintf(out, (size_t)size, "%.15g\n", value);
}
