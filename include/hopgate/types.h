/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Small types that all the other headers share.
 */
#ifndef HOPGATE_TYPES_H
#define HOPGATE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/** A time of the monotonic clock, or a duration, in nanoseconds. */
typedef uint64_t hg_time;

#define HG_MICROSECOND ((hg_time)1000)
#define HG_MILLISECOND (1000 * HG_MICROSECOND)
#define HG_SECOND      (1000 * HG_MILLISECOND)

/** A piece of text owned by someone else. Not NUL-terminated; `data` may be NULL only when `size` is 0. */
struct hg_text {
    const char *data;
    size_t size;
};

/** The text of a string literal or array: HG_TEXT("GET"). */
#define HG_TEXT(literal) ((struct hg_text){(literal), sizeof(literal) - 1})

/** For printf: "%.*s" with HG_PRINT(text). */
#define HG_PRINT(text) (int)(text).size, (text).data ? (text).data : ""

/** The text of a NUL-terminated string; NULL gives the empty text. */
static inline struct hg_text hg_text(const char *string)
{
    return (struct hg_text){string, string ? strlen(string) : 0};
}

/** Byte-exact comparison. */
static inline bool hg_text_equal(struct hg_text a, struct hg_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/** Comparison that ignores the case of ASCII letters: field names, schemes, hosts. */
static inline bool hg_text_equal_nocase(struct hg_text a, struct hg_text b)
{
    return a.size == b.size && (a.size == 0 || strncasecmp(a.data, b.data, a.size) == 0);
}

/**
 * Why an exchange failed. The same reason reaches the public user (status and Proxy-Status field), the access log and
 * the metrics.
 */
struct hg_reason {
    int status;        /**< The HTTP status to respond with if no response head has been sent yet: 400 to 599. */
    const char *error; /**< A proxy error type of RFC 9209 section 2.3 ("connection_refused"); a literal. NULL: none. */
    const char *detail;   /**< One line for people, without secrets. Valid during the call that it is passed to. */
    unsigned retry_after; /**< Seconds for a Retry-After field; 0: none. */
};

/** The address of a socket: struct sockaddr_in or sockaddr_in6. */
struct hg_sockaddr {
    struct sockaddr_storage address;
    socklen_t size; /**< 0: no address. */
};

/** The direction of an event: down is from the public user toward the origin, up is back. */
enum hg_direction {
    HG_DOWN = 0,
    HG_UP = 1,
};

#endif
