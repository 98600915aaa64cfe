#pragma once
int format_line(char *out, int size, const char *style, const char *label, double value);
