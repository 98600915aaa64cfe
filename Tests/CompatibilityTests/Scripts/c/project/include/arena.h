#pragma once
#include <stddef.h>
struct arena { struct block *blocks; size_t total; };
void *arena_take(struct arena *arena, size_t size);
void arena_free(struct arena *arena);
