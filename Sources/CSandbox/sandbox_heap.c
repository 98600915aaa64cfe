#include "sandbox_heap.h"

#include <malloc.h>

void sandbox_heap_merge_at_once(void) { mallopt(M_MXFAST, 0); }
