// The entries of a build without libmicrohttpd: no server starts, so no request is ever seen.
#include "CHTTP.h"

#if !__has_include(<mcdrl_has_http.h>)
#include <stdio.h>
#include <unistd.h>

const char *http_version(void) { return 0; }

http_server *http_start(const char *host, uint16_t port, http_options options, char *message) {
  (void)host, (void)port, (void)options;
  snprintf(message, HTTP_MESSAGE_LENGTH, "built without libmicrohttpd");
  return 0;
}

uint16_t http_port(const http_server *server) { return (void)server, 0; }
void http_end_slow(http_server *server) { (void)server; }
void http_stop(http_server *server) { (void)server; }

const char *http_method(const http_exchange *exchange) { return (void)exchange, ""; }
const char *http_path(const http_exchange *exchange) { return (void)exchange, ""; }
const char *http_header(const http_exchange *exchange, const char *name) { return (void)exchange, (void)name, (void *)0; }
const char *http_query(const http_exchange *exchange, const char *name) { return (void)exchange, (void)name, (void *)0; }
int64_t http_body_length(const http_exchange *exchange) { return (void)exchange, 0; }
int http_keep_body(http_exchange *exchange) { return (void)exchange, 0; }
const uint8_t *http_body(const http_exchange *exchange, size_t *size) { return (void)exchange, *size = 0, (void *)0; }
void http_answer(http_exchange *exchange, int status, const void *bytes, size_t size) {
  (void)exchange, (void)status, (void)bytes, (void)size;
}
void http_linger(http_exchange *exchange) { (void)exchange; }
void http_answer_file(http_exchange *exchange, int descriptor, uint64_t size) {
  (void)exchange, (void)size;
  close(descriptor);
}
void http_answer_header(http_exchange *exchange, const char *name, const char *value) {
  (void)exchange, (void)name, (void)value;
}
#endif
