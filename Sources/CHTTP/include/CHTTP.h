// The door to libmicrohttpd: a small HTTP/1.1 server. It parses requests and sends answers, and knows no file and no
// rule: two functions of the caller decide on every request.
// No function prints or exits; what fails returns null and says why in `message`.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Room, in bytes, that every `message` argument must have.
#define HTTP_MESSAGE_LENGTH 200

typedef struct http_server http_server;
/// A request and its answer. It lives as long as the functions of the caller run.
typedef struct http_exchange http_exchange;

/// The limits of a server and the functions that decide. Several threads call these functions at once.
typedef struct {
  /// Connections at once. More wait until one ends.
  uint32_t connections;
  /// Threads that serve them.
  uint32_t threads;
  /// Seconds after which an idle connection ends.
  uint32_t idle_seconds;
  /// Seconds within which a whole request must arrive, and within which an answer must be taken.
  uint32_t request_seconds, answer_seconds;
  /// Bytes of all bodies that are in memory at once.
  size_t body_memory;
  void *_Nullable context;
  /// Called with the headers of a request, before its body is read. An answer here refuses the request, and ends the
  /// connection.
  void (*_Nonnull begin)(void *_Nullable context, http_exchange *_Nonnull exchange);
  /// Called with the whole request. It must answer.
  void (*_Nonnull complete)(void *_Nullable context, http_exchange *_Nonnull exchange);
} http_options;

/// The version of libmicrohttpd; null if MCDRL was built without it.
const char *_Nullable http_version(void);

/// Starts a server. `host` is a numeric address; a `port` of 0 takes a free one.
http_server *_Nullable http_start(const char *_Nonnull host, uint16_t port, http_options options,
                                  char *_Nonnull message);

/// The port of a server.
uint16_t http_port(const http_server *_Nonnull server);

/// Ends the connections that are slower than allowed. Call it about once a second.
void http_end_slow(http_server *_Nonnull server);

/// Ends a server. Requests that are being answered are finished first.
void http_stop(http_server *_Nonnull server);

const char *_Nonnull http_method(const http_exchange *_Nonnull exchange);
/// The path as it was sent, without its query. Nothing is decoded.
const char *_Nonnull http_path(const http_exchange *_Nonnull exchange);
/// A header of the request; null without it.
const char *_Nullable http_header(const http_exchange *_Nonnull exchange, const char *_Nonnull name);
/// A value of the query as it was sent; null without it.
const char *_Nullable http_query(const http_exchange *_Nonnull exchange, const char *_Nonnull name);
/// The length of the body that the request states; 0 without a body, -1 for a body of unknown length.
int64_t http_body_length(const http_exchange *_Nonnull exchange);
/// Reserves memory for the body, which only then is kept. Returns 0 if all bodies together take too much.
int http_keep_body(http_exchange *_Nonnull exchange);
/// The body that was kept; null before it is whole.
const uint8_t *_Nullable http_body(const http_exchange *_Nonnull exchange, size_t *_Nonnull size);

/// Answers with bytes, which are copied.
void http_answer(http_exchange *_Nonnull exchange, int status, const void *_Nullable bytes, size_t size);
/// Lets a client that is refused go on sending for two seconds, so that it gets the answer and not a reset
/// connection. It takes a thread meanwhile, so it is for clients that are known.
void http_linger(http_exchange *_Nonnull exchange);
/// Answers with a file; the descriptor is the server's from then on.
void http_answer_file(http_exchange *_Nonnull exchange, int descriptor, uint64_t size);
/// Adds a header to the answer.
void http_answer_header(http_exchange *_Nonnull exchange, const char *_Nonnull name, const char *_Nonnull value);
