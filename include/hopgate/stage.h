/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Stages, edges and origins: the members of a pipeline, and the exchanges that pass through it.
 *
 * An exchange is an HTTP request and its response, streamed in both directions at once. Each direction consists of one
 * or more heads, then data, then an end. On the way down, events reach the stages from the top of the config file to
 * the bottom; on the way up, from the bottom to the top.
 *
 * Rules for all callbacks on a struct hg_self:
 *   - The first is `attach`, the last is `detach`; there is exactly one detach after an attach that answered NEXT,
 *     and nothing after it.
 *   - A callback is never called from within another one of the same exchange: actions requested in a callback (emit,
 *     resume, reset, break off) are queued and done after it has returned.
 *   - Nothing that a stage receives is modified in place, except heads, which a stage may change while `head` runs.
 *   - Nothing is dropped: a stage that cannot continue returns PAUSE or a short count, and the rest is queued until, in
 *     the end, the sender has to wait.
 */
#ifndef HOPGATE_STAGE_H
#define HOPGATE_STAGE_H

#include <hopgate/buffer.h>
#include <hopgate/message.h>
#include <hopgate/plugin.h>

/** What a callback returns. */
enum hg_verdict {
    HG_NEXT = 0,   /**< Continue. From attach: be part of the exchange. */
    HG_BYPASS = 1, /**< From attach only: leave the stage out of this exchange, at no cost from then on. */
    HG_PAUSE = 2,  /**< From head and end: hold the event. hg_resume() lets it continue as if NEXT had been returned. */
    HG_TAKEN = 3,  /**< From head only. Down: this stage responds itself, and nothing below sees the exchange. Up: the
                        stage responds in place of those below, which are reset. */
    HG_ERROR = 4,  /**< The exchange is reset, with status 500 unless the stage has called hg_reset(). */
};

/**
 * Kinds of traffic that a stage understands. `hopgate check` refuses a pipeline in which traffic of a kind that the
 * edge (or on a client the origin) declares could reach a stage that does not understand it, and hopgate does not start
 * with it. A request of such a kind that reaches such a stage nevertheless is reset with status 501.
 */
enum {
    HG_EVENTS_MESSAGES = 1 << 0,  /**< HTTP messages. */
    HG_EVENTS_UPGRADED = 1 << 1,  /**< The two byte streams of an exchange after 101. */
    HG_EVENTS_STREAM = 1 << 2,    /**< HG_TRAFFIC_STREAM. */
    HG_EVENTS_DATAGRAMS = 1 << 3, /**< HG_TRAFFIC_DATAGRAMS. */
};

/** Where an exchange goes, as decided by a route. The texts live as long as the instance that set it. */
struct hg_target {
    struct hg_text client;  /**< Gateway: the client's id. */
    struct hg_text service; /**< Gateway: the service of that client. */
    struct hg_text url;     /**< Client: "http://host:port", where the origin sends the request. */
};

struct hg_service;

/** The TLS of a public user's connection. */
struct hg_tls {
    struct hg_text version;     /**< "TLS1.3". */
    struct hg_text cipher;      /**< "AES-256-GCM". */
    struct hg_text server_name; /**< The name the user requested by SNI (RFC 6066 section 3); empty: none. */
    struct hg_text alpn;        /**< The protocol chosen by ALPN (RFC 7301): "http/1.1"; empty: none. */
};

/** How an exchange ended, for access logs and metrics. */
struct hg_outcome {
    bool complete;        /**< Request and response are both complete. */
    int status;           /**< Of the final response head that reached the user or, if none did, of the failure. */
    uint64_t bytes[2];    /**< Of the bodies: HG_DOWN from the user, HG_UP to the user, as seen by the top stage. */
    hg_time first_byte;   /**< When the final response head reached the top; 0: never. */
    hg_time ended;        /**< When it was over. It began at hg_exchange.started. */
    const char *error;    /**< Why it failed: an error type of RFC 9209 section 2.3; NULL: it did not, or none fits. */
    const char *detail;   /**< The same for people; NULL if complete. */
    const char *ended_by; /**< The name of the stage that ended it; "session": the tunnel; "core"; NULL if
                               complete. */
};

