"""Profilers, tracers and the garbage collector: what they count, not how long it took."""
import cProfile
import dis
import gc
import inspect
import io
import pstats
import sys
import time
import timeit
import tracemalloc
import weakref


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


profile = cProfile.Profile()
print(profile.runcall(fibonacci, 15))
text = io.StringIO()
pstats.Stats(profile, stream=text).print_stats("fibonacci")
print(text.getvalue().split()[0], "calls")
tracemalloc.start()
kept = [bytes(1000) for _ in range(1000)]
print(tracemalloc.get_traced_memory()[0] > 900_000, timeit.timeit("1 + 1", number=1000) > 0)
tracemalloc.stop()
lines = []
sys.settrace(lambda frame, event, _: lines.append(event))
fibonacci(3)
sys.settrace(None)
print(lines.count("call"), inspect.signature(fibonacci), len(list(dis.get_instructions(fibonacci))))


class Node:
    pass


node = Node()
node.itself = node
seen = weakref.ref(node)
del node
gc.collect()
print("collected", seen() is None)
for clock in ("monotonic", "perf_counter", "process_time", "thread_time", "time"):
    before = time.get_clock_info(clock)
    print(clock, before.monotonic, before.resolution)
