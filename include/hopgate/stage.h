/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Stages, edges and origins: what stands in a pipeline, and the exchanges that walk through it.
 *
 * An exchange is one HTTP request and its response, streaming, in both directions at once. In each direction it is
 * one or more heads, then data, then an end. Events reach the stages of the config file from top to bottom on the way
 * down and from bottom to top on the way up.
 *
 * Rules that hold for every callback on a struct hg_self:
 *   - The first is `attach`, the last is `detach`; there is exactly one detach after an attach that answered NEXT,
 *     and nothing after it.
 *   - A callback is never called from within another one of the same exchange: what a stage asks for in a callback
 *     (emit, resume, reply, reset) is queued and done after it has returned.
 *   - Nothing that a stage was given is edited in place, but for heads, which a stage may change while `head` runs.
 *   - Nothing is dropped: a stage that cannot go on says so (PAUSE, a short count) and the rest waits, which in the end
 *     makes the sender wait.
 */
#ifndef HOPGATE_STAGE_H
#define HOPGATE_STAGE_H

#include <hopgate/buffer.h>
#include <hopgate/message.h>
#include <hopgate/plugin.h>

/** What a callback answers. */
enum hg_verdict {
    HG_NEXT = 0,   /**< Go on. From attach: take part. */
    HG_BYPASS = 1, /**< From attach alone: this exchange does not concern the stage; it costs nothing from here on. */
    HG_PAUSE = 2,  /**< From head and end: hold the event. hg_resume() lets it go on as if NEXT had been answered. */
    HG_TAKEN = 3,  /**< From head alone. Down: this stage answers the exchange itself, nothing below sees it. Up: the
                        stage answers in the place of what is below, which is reset. */
    HG_ERROR = 4,  /**< The exchange is reset, with status 500 unless the stage has called hg_reset(). */
};

/**
 * Kinds of traffic that a stage understands. `hopgate check` refuses a pipeline in which a kind that the edge (or on a
 * client the origin) declares could reach a stage that does not. An exchange that nevertheless gets to such a stage is
 * reset with status 501.
 */
enum {
    HG_EVENTS_MESSAGES = 1 << 0,  /**< HTTP messages. */
    HG_EVENTS_UPGRADED = 1 << 1,  /**< The two byte streams of an exchange after 101. */
    HG_EVENTS_STREAM = 1 << 2,    /**< HG_TRAFFIC_STREAM. */
    HG_EVENTS_DATAGRAMS = 1 << 3, /**< HG_TRAFFIC_DATAGRAMS. */
};

/** Where an exchange goes: what a route decided. The texts live as long as the instance that set it. */
struct hg_target {
    struct hg_text client;  /**< Gateway: the client's id. */
    struct hg_text service; /**< Gateway: the service of that client. */
    struct hg_text url;     /**< Client: "http://host:port", where origin sends the request. */
};

struct hg_service;

/** What is known of the TLS of a public user's connection. */
struct hg_tls {
    struct hg_text version;     /**< "TLS1.3". */
    struct hg_text cipher;      /**< "AES-256-GCM". */
    struct hg_text server_name; /**< What the user asked for by SNI (RFC 6066 section 3); empty: nothing. */
    struct hg_text alpn;        /**< The protocol chosen by ALPN (RFC 7301): "http/1.1"; empty: none. */
};

/** How an exchange ended: what access logs and metrics want to know. */
struct hg_outcome {
    bool complete; /**< Request and response came to their ends. */
    int status;    /**< Of the final response head that reached the user; where none did, of the failure. */
    uint64_t
        bytes[2]; /**< Of the bodies: HG_DOWN from the user, HG_UP to the user, as the stage at the top saw them. */
    hg_time first_byte; /**< When the final response head reached the top; 0: it never did. */
    hg_time ended;      /**< When it was over. hg_exchange.started says when it began. */
    const char
        *error; /**< Why it failed, a proxy error type of RFC 9209 section 2.3; NULL: it did not, or none fits. */
    const char *detail;   /**< The same for a person; NULL if complete. */
    const char *ended_by; /**< The name of the stage that has ended it; "core"; NULL if complete. */
};