/** What all stages may know about an exchange. Only the core changes it. */
struct hg_exchange {
    uint64_t number;                  /**< Unique in its worker. */
    hg_time started;                  /**< When the head of its request was complete. */
    const struct hg_head *request;    /**< From the first head until detach. */
    const struct hg_head *response;   /**< The latest response head on its way up; NULL before. */
    struct hg_target target;          /**< Empty until set by a route. */
    const struct hg_service *service; /**< Client: see <hopgate/service.h>. NULL until set by a route. */
    struct hg_sockaddr user;  /**< request->peer, parsed, at both ends. `size` is 0 if it is not an address and port. */
    const struct hg_tls *tls; /**< Gateway: the TLS of the user's connection. NULL: none, or not known. */
    const struct hg_outcome *outcome; /**< In `reset` and `detach`; NULL before. If a stage is detached while those
                                           above continue, because one of them responds instead or the response is being
                                           cut short, it gets the outcome as known by then. */
};

/** A stage's part in an exchange. Created by the core. */
struct hg_self {
    const struct hg_host *host;
    struct hg_worker *worker; /**< The instance in this worker; its `state` is the plugin's. */
    const struct hg_exchange *exchange;
    const void *cfg; /**< worker->cfg. */
    void *state;     /**< `self_size` zeroed bytes for the plugin, freed by the core after detach; NULL if that is 0. */
};

/** The operations of a stage. Every member but `events` may be NULL: the event then passes at no cost. */
struct hg_stage_ops {
    uint32_t events;  /**< HG_EVENTS_…: what the stage understands. */
    size_t self_size; /**< Bytes that the core allocates at self->state for each exchange. */

    /** The exchange reaches the stage; exchange->request is set. Returns NEXT or BYPASS. */
    enum hg_verdict (*attach)(struct hg_self *self);
    /**
     * A head passes. `head` belongs to the exchange and may be modified during the call. Interim responses are passed
     * as heads of their own before the final one. NEXT passes it on; PAUSE, TAKEN and ERROR as above.
     */
    enum hg_verdict (*head)(struct hg_self *self, enum hg_direction direction, struct hg_head *head);
    /**
     * Bytes of the body arrive. Returns how many of them, from the beginning, the stage has consumed; it passes data on
     * with hg_emit(), either the same slice or other bytes. A short count is backpressure: the core keeps the rest and
     * offers it again after hg_resume(), before data that has arrived in the meantime. `slice->size` is never 0.
     */
    size_t (*data)(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice);
    /**
     * The message is complete; all its data has been consumed. `trailers` may be NULL, and may be modified during the
     * call.
     */
    enum hg_verdict (*end)(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers);
    /**
     * The sender has no more data for now, so what has arrived so far should not wait for more. For stages that collect
     * data before they pass it on, such as compression: they emit what they have, then call hg_flush(). If it is NULL,
     * the flush passes after the data before it. An end implies a flush, so none is sent with it.
     */
    void (*flush)(struct hg_self *self, enum hg_direction direction);
    /**
     * The exchange ends early: another stage, or the core, has reset it. `detach` follows. Not called for a stage's own
     * hg_reset().
     */
    void (*reset)(struct hg_self *self, const struct hg_reason *reason);
    /** hg_emit() in that direction had left no credit, and now there is some again. */
    void (*writable)(struct hg_self *self, enum hg_direction direction);
    /**
     * The stage's part is over: free what `state` refers to. exchange->outcome says how the exchange ended. `self` must
     * not be used afterwards. The edge is detached last.
     */
    void (*detach)(struct hg_self *self);
};

/**
 * The operations of an edge. An edge opens exchanges with hg_exchange_open(), emits their requests down and receives
 * their responses in the callbacks of `exchange` (`attach` is not called; the direction is always HG_UP).
 */
struct hg_edge_ops {
    const struct hg_stage_ops *exchange; /**< The callbacks for the exchanges that it has opened. */
};

#endif
