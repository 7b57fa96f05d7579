// A server of libmicrohttpd, whose threads call the functions of the caller.
#include "server.h"

#if __has_include(<mcdrl_has_http.h>)
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Memory for the headers of a connection. Longer ones are answered with 431.
enum { HEADER_MEMORY = 16 << 10, BACKLOG = 128 };

const char *http_version(void) { return MHD_get_version(); }

// ---- Requests --------------------------------------------------------------------------------------------------

// Texts of the address stay as they were sent.
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
  (void)context, (void)connection;
  return strlen(text);
}

static enum MHD_Result send_answer(http_exchange *exchange) {
  if (!exchange->response) return MHD_NO;
  set_phase(exchange->server, exchange->connection, 1);
  return MHD_queue_response(exchange->connection, exchange->status, exchange->response);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **state) {
  (void)version;
  http_server *server = context;
  http_exchange *exchange = *state;
  const int is_first = !exchange;
  if (is_first) {
    exchange = calloc(1, sizeof *exchange);
    if (!exchange) return MHD_NO;
    *state = exchange;
    exchange->server = server;
    exchange->connection = connection;
  }
  exchange->method = method;
  exchange->path = path;
  if (is_first) {
    server->options.begin(server->options.context, exchange);
    if (!exchange->response) return MHD_YES;
    if (exchange->lingers) let_linger(connection);
    MHD_add_response_header(exchange->response, MHD_HTTP_HEADER_CONNECTION, "close");
    return send_answer(exchange);
  }
  if (exchange->response) {
    // It is refused, and the rest of it does not count.
    *size = 0;
    return MHD_YES;
  }
  if (*size > 0) {
    if (exchange->capacity - exchange->size < *size) return MHD_NO;
    memcpy(exchange->body + exchange->size, data, *size);
    exchange->size += *size;
    *size = 0;
    return MHD_YES;
  }
  server->options.complete(server->options.context, exchange);
  return send_answer(exchange);
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code) {
  (void)code;
  http_server *server = context;
  http_exchange *exchange = *state;
  if (!exchange) return;
  set_phase(server, connection, 0);
  pthread_mutex_lock(&server->lock);
  server->body_bytes -= exchange->capacity;
  pthread_mutex_unlock(&server->lock);
  if (exchange->response) MHD_destroy_response(exchange->response);
  free(exchange->body);
  free(exchange);
  *state = NULL;
}

const char *http_method(const http_exchange *exchange) { return exchange->method; }
const char *http_path(const http_exchange *exchange) { return exchange->path; }

const char *http_header(const http_exchange *exchange, const char *name) {
  return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *http_query(const http_exchange *exchange, const char *name) {
  return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

int64_t http_body_length(const http_exchange *exchange) {
  if (http_header(exchange, MHD_HTTP_HEADER_TRANSFER_ENCODING)) return -1;
  const char *text = http_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
  if (!text) return 0;
  char *end;
  errno = 0;
  const long long length = strtoll(text, &end, 10);
  return errno || end == text || *end || length < 0 ? INT64_MAX : length;
}

int http_keep_body(http_exchange *exchange) {
  http_server *server = exchange->server;
  const int64_t length = http_body_length(exchange);
  if (length < 0 || exchange->capacity) return 0;
  if (length == 0) return 1;
  pthread_mutex_lock(&server->lock);
  const int fits = (uint64_t)length <= server->options.body_memory - server->body_bytes;
  if (fits) server->body_bytes += length;
  pthread_mutex_unlock(&server->lock);
  if (!fits) return 0;
  exchange->capacity = length;
  exchange->body = malloc(length);
  return exchange->body != NULL;
}

const uint8_t *http_body(const http_exchange *exchange, size_t *size) {
  *size = exchange->size;
  return exchange->size == exchange->capacity ? exchange->body : NULL;
}

void http_answer(http_exchange *exchange, int status, const void *bytes, size_t size) {
  if (exchange->response) return;
  exchange->status = status;
  exchange->response = MHD_create_response_from_buffer(size, (void *)bytes, MHD_RESPMEM_MUST_COPY);
}

void http_linger(http_exchange *exchange) { exchange->lingers = 1; }

void http_answer_file(http_exchange *exchange, int descriptor, uint64_t size) {
  if (!exchange->response) exchange->response = MHD_create_response_from_fd64(size, descriptor);
  else close(descriptor);
  exchange->status = MHD_HTTP_OK;
}

void http_answer_header(http_exchange *exchange, const char *name, const char *value) {
  if (exchange->response) MHD_add_response_header(exchange->response, name, value);
}

// ---- The server ------------------------------------------------------------------------------------------------

// A listening socket, or -1 and the reason.
static int listening(const char *host, uint16_t port, uint16_t *found, char *message) {
  char service[8];
  snprintf(service, sizeof service, "%u", (unsigned)port);
  struct addrinfo *address = NULL;
  const struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  const int code = getaddrinfo(host, service, &wanted, &address);
  if (code) {
    snprintf(message, HTTP_MESSAGE_LENGTH, "%s", gai_strerror(code));
    return -1;
  }
  const int descriptor = socket(address->ai_family, SOCK_STREAM, 0);
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  const int yes = 1;
  if (descriptor < 0 || fcntl(descriptor, F_SETFD, FD_CLOEXEC) || fcntl(descriptor, F_SETFL, O_NONBLOCK) ||
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
      bind(descriptor, address->ai_addr, address->ai_addrlen) || listen(descriptor, BACKLOG) ||
      getsockname(descriptor, (struct sockaddr *)&name, &length)) {
    snprintf(message, HTTP_MESSAGE_LENGTH, "%s", strerror(errno));
    if (descriptor >= 0) close(descriptor);
    freeaddrinfo(address);
    return -1;
  }
  freeaddrinfo(address);
  *found = ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                            : ((struct sockaddr_in *)&name)->sin_port);
  return descriptor;
}

http_server *http_start(const char *host, uint16_t port, http_options options, char *message) {
  http_server *server = calloc(1, sizeof *server);
  if (!server || pthread_mutex_init(&server->lock, NULL)) {
    snprintf(message, HTTP_MESSAGE_LENGTH, "no memory");
    free(server);
    return NULL;
  }
  server->options = options;
  const int descriptor = listening(host, port, &server->port, message);
  if (descriptor >= 0) {
    server->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, descriptor, MHD_OPTION_CONNECTION_LIMIT, options.connections,
        MHD_OPTION_THREAD_POOL_SIZE, options.threads, MHD_OPTION_CONNECTION_TIMEOUT, options.idle_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MEMORY, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, note_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_end, server,
        MHD_OPTION_END);
    if (!server->daemon) {
      snprintf(message, HTTP_MESSAGE_LENGTH, "libmicrohttpd does not start: %s", strerror(errno));
      close(descriptor);
    }
  }
  if (server->daemon) return server;
  pthread_mutex_destroy(&server->lock);
  free(server);
  return NULL;
}

uint16_t http_port(const http_server *server) { return server->port; }

void http_stop(http_server *server) {
  MHD_stop_daemon(server->daemon);
  pthread_mutex_destroy(&server->lock);
  free(server);
}
#endif
