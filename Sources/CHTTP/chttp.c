#include "chttp.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct chttp_session {
    CURL *handle;
};

static pthread_once_t initialized = PTHREAD_ONCE_INIT;

// Before libcurl 7.84 two threads must not do this at once.
static void initialize(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

chttp_session *chttp_open(void) {
    pthread_once(&initialized, initialize);
    chttp_session *session = malloc(sizeof *session);
    if (!session) return NULL;
    session->handle = curl_easy_init();
    if (session->handle) return session;
    free(session);
    return NULL;
}

void chttp_close(chttp_session *session) {
    curl_easy_cleanup(session->handle);
    free(session);
}

static size_t header_callback(char *bytes, size_t size, size_t count, void *request_pointer) {
    const chttp_request *request = request_pointer;
    return request->on_header(request->context, bytes, size * count) ? 0 : size * count;
}

static size_t body_callback(char *bytes, size_t size, size_t count, void *request_pointer) {
    const chttp_request *request = request_pointer;
    return request->on_body(request->context, bytes, size * count) ? 0 : size * count;
}

static chttp_outcome outcome_of(CURLcode code) {
    switch (code) {
    case CURLE_OK: return CHTTP_DONE;
    case CURLE_WRITE_ERROR: return CHTTP_STOPPED;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return CHTTP_BAD_URL;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return CHTTP_NO_HOST;
    case CURLE_COULDNT_CONNECT: return CHTTP_NO_CONNECTION;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return CHTTP_TLS;
    case CURLE_OPERATION_TIMEDOUT: return CHTTP_TIMEOUT;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return CHTTP_CUT;
    default: return CHTTP_OTHER;
    }
}

// Which certificates are trusted, by the variables of the curl program, which libcurl itself does not read.
static void set_trust(CURL *handle) {
    const char *file = getenv("CURL_CA_BUNDLE");
    if (!file || !*file) {
        file = getenv("SSL_CERT_FILE");
        const char *folder = getenv("SSL_CERT_DIR");
        if (folder && *folder) curl_easy_setopt(handle, CURLOPT_CAPATH, folder);
    }
    if (file && *file) curl_easy_setopt(handle, CURLOPT_CAINFO, file);
}

static void set_options(CURL *handle, const chttp_request *request) {
    curl_easy_setopt(handle, CURLOPT_URL, request->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    set_trust(handle);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 262144L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, request->user_agent);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, request->connect_seconds);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, request->total_milliseconds);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, request->stall_bytes);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, request->stall_seconds);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, header_callback);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, (void *)request);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, body_callback);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, (void *)request);
}

chttp_result chttp_get(chttp_session *session, const chttp_request *request) {
    chttp_result result = {CHTTP_OTHER, "out of memory"};
    char message[CURL_ERROR_SIZE] = "";
    // What is asked for is unpacked; a proxy may pack it all the same, which set_options has undone.
    struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: identity");
    if (!headers) return result;
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(headers, request->headers[i]);
        if (!longer) {
            curl_slist_free_all(headers);
            return result;
        }
        headers = longer;
    }

    CURL *handle = session->handle;
    curl_easy_reset(handle);  // connections stay
    set_options(handle, request);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, message);
    CURLcode code = curl_easy_perform(handle);

    result.outcome = outcome_of(code);
    curl_off_t connected = 0;
    if (code == CURLE_OPERATION_TIMEDOUT &&
        curl_easy_getinfo(handle, CURLINFO_PRETRANSFER_TIME_T, &connected) == CURLE_OK && connected == 0) {
        result.outcome = CHTTP_NO_ANSWER;
    }
    strncpy(result.message, message[0] ? message : curl_easy_strerror(code), sizeof result.message - 1);
    result.message[sizeof result.message - 1] = 0;
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    return result;
}

// Whether a URL that was put together is read as the same again; one with `%7f` in its host is not.
static int is_stable(const char *whole) {
    CURLU *parts = curl_url();
    char *again = NULL;
    int same = parts && curl_url_set(parts, CURLUPART_URL, whole, 0) == CURLUE_OK &&
               curl_url_get(parts, CURLUPART_URL, &again, 0) == CURLUE_OK && strcmp(whole, again) == 0;
    curl_free(again);
    curl_url_cleanup(parts);
    return same;
}

int chttp_parse_url(const char *text, const char *base, chttp_url *url) {
    memset(url, 0, sizeof *url);
    CURLU *parts = curl_url();
    if (!parts) return 1;
    int failed = (base && curl_url_set(parts, CURLUPART_URL, base, 0) != CURLUE_OK) ||
                 curl_url_set(parts, CURLUPART_URL, text, CURLU_URLENCODE | CURLU_ALLOW_SPACE) != CURLUE_OK ||
                 curl_url_get(parts, CURLUPART_URL, &url->whole, 0) != CURLUE_OK ||
                 curl_url_get(parts, CURLUPART_SCHEME, &url->scheme, 0) != CURLUE_OK ||
                 curl_url_get(parts, CURLUPART_HOST, &url->host, 0) != CURLUE_OK ||
                 curl_url_get(parts, CURLUPART_PORT, &url->port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
                 curl_url_get(parts, CURLUPART_PATH, &url->path, 0) != CURLUE_OK ||
                 (strcmp(url->scheme, "http") != 0 && strcmp(url->scheme, "https") != 0) || !is_stable(url->whole);
    curl_url_cleanup(parts);
    if (failed) chttp_free_url(url);
    return failed;
}

void chttp_free_url(chttp_url *url) {
    curl_free(url->whole);
    curl_free(url->scheme);
    curl_free(url->host);
    curl_free(url->port);
    curl_free(url->path);
    memset(url, 0, sizeof *url);
}

long long chttp_date(const char *text) { return curl_getdate(text, NULL); }