/** What everybody may know of an exchange. Changed by the core alone. */
struct hg_exchange {
    uint64_t number;                  /**< Unique in the process. */
    hg_time started;                  /**< When its request head was complete. */
    const struct hg_head *request;    /**< From the first head on until detach. */
    const struct hg_head *response;   /**< The newest response head on its way up; NULL before. */
    struct hg_target target;          /**< Empty until a route has set it. */
    const struct hg_service *service; /**< Client: see <hopgate/service.h>. NULL until a route has set it. */
    struct hg_sockaddr user;          /**< request->peer, parsed, at both ends of the tunnel. `size` is 0 where it is no
                                           address and port. */
    const struct hg_tls *tls; /**< Gateway: the TLS of the user's connection. NULL: it has none, or the edge does
                                   not say. */
    const struct hg_outcome *outcome; /**< In `reset` and `detach`; NULL before. A stage that is detached while those
                                           above go on, since one of them answers instead or the response is being cut
                                           short, sees what is known then. */
};

/** A stage's place in one exchange. Made by the core. */
struct hg_self {
    const struct hg_host *host;
    struct hg_worker *worker; /**< The instance in this worker; its `state` is the plugin's. */
    const struct hg_exchange *exchange;
    const void *cfg; /**< worker->cfg. */
    void
        *state; /**< `self_size` zeroed bytes of the plugin's own, freed by the core after detach; NULL if that is 0. */
};

/** The operations of a stage. Every member but `events` may be NULL: the event passes, at no cost. */
struct hg_stage_ops {
    uint32_t events;  /**< HG_EVENTS_…: what the stage understands. */
    size_t self_size; /**< Bytes that the core provides at self->state for each exchange. */

    /**
     * The exchange reaches the stage: exchange->request is there. Answers NEXT or BYPASS.
     */
    enum hg_verdict (*attach)(struct hg_self *self);
    /**
     * A head passes. `head` belongs to the exchange and may be edited during the call. Interim responses come as
     * heads of their own before the final one. NEXT hands it on; PAUSE, TAKEN and ERROR as above.
     */
    enum hg_verdict (*head)(struct hg_self *self, enum hg_direction direction, struct hg_head *head);
    /**
     * Bytes of the body come by. Returns how many of them, from the first on, the stage is done with; what it wants to
     * go on it emits by hg_emit(), the same slice or other bytes. A short count is backpressure: the rest stays with
     * the core and is offered again after hg_resume(), with whatever has come meanwhile. `slice->size` is never 0.
     */
    size_t (*data)(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice);
    /**
     * The message is complete; all its data has been consumed. `trailers` may be NULL, may be edited during the call.
     */
    enum hg_verdict (*end)(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers);
    /**
     * What has come so far shall not wait for more: whoever sends has nothing else at hand now. For stages that gather
     * data before they pass it on, as compression does: they emit what they have, then call hg_flush(). Where it is
     * NULL, it passes by itself, behind the data before it. An end says the same; no flush comes with it.
     */
    void (*flush)(struct hg_self *self, enum hg_direction direction);
    /**
     * The exchange is over before its end: some other stage, or the core, has reset it. `detach` follows. A stage
     * that has called hg_reset() is not told of its own.
     */
    void (*reset)(struct hg_self *self, const struct hg_reason *reason);
    /** hg_emit() in that direction had left no credit and now there is some again. */
    void (*writable)(struct hg_self *self, enum hg_direction direction);
    /**
     * The stage's part is over: free what `state` refers to. exchange->outcome says how the exchange ended. After this,
     * `self` is gone. The edge is detached last.
     */
    void (*detach)(struct hg_self *self);
};

/**
 * The operations of an edge. An edge opens exchanges with hg_exchange_open(), emits their requests down and receives
 * their responses up, by the callbacks in `exchange` (`attach` is not called; direction is always HG_UP).
 */
struct hg_edge_ops {
    const struct hg_stage_ops *exchange; /**< What happens to the exchanges that it has opened. */
};

#endif
