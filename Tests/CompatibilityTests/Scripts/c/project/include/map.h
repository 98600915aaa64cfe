#pragma once
#include "arena.h"
struct map { struct entry *buckets[64]; struct arena *arena; };
double *map_find(struct map *map, const char *name, int length, int create);
