// POSIX message queues.
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    char name[64];
    snprintf(name, sizeof name, "/compatibility-%d", getpid());
    struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 64};
    mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
    printf("mq_open: %s\n", queue >= 0 ? "works" : strerror(errno));
    if (queue < 0) return 1;
    mq_send(queue, "low", 4, 1);
    mq_send(queue, "high", 5, 9);
    char text[64];
    unsigned priority;
    while (mq_getattr(queue, &attributes) == 0 && attributes.mq_curmsgs > 0) {
        ssize_t length = mq_receive(queue, text, sizeof text, &priority);
        printf("%zd %s %u\n", length, text, priority);
    }
    printf("mq_unlink %d\n", mq_unlink(name));
    return 0;
}
