/* Blocking HTTP/1.1 over one connection, as much of it as the programs of this folder need. A failure ends the program. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 8192, READ_BYTES = 65536 };

struct connection {
    int fd;
    size_t begun, length; /* what was read and not yet taken: buffer[begun..length) */
    char buffer[READ_BYTES];
};

struct message {
    char head[HEAD_BYTES];
    char *body;
    size_t body_length, body_room;
};

static inline double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

/* Whether there is somebody at the port of 127.0.0.1. */
static inline bool try_connect(struct connection *connection, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (void *)&address, sizeof address)) {
        close(fd);
        return false;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->fd = fd;
    connection->begun = connection->length = 0;
    return true;
}

/* Connect, as soon as somebody listens. */
static inline void connect_to(struct connection *connection, int port) {
    signal(SIGPIPE, SIG_IGN);
    while (!try_connect(connection, port))
        usleep(200);
}

/* Connect to the Runtime API; its port. */
static inline int connect_to_runtime_api(struct connection *connection) {
    const char *address = getenv("AWS_LAMBDA_RUNTIME_API");
    if (!address || !strchr(address, ':'))
        errx(2, "AWS_LAMBDA_RUNTIME_API is not set");
    int port = atoi(strchr(address, ':') + 1);
    connect_to(connection, port);
    return port;
}

static inline void send_message(struct connection *connection, const char *head, const char *body, size_t body_length) {
    struct iovec parts[2] = {{(void *)head, strlen(head)}, {(void *)body, body_length}}, *part = parts;
    int count = body_length ? 2 : 1;
    while (count) {
        ssize_t sent = writev(connection->fd, part, count);
        if (sent < 0)
            err(1, "send");
        for (; count && (size_t)sent >= part->iov_len; part++, count--)
            sent -= part->iov_len;
        if (count) {
            part->iov_base = (char *)part->iov_base + sent;
            part->iov_len -= sent;
        }
    }
}

/* The value of a header, NULL if there is none; the name as "\r\nName:". */
static inline const char *header(const char *head, const char *name) {
    const char *found = strcasestr(head, name);
    return found ? found + strlen(name) + strspn(found + strlen(name), " ") : NULL;
}

static inline void fill(struct connection *connection) {
    if (connection->begun) {
        memmove(connection->buffer, connection->buffer + connection->begun, connection->length - connection->begun);
        connection->length -= connection->begun;
        connection->begun = 0;
    }
    ssize_t got = recv(connection->fd, connection->buffer + connection->length, READ_BYTES - connection->length, 0);
    if (got <= 0)
        errx(1, "the connection broke off");
    connection->length += got;
}

/* Take the next bytes, up to the end of the first `end` in them; how many they are. */
static inline size_t take_until(struct connection *connection, const char *end, char *to, size_t room) {
    for (;;) {
        char *begin = connection->buffer + connection->begun;
        char *found = memmem(begin, connection->length - connection->begun, end, strlen(end));
        if (found) {
            size_t length = found + strlen(end) - begin;
            if (length >= room)
                errx(1, "a head or a line is too long");
            memcpy(to, begin, length);
            to[length] = 0;
            connection->begun += length;
            return length;
        }
        fill(connection);
    }
}

/* Append the next `count` bytes to the body. */
static inline void take_body(struct connection *connection, struct message *message, size_t count) {
    if (message->body_room < message->body_length + count) {
        message->body_room = message->body_length + count;
        message->body = realloc(message->body, message->body_room);
    }
    char *to = message->body + message->body_length;
    message->body_length += count;
    size_t there = connection->length - connection->begun;
    size_t buffered = there < count ? there : count;
    memcpy(to, connection->buffer + connection->begun, buffered);
    connection->begun += buffered;
    for (size_t got = buffered; got < count;) {
        ssize_t more = recv(connection->fd, to + got, count - got, MSG_WAITALL);
        if (more <= 0)
            errx(1, "the connection broke off");
        got += more;
    }
}

/* Read one message with its body, announced or in chunks. */
static inline void receive_message(struct connection *connection, struct message *message) {
    take_until(connection, "\r\n\r\n", message->head, HEAD_BYTES);
    message->body_length = 0;
    const char *length = header(message->head, "\r\nContent-Length:");
    if (length) {
        take_body(connection, message, strtoul(length, NULL, 10));
        return;
    }
    if (!header(message->head, "\r\nTransfer-Encoding:"))
        return;
    char line[HEAD_BYTES];
    size_t size;
    do {
        take_until(connection, "\r\n", line, sizeof line);
        size = strtoul(line, NULL, 16);
        take_body(connection, message, size);
        take_until(connection, "\r\n", line, sizeof line);
    } while (size);
}

static inline int status(const struct message *message) {
    return atoi(message->head + strlen("HTTP/1.1 "));
}
