#include "map.h"
#include <string.h>

struct entry { struct entry *next; const char *name; int length; double value; };

double *map_find(struct map *map, const char *name, int length, int create) {
    unsigned hash = 5381;
    for (int n = 0; n < length; n++) hash = hash * 33 + (unsigned char)name[n];
    struct entry **bucket = &map->buckets[hash % 64];
    for (struct entry *entry = *bucket; entry; entry = entry->next)
        if (entry->length == length && !memcmp(entry->name, name, (size_t)length)) return &entry->value;
    if (!create) return 0;
    struct entry *entry = arena_take(map->arena, sizeof *entry);
    *entry = (struct entry){*bucket, name, length, 0};
    *bucket = entry;
    return &entry->value;
}
