"""Unix sockets: pairs, a stream server in the workspace, datagrams, abstract names, descriptors and credentials passed."""
import array
import os
import socket
import socketserver
import struct
import threading

left, right = socket.socketpair()
left.sendall(b"through a pair")
print(right.recv(100), left.family.name, left.type.name)
left.close()
print("end", right.recv(10))


class Upper(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


server = Server("server.sock", Upper)
threading.Thread(target=server.serve_forever, daemon=True).start()
for number in range(20):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("server.sock")
        client.sendall(f"line {number}\n".encode())
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile().read()
print("last answer", answer.strip())
with socket.socket(socket.AF_UNIX) as client:
    client.connect("server.sock")
    pid, uid, gid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    print("peer", pid == os.getpid(), uid == os.getuid(), gid == os.getgid())
server.shutdown()

receiver, sender = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
receiver.bind("datagrams")
for text in (b"one", b"two"):
    sender.sendto(text, "datagrams")
print("datagrams", receiver.recv(10), receiver.recv(10))

abstract = socket.socket(socket.AF_UNIX)
abstract.bind(f"\0sandbox-test-{os.getpid()}")
abstract.listen()
caller = socket.socket(socket.AF_UNIX)
caller.connect(abstract.getsockname())
print("abstract", abstract.accept()[0].fileno() > 0)

left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
with open("passed", "w+") as file:
    file.write("what was passed")
    file.flush()
    socket.send_fds(left, [b"here"], [file.fileno()])
message, descriptors, _, _ = socket.recv_fds(right, 100, 4)
print("descriptor", message, os.pread(descriptors[0], 100, 0))
right.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
left.send(b"who")
message, control, _, _ = right.recvmsg(10, 100)
print("credentials", message, struct.unpack("3i", control[0][2])[0] == os.getpid())
print("names", socket.gethostbyname("localhost"), bool(socket.gethostname()))
print("services", socket.getservbyname("https", "tcp"), socket.getprotobyname("tcp"))
