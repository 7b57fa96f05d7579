// The connections of a server: which of them are slow, and how they end.
#include "server.h"

#if __has_include(<mcdrl_has_http.h>)
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

// Milliseconds and bytes that a client may go on sending after it was refused.
enum { LINGER_TIME = 2000, LINGER_BYTES = 1 << 28 };

// A connection. The list of all is how slow ones are found.
struct client {
  struct client *next, **place;
  int socket;
  // When the wait for a request, or the sending of an answer, began.
  time_t since;
  int is_answering, lingers;
};

static int64_t milliseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static time_t now(void) { return milliseconds() / 1000; }

// Reads what a client still sends. A socket that is closed with unread bytes is reset, and the client may lose the
// answer that it was sent.
static void linger(int socket) {
  static const size_t room = 1 << 16;
  char *bytes = malloc(room);
  if (!bytes) return;
  shutdown(socket, SHUT_WR);
  const int64_t end = milliseconds() + LINGER_TIME;
  size_t total = 0;
  struct pollfd wait = {.fd = socket, .events = POLLIN};
  for (int64_t left; total < LINGER_BYTES && (left = end - milliseconds()) > 0;) {
    const int ready = poll(&wait, 1, (int)left);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    const ssize_t count = recv(socket, bytes, room, 0);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) break;
    total += count;
  }
  free(bytes);
}

void note_connection(void *context, struct MHD_Connection *connection, void **state,
                     enum MHD_ConnectionNotificationCode code) {
  http_server *server = context;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *client = calloc(1, sizeof *client);
    *state = client;
    if (!client) return;
    client->socket = info ? info->connect_fd : -1;
    client->since = now();
    pthread_mutex_lock(&server->lock);
    client->next = server->clients;
    client->place = &server->clients;
    if (client->next) client->next->place = &client->next;
    server->clients = client;
    pthread_mutex_unlock(&server->lock);
  } else if (*state) {
    struct client *client = *state;
    // The socket is still open here, so its number can not be that of another connection.
    pthread_mutex_lock(&server->lock);
    *client->place = client->next;
    if (client->next) client->next->place = client->place;
    pthread_mutex_unlock(&server->lock);
    if (client->lingers) linger(client->socket);
    free(client);
    *state = NULL;
  }
}

static struct client *client_of(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

void set_phase(http_server *server, struct MHD_Connection *connection, int is_answering) {
  struct client *client = client_of(connection);
  if (!client) return;
  pthread_mutex_lock(&server->lock);
  client->since = now();
  client->is_answering = is_answering;
  pthread_mutex_unlock(&server->lock);
}

void let_linger(struct MHD_Connection *connection) {
  struct client *client = client_of(connection);
  // Only the thread of the connection reads it.
  if (client) client->lingers = 1;
}

void http_end_slow(http_server *server) {
  time_t time = now();
  pthread_mutex_lock(&server->lock);
  for (struct client *client = server->clients; client; client = client->next) {
    time_t most = client->is_answering ? server->options.answer_seconds : server->options.request_seconds;
    if (time - client->since > most) shutdown(client->socket, SHUT_RDWR);
  }
  pthread_mutex_unlock(&server->lock);
}
#endif
