import CSandbox

/// This process's heap, `mallopt(3)`.
package enum Heap {
    /// Merges what is freed with its neighbours at once, and not all of it together whenever more than a kilobyte is asked for: a run
    /// allocates a hundred small pieces that are freed when it is told of, and the next request would pay for that. What was freed
    /// lately lies ready without it.
    package static func mergeAtOnce() { sandbox_heap_merge_at_once() }
}
