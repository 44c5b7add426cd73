/* floor COMMAND ...

   What no supervisor can do without: it passes the four messages of an invocation between one caller (port 8080) and one
   runtime (port 9001), which it starts, and does nothing else. No extensions, no log, no mistakes are allowed for. */

#include "http.h"

enum { CALLERS = 8080, PEERS = 9001 };

static struct connection caller, runtime;
static struct message request, answer;

static int listen_at(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, 16))
        err(1, "port %d", port);
    return fd;
}

static void accept_from(int listener, struct connection *connection) {
    connection->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    connection->begun = connection->length = 0;
}

/* Whether the caller has something to say before it leaves. */
static bool caller_asks(void) {
    char byte;
    return recv(caller.fd, &byte, 1, MSG_PEEK) == 1;
}

static void invoke(void) {
    static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n";
    char head[512];
    receive_message(&caller, &request);
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
             "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
             "Lambda-Runtime-Deadline-Ms: 1542409706888\r\nContent-Length: %zu\r\n\r\n",
             request.body_length);
    send_message(&runtime, head, request.body, request.body_length);
    receive_message(&runtime, &answer);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             answer.body_length);
    send_message(&caller, head, answer.body, answer.body_length);
    send_message(&runtime, accepted, "{\"status\":\"OK\"}\n", 16);
    receive_message(&runtime, &answer);
}

int main(int count, char **words) {
    if (count < 2)
        errx(2, "usage: floor COMMAND ...");
    signal(SIGPIPE, SIG_IGN);
    int callers = listen_at(CALLERS), peers = listen_at(PEERS);
    setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001", 1);
    if (!vfork()) {
        execv(words[1], words + 1);
        _exit(127);
    }
    accept_from(peers, &runtime);
    receive_message(&runtime, &answer);
    for (;;) {
        accept_from(callers, &caller);
        while (caller_asks())
            invoke();
        close(caller.fd);
    }
}
