#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox_messages.h"

static int open_netlink(unsigned int groups, int flags) {
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_AUDIT);
    if (descriptor < 0) return -1;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
    int code = errno;
    close(descriptor);
    errno = code;
    return -1;
}

int sandbox_audit_stream(void) { return open_netlink(1u << (AUDIT_NLGRP_READLOG - 1), SOCK_NONBLOCK); }

// The answer to AUDIT_GET comes before or after an acknowledgement.
static int read_status(int descriptor) {
    for (int message = 0; message < 8; message++) {
        struct pollfd state = {.fd = descriptor, .events = POLLIN};
        if (poll(&state, 1, 2000) <= 0) break;
        union {
            struct nlmsghdr header;
            unsigned char bytes[8192];
        } answer;
        ssize_t count = recv(descriptor, &answer, sizeof answer, 0);
        if (count < (ssize_t)sizeof answer.header) continue;
        if (answer.header.nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *error = NLMSG_DATA(&answer.header);
            if (error->error == 0) continue;
            errno = -error->error;
            return -1;
        }
        if (answer.header.nlmsg_type != AUDIT_GET) continue;
        const struct audit_status *status = NLMSG_DATA(&answer.header);
        return status->enabled != 0;
    }
    errno = ETIMEDOUT;
    return -1;
}

int sandbox_audit_is_enabled(void) {
    int descriptor = open_netlink(0, 0);
    if (descriptor < 0) return -1;
    struct nlmsghdr request = {
        .nlmsg_len = NLMSG_LENGTH(0), .nlmsg_type = AUDIT_GET, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int result = -1;
    if (sendto(descriptor, &request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel) >= 0)
        result = read_status(descriptor);
    int code = errno;
    close(descriptor);
    errno = code;
    return result;
}
