#pragma once
#include <stddef.h>
struct buffer { char *bytes; size_t length, capacity; };
void buffer_add(struct buffer *buffer, const char *text, size_t length);
