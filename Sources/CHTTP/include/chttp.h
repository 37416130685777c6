// GET requests by libcurl, behind functions that Swift can call: curl_easy_setopt takes variable arguments.
#ifndef CHTTP_H
#define CHTTP_H

#include <stddef.h>

// A connection pool of one thread; connections stay open between requests.
typedef struct chttp_session chttp_session;

typedef enum {
    CHTTP_DONE,
    // A callback returned nonzero.
    CHTTP_STOPPED,
    CHTTP_BAD_URL,
    CHTTP_NO_HOST,
    CHTTP_NO_CONNECTION,
    // The server, or what is between, let the time for a connection and its encryption pass.
    CHTTP_NO_ANSWER,
    // The certificate or the encryption was not accepted.
    CHTTP_TLS,
    // Too slow for too long, or the whole time is over.
    CHTTP_TIMEOUT,
    // The connection ended before the body did.
    CHTTP_CUT,
    CHTTP_OTHER,
} chttp_outcome;

typedef struct {
    const char *url;
    // Whole lines, "Name: value".
    const char *const *headers;
    size_t header_count;
    const char *user_agent;
    // Seconds to connect in, and to be done in (0: no limit).
    long connect_seconds;
    long total_milliseconds;
    // The transfer ends when it has had fewer bytes per second than this for so many seconds.
    long stall_bytes;
    long stall_seconds;

    void *context;
    // Each line of the response's header with its line end, interim responses too. Nonzero ends the transfer.
    int (*on_header)(void *context, const char *line, size_t length);
    // The body piece by piece. Nonzero ends the transfer.
    int (*on_body)(void *context, const void *bytes, size_t length);
} chttp_request;

typedef struct {
    chttp_outcome outcome;
    // libcurl's words for it.
    char message[256];
} chttp_result;

// NULL when there is no memory.
chttp_session *chttp_open(void);
void chttp_close(chttp_session *session);

// One request; redirects are not followed. Proxies are those of the environment (https_proxy, no_proxy, ...), and so
// are certificates that are to be trusted in place of the system's (CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR).
chttp_result chttp_get(chttp_session *session, const chttp_request *request);

// The parts of an http or https URL, as the requests understand it; to be freed with chttp_free_url.
typedef struct {
    // Special characters escaped.
    char *whole;
    char *scheme;
    char *host;
    char *port;
    char *path;
} chttp_url;

// Zero when it is a sound http or https URL; `text` may be relative to `base`, unless that is NULL.
int chttp_parse_url(const char *text, const char *base, chttp_url *url);
void chttp_free_url(chttp_url *url);

// An http date in seconds since 1970, -1 for what is none.
long long chttp_date(const char *text);

#endif
