/* The quickest extension: registers for INVOKE and SHUTDOWN and asks for one event after the other. */

#include "http.h"

static const char events[] = "{\"events\":[\"INVOKE\",\"SHUTDOWN\"]}";
static struct connection connection;
static struct message message;

int main(int count, char **words) {
    (void)count;
    int port = connect_to_runtime_api(&connection);
    const char *slash = strrchr(words[0], '/');
    char head[512];
    snprintf(head, sizeof head,
             "POST /2020-01-01/extension/register HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nLambda-Extension-Name: %s\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             port, slash ? slash + 1 : words[0], strlen(events));
    send_message(&connection, head, events, strlen(events));
    receive_message(&connection, &message);
    const char *id = header(message.head, "\r\nLambda-Extension-Identifier:");
    if (status(&message) != 200 || !id)
        errx(1, "not registered: %s", message.head);
    snprintf(head, sizeof head,
             "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
             "Lambda-Extension-Identifier: %.*s\r\n\r\n",
             port, (int)strcspn(id, "\r"), id);
    do {
        send_message(&connection, head, NULL, 0);
        receive_message(&connection, &message);
        if (status(&message) != 200)
            errx(1, "no event: %s", message.head);
    } while (!memmem(message.body, message.body_length, "SHUTDOWN", strlen("SHUTDOWN")));
}
