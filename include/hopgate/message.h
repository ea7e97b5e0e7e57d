/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Messages: the heads and trailers of HTTP requests and responses, in the same form for every stage, regardless of the
 * HTTP version or encoding.
 *
 * Framing is not part of a message: Transfer-Encoding, Connection and the fields it names, Keep-Alive and the like are
 * removed where a message enters and created where it leaves. Content-Length becomes `length`, Host becomes
 * `authority`.
 *
 * Memory: a head or a set of fields is created by hg_head_new() or hg_fields_new() of <hopgate/host.h> and owns all its
 * texts. Texts passed to a setter are copied and checked: none can break out of its line. A head or set of fields
 * belongs to its creator until it is emitted, and then to the exchange.
 */
#ifndef HOPGATE_MESSAGE_H
#define HOPGATE_MESSAGE_H

#include <hopgate/types.h>

/** Private: the memory for the texts of a message. */
struct hg_arena;

/** Whether a text is a token (RFC 9110 section 5.6.2), as required for methods and field names. */
static inline bool hg_text_is_token(struct hg_text text)
{
    static const uint64_t tchar[2] = {0x03ff6cfa00000000, 0x57ffffffc7fffffe}; /* a bit for each byte below 128 */

    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (byte > 127 || !(tchar[byte >> 6] >> (byte & 63) & 1))
            return false;
    }
    return text.size > 0;
}

/** One field line (RFC 9110 section 5). */
struct hg_field {
    struct hg_text name;  /**< As it was spelt; compare with hg_text_equal_nocase(). */
    struct hg_text value; /**< Without leading and trailing whitespace. May contain any byte but CR, LF and NUL. */
};

/** Field lines in order; names may repeat. */
struct hg_fields {
    struct hg_field *items; /**< `count` of them. Change them only with hg_field_add(), hg_field_remove() and, for an
                                 existing field, hg_head_set(). */
    size_t count;
    size_t capacity;        /**< Private. */
    struct hg_arena *arena; /**< Private. */
};

enum hg_head_kind {
    HG_REQUEST = 1,
    HG_RESPONSE = 2,
};

/** `length` of a message without a body: it had neither Content-Length nor Transfer-Encoding. */
#define HG_LENGTH_NONE (-2)
/** `length` of a message whose body continues until `end`. */
#define HG_LENGTH_UNKNOWN (-1)

/** What an exchange carries. */
enum hg_traffic {
    /** An HTTP request and its response; after 101, the bytes of another protocol in both directions. */
    HG_TRAFFIC_HTTP = 0,
    /**
     * A byte stream in each direction that is not HTTP, such as TCP. The request is like CONNECT (RFC 9110 section
     * 9.3.6): the method is "CONNECT", `authority` says where to connect to unless a route does, scheme and path are
     * empty, and `length` is unknown. A 2xx response opens the stream, any other refuses it. Data are the bytes of the
     * stream; an end closes one direction only.
     */
    HG_TRAFFIC_STREAM = 1,
    /**
     * Datagrams in each direction, such as UDP. The request is like that for a stream; if it names its target by scheme
     * and path (RFC 9298 section 3), it has those, too. Data are capsules (RFC 9297 section 3.2), one of type DATAGRAM
     * for each datagram, so that any stage may split or join data.
     */
    HG_TRAFFIC_DATAGRAMS = 2,
};

/** The head of a request or of a response. */
struct hg_head {
    enum hg_head_kind kind;
    uint16_t version; /**< The HTTP version in which it was received: 0x0100, 0x0101, 0x0200. */
    int status;       /**< Responses: 100 to 999. 1xx heads other than 101 are interim: another head follows. */

    enum hg_traffic traffic; /**< Requests: what the exchange carries. */

    struct hg_text method;    /**< Requests: a token, case-sensitive. */
    struct hg_text scheme;    /**< Requests: "http" or "https". */
    struct hg_text authority; /**< Requests: host and optional port, validated (RFC 9110 section 7.2); empty if an
                                   HTTP/1.0 request did not give one. */
    struct hg_text path;      /**< Requests: path and query, beginning with "/"; or "*" for OPTIONS. */
    struct hg_text reason;    /**< Responses: the reason phrase; may be empty. */

    struct hg_text id;      /**< Requests: the request id, the same at both ends of the tunnel and in all logs. */
    struct hg_text peer;    /**< Requests: the address and port of the public user, as text. */
    struct hg_text service; /**< Requests inside the tunnel: the client's service that they are for. */

    struct hg_text upgrade; /**< Requests: the protocol requested by Upgrade; 101: the new protocol. Otherwise empty. */

    /**
     * For authentication that is bound to a connection (NTLM, Negotiate). Requests: identifies the public user's
     * connection on which this one arrived, with up to 64 visible characters that are never used for another
     * connection; empty if no such authentication was tried on it. Responses: "close" if that connection ends after the
     * response, otherwise empty.
     */
    struct hg_text connection;

    int64_t length; /**< Bytes of the body, HG_LENGTH_UNKNOWN or HG_LENGTH_NONE. In responses to HEAD and in 304 it is
                         the value of the field, and no body follows (RFC 9110 section 8.6). */
    struct hg_fields fields; /**< All other fields. Owned by the head. */

    struct hg_head *next; /**< Private to the owner of the head (for queues). */
};

/** The first field with that name at or after index `from`, or NULL. Case-insensitive. */
static inline const struct hg_field *hg_field_find(const struct hg_fields *fields, struct hg_text name, size_t from)
{
    for (size_t i = from; i < fields->count; i++)
        if (hg_text_equal_nocase(fields->items[i].name, name))
            return &fields->items[i];
    return NULL;
}

/** Whether a response with that status is interim: another response head follows (RFC 9110 section 15.2). */
static inline bool hg_head_is_interim(const struct hg_head *head)
{
    return head->kind == HG_RESPONSE && head->status >= 100 && head->status < 200 && head->status != 101;
}

#endif
