#include "arena.h"
#include <stdlib.h>

struct block { struct block *next; };

void *arena_take(struct arena *arena, size_t size) {
    struct block *block = calloc(1, sizeof *block + size);
    block->next = arena->blocks;
    arena->blocks = block;
    arena->total += size;
    return block + 1;
}

void arena_free(struct arena *arena) {
    while (arena->blocks) {
        struct block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}
