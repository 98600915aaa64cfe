"""asyncio: tasks, queues, subprocesses with pipes, timeouts, a thread executor, signal handlers, a Unix server."""
import asyncio
import os
import signal


async def subprocesses():
    process = await asyncio.create_subprocess_exec(
        "sort", "-n", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate(b"10\n9\n8\n")
    print("sorted", out, process.returncode)
    many = [await asyncio.create_subprocess_shell(f"echo {n}; exit {n}", stdout=asyncio.subprocess.PIPE)
            for n in range(8)]
    print("many", [((await p.communicate())[0], p.returncode) for p in many])
    process = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        await asyncio.wait_for(process.wait(), 0.05)
    except asyncio.TimeoutError:
        process.kill()
        print("killed", await process.wait())


async def serve():
    async def echo(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(echo, "socket")
    reader, writer = await asyncio.open_unix_connection("socket")
    writer.write(b"hello\n")
    print("served", await reader.readline())
    writer.close()
    server.close()
    os.unlink("socket")


async def main():
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()
    await asyncio.gather(*(queue.put(n) for n in range(10)))
    print("queue", [queue.get_nowait() for _ in range(10)])
    print("executor", await loop.run_in_executor(None, sum, range(1000)))
    got = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, got.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(got.wait(), 20)
    print("signal", got.is_set())
    await subprocesses()
    await serve()


asyncio.run(main())
