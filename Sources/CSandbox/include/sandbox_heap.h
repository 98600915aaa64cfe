// This process's heap, mallopt(3).
#pragma once

// Merges what is freed with its neighbours at once.
void sandbox_heap_merge_at_once(void);
