"""Loopback: TCP and UDP, IPv4 and IPv6, an HTTP server with urllib, asyncio streams, XML-RPC, a refused connection."""
import asyncio
import http.server
import socket
import threading
import urllib.error
import urllib.request
import xmlrpc.client
import xmlrpc.server

for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    with socket.create_server((address, 0), family=family) as server:
        client = socket.create_connection(server.getsockname()[:2])
        peer, _ = server.accept()
        client.sendall(b"x" * 1_000_000)
        client.shutdown(socket.SHUT_WR)
        total = 0
        while data := peer.recv(65536):
            total += len(data)
        print(family.name, total, client.getpeername()[0])
receiver = socket.socket(type=socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
socket.socket(type=socket.SOCK_DGRAM).sendto(b"datagram", receiver.getsockname())
print("UDP", receiver.recv(100))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


open("page.html", "w").write("<p>a page</p>")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://localhost:{server.server_port}"
print("HTTP", urllib.request.urlopen(base + "/page.html").read())
try:
    urllib.request.urlopen(base + "/none")
except urllib.error.HTTPError as error:
    print("HTTP", error.code)
server.shutdown()

calls = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
calls.register_function(pow)
threading.Thread(target=calls.serve_forever, daemon=True).start()
print("RPC", xmlrpc.client.ServerProxy(f"http://127.0.0.1:{calls.server_address[1]}").pow(2, 16))


async def streams():
    async def echo(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"asyncio\n")
    print("streams", await reader.readline())


asyncio.run(streams())
with socket.socket() as unused:
    unused.bind(("127.0.0.1", 0))
    try:
        socket.create_connection(unused.getsockname())
    except OSError as error:
        print("refused", error.strerror)
print("names", "127.0.0.1" in {info[4][0] for info in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)})
