"""Threads, locks, conditions, queues, pools, thread-local data, a barrier, a timer."""
import concurrent.futures
import queue
import threading
import time

counter, lock = 0, threading.Lock()


def count():
    global counter
    for _ in range(2000):
        with lock:
            counter += 1


threads = [threading.Thread(target=count) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("counted", counter)

tasks, results = queue.Queue(10), queue.Queue()


def work():
    while (item := tasks.get()) is not None:
        results.put(item * item)
        tasks.task_done()


workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
for worker in workers:
    worker.start()
for number in range(500):
    tasks.put(number)
tasks.join()
for worker in workers:
    tasks.put(None)
for worker in workers:
    worker.join()
print("squares", sum(results.get() for _ in range(500)))

with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print("pool", list(pool.map(lambda n: n ** 3, range(10))))
    futures = [pool.submit(time.sleep, 0.001) for _ in range(20)]
    print("done", len(concurrent.futures.wait(futures).done))

local, seen = threading.local(), []
barrier = threading.Barrier(5)


def meet(number):
    local.number = number
    barrier.wait()
    with lock:
        seen.append(local.number)


threads = [threading.Thread(target=meet, args=(n,)) for n in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("met", sorted(seen))

condition, items = threading.Condition(), []


def produce():
    with condition:
        items.append("made")
        condition.notify_all()


timer = threading.Timer(0.01, produce)
timer.start()
with condition:
    print("waited", condition.wait_for(lambda: items, timeout=20))
event = threading.Event()
print("event", event.wait(0.01), threading.stack_size(256 * 1024), threading.active_count() >= 1)
print("native id", threading.get_native_id() > 0)
