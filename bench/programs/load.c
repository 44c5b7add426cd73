/* load PORT CLIENTS SIZE INVOCATIONS SECONDS

   So many callers invoke with a payload of SIZE bytes, each the next time when it has the answer: until there were that
   many invocations, or for that many seconds, whatever is not 0. Prints, as JSON, how many invocations that were, how
   long it took (in seconds), and percentiles of how long each caller waited (in microseconds). */

#include "http.h"
#include <pthread.h>

struct caller {
    pthread_t thread;
    double *waits;
    size_t count, room;
};

static int port, clients;
static size_t size, wanted;
static double seconds;
static char *payload;

static void *call(void *argument) {
    struct caller *caller = argument;
    struct connection *connection = malloc(sizeof *connection);
    struct message message = {0};
    char head[512];
    snprintf(head, sizeof head,
             "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             port, size);
    connect_to(connection, port);
    double end = seconds ? now_us() + seconds * 1e6 : 1e300;
    size_t share = wanted ? wanted / clients : (size_t)-1;
    for (double begin = now_us(); caller->count < share && begin < end; begin = now_us()) {
        send_message(connection, head, payload, size);
        receive_message(connection, &message);
        if (status(&message) != 200 || message.body_length != size)
            errx(1, "not answered: %s%.*s", message.head, (int)message.body_length, message.body);
        if (caller->count == caller->room) {
            caller->room = caller->room ? 2 * caller->room : 4096;
            caller->waits = realloc(caller->waits, caller->room * sizeof *caller->waits);
        }
        caller->waits[caller->count++] = now_us() - begin;
    }
    close(connection->fd);
    return NULL;
}

static int by_length(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

int main(int count, char **words) {
    if (count != 6)
        errx(2, "usage: load PORT CLIENTS SIZE INVOCATIONS SECONDS");
    port = atoi(words[1]);
    clients = atoi(words[2]);
    size = strtoul(words[3], NULL, 10);
    wanted = strtoul(words[4], NULL, 10);
    seconds = atof(words[5]);
    payload = malloc(size);
    memset(payload, 'x', size);
    payload[0] = payload[size - 1] = '"';

    struct caller *callers = calloc(clients, sizeof *callers);
    double begin = now_us();
    for (int i = 0; i < clients; i++)
        pthread_create(&callers[i].thread, NULL, call, &callers[i]);
    size_t total = 0;
    for (int i = 0; i < clients; i++) {
        pthread_join(callers[i].thread, NULL);
        total += callers[i].count;
    }
    double took = (now_us() - begin) / 1e6;
    if (!total)
        errx(1, "no invocation");

    double *waits = malloc(total * sizeof *waits), *next = waits;
    for (int i = 0; i < clients; i++) {
        memcpy(next, callers[i].waits, callers[i].count * sizeof *waits);
        next += callers[i].count;
    }
    qsort(waits, total, sizeof *waits, by_length);
    printf("{\"invocations\": %zu, \"seconds\": %.6f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f}\n", total, took,
           waits[total / 2], waits[total * 90 / 100], waits[total * 99 / 100]);
}
