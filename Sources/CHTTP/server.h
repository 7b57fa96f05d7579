// The server as its two files see it.
#pragma once
#include "CHTTP.h"

#if __has_include(<mcdrl_has_http.h>)
#include <microhttpd.h>
#include <pthread.h>

struct client;

struct http_server {
  struct MHD_Daemon *daemon;
  http_options options;
  uint16_t port;
  pthread_mutex_t lock;
  // What the lock protects.
  struct client *clients;
  size_t body_bytes;
};

struct http_exchange {
  http_server *server;
  struct MHD_Connection *connection;
  const char *method, *path;
  uint8_t *body;
  size_t size, capacity;
  struct MHD_Response *response;
  unsigned int status;
  int lingers;
};

// Adds a connection to the list of the server, and removes it at its end.
void note_connection(void *server, struct MHD_Connection *connection, void **state,
                     enum MHD_ConnectionNotificationCode code);
// Says that the wait for a request, or the sending of an answer, begins.
void set_phase(http_server *server, struct MHD_Connection *connection, int is_answering);
// Says that the client may go on sending for a while after its connection ended.
void let_linger(struct MHD_Connection *connection);
#endif
