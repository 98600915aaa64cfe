// Unix and loopback sockets: streams, datagrams, descriptors passed, options, names, non-blocking connect, interfaces.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void pass(int to, int descriptor) {
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'd';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    printf("passed %zd\n", sendmsg(to, &message, 0));
}

int main(void) {
    setbuf(stdout, 0);
    int pair[2], one = 1;
    printf("socketpair %d\n", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    pass(pair[0], open("/etc/hostname", O_RDONLY));
    struct sockaddr_un name = {AF_UNIX, "unix.socket"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    printf("bind %d", bind(server, (void *)&name, sizeof name));
    printf(" listen %d", listen(server, 5));
    printf(" connect %d\n", connect(client, (void *)&name, sizeof name));
    printf("accept %d\n", accept4(server, 0, 0, SOCK_NONBLOCK) >= 0);
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}};
    socklen_t length = sizeof address;
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP), other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    printf("options %d", setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, 4));
    printf(" %d", setsockopt(tcp, SOL_SOCKET, SO_REUSEPORT, &one, 4));
    printf(" %d\n", setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &one, 4));
    printf("TCP %d", bind(tcp, (void *)&address, sizeof address));
    printf(" %d", listen(tcp, 5));
    printf(" %d\n", getsockname(tcp, (void *)&address, &length));
    int result = connect(other, (void *)&address, sizeof address);
    printf("connect %d\n", result == 0 || errno == EINPROGRESS);
    struct pollfd ready = {tcp, POLLIN, 0};
    poll(&ready, 1, 5000);
    int accepted = accept(tcp, 0, 0);
    printf("accepted %d", accepted >= 0);
    printf(" sent %zd\n", send(accepted, "through TCP", 12, MSG_NOSIGNAL));
    char buffer[100] = {0};
    ready.fd = other;
    poll(&ready, 1, 5000);
    printf("received %zd", recv(other, buffer, 100, 0));
    printf(" %s\n", buffer);
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};
    printf("getaddrinfo %d\n", getaddrinfo("localhost", "http", &hints, &found));
    struct ifaddrs *interfaces;
    int loopbacks = 0;
    printf("getifaddrs %d\n", getifaddrs(&interfaces));
    for (struct ifaddrs *each = interfaces; each; each = each->ifa_next) loopbacks += !strcmp(each->ifa_name, "lo");
    printf("loopback %d", loopbacks > 0);
    printf(" index %d\n", if_nametoindex("lo"));
    printf("raw refused %d", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0);
    printf(", packet refused %d\n", socket(AF_PACKET, SOCK_RAW, 0) < 0);
    int udp = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    length = sizeof six;
    printf("UDP %d", bind(udp, (void *)&six, sizeof six));
    printf(" %d", getsockname(udp, (void *)&six, &length));
    struct mmsghdr batch[2] = {{.msg_hdr = {&six, sizeof six, &(struct iovec){"one", 3}, 1, 0, 0, 0}}, {.msg_hdr = {&six, sizeof six, &(struct iovec){"two", 3}, 1, 0, 0, 0}}};
    printf(" %d", sendmmsg(udp, batch, 2, 0));
    printf(" %zd\n", recv(udp, buffer, 100, 0));
    return 0;
}
