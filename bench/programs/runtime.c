/* The quickest runtime: answers each invocation with its own payload. */

#include "http.h"

static struct connection connection;
static struct message message;

int main(void) {
    int port = connect_to_runtime_api(&connection);
    char next[256], head[512], id[64];
    snprintf(next, sizeof next, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
    for (;;) {
        send_message(&connection, next, NULL, 0);
        receive_message(&connection, &message);
        const char *found = header(message.head, "\r\nLambda-Runtime-Aws-Request-Id:");
        if (!found)
            errx(1, "no request id: %s", message.head);
        snprintf(id, sizeof id, "%.*s", (int)strcspn(found, "\r"), found);
        snprintf(head, sizeof head,
                 "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                 id, port, message.body_length);
        send_message(&connection, head, message.body, message.body_length);
        receive_message(&connection, &message);
        if (status(&message) != 202)
            errx(1, "not accepted: %s", message.head);
    }
}
