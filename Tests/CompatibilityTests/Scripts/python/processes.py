"""multiprocessing: pools by fork, spawn and forkserver, shared memory, a manager, pipes, queues, semaphores."""
import concurrent.futures
import multiprocessing as mp
from multiprocessing import shared_memory


def square(number):
    return number * number


def add(value, lock):
    for _ in range(200):
        with lock:
            value.value += 1


def fill(name, index):
    block = shared_memory.SharedMemory(name=name)
    block.buf[index] = 100 + index
    block.close()


def answer(connection):
    connection.send([connection.recv(), "answered"])
    connection.close()


def main():
    for method in ("fork", "spawn", "forkserver"):
        with mp.get_context(method).Pool(3) as pool:
            print(method, pool.map(square, range(10)))
    value, lock = mp.Value("i", 0), mp.Lock()
    processes = [mp.Process(target=add, args=(value, lock)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print("value", value.value, [process.exitcode for process in processes])
    block = shared_memory.SharedMemory(create=True, size=4096)
    processes = [mp.Process(target=fill, args=(block.name, n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print("shared", bytes(block.buf[:4]))
    block.close()
    block.unlink()
    with mp.Manager() as manager:
        table = manager.dict()
        processes = [mp.Process(target=table.__setitem__, args=(n, n * 2)) for n in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        print("manager", sorted(table.items()))
    here, there = mp.Pipe()
    process = mp.Process(target=answer, args=(there,))
    process.start()
    here.send("asked")
    print("pipe", here.recv())
    process.join()
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print("executor", list(pool.map(square, range(5))))
    process = mp.Process(target=exit, args=(7,))
    process.start()
    process.join()
    print("exit code", process.exitcode)
    print("cpus", mp.cpu_count())


if __name__ == "__main__":
    main()
