/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "store": values by key that outlive the program, and leases that decide who does what.
 *
 * Offered by plugins that keep state (store_file; a shared engine in a cluster), used by those that must not lose any
 * (acme). Everything is asynchronous, since an fsync() blocks and an engine may be far away: an operation is begun by
 * a call and answered once, by its `done`, later, in the same worker's thread, never within the call.
 *
 * Keys are paths: 1 to HG_STORE_KEY_MAX bytes, segments of 1 to HG_STORE_SEGMENT_MAX bytes with "/" between them, any
 * byte but NUL; case counts. A key is never the beginning of another one's path: beside "a/b" there is no "a". The
 * first segment is the name of the plugin that the value belongs to: "acme/certificates/app.example.com".
 *
 * Values are opaque, 0 to HG_STORE_VALUE_MAX bytes. **One value is the unit that changes together**: a reader, also one
 * after a power cut or in another process, sees the old value or the new one, whole, and never a mixture. There is no
 * write of several keys at once; what belongs together (a chain and its key) is one value. A file store keeps the bytes
 * as they are, so PEM texts, one after the other, remain readable to people and to tools.
 *
 * Revisions tell values apart: each write gives its key a revision that the key never had. Only equality means
 * something. "Written unless it has changed since I read it" is a put with the revision that get has told.
 *
 * Leases say who may do something while others wait. A lease has a name (a key in a name space of its own), one holder
 * at a time, and ends by itself when its holder does not renew it in time. Each time that it changes hands its fence
 * grows, for ever, so a holder that was stopped and lost it without noticing is told apart: give lease and fence with
 * each write that the lease protects, and the write fails once somebody else holds it.
 *
 * Order and threads: operations of one worker on the same key take effect in the order of the calls. All texts are
 * copied within a call; what an answer holds is valid during `done`. A store may stand anywhere in the pipeline, so it
 * takes operations from the caller's worker_start() on and until its worker_stop(); a store that stops first completes
 * what it was given, answers all of it within its worker_stop(), takes nothing more and has ended all watches.
 * The store wipes its copies of values, since keys are among them.
 */
#ifndef HOPGATE_STORE_H
#define HOPGATE_STORE_H

#include <hopgate/plugin.h>

#define HG_STORE         "store"
#define HG_STORE_VERSION 1

enum {
    HG_STORE_KEY_MAX = 512,
    HG_STORE_SEGMENT_MAX = 253, /**< A name of DNS fits (RFC 1035 section 2.3.4, without the final dot). */
    HG_STORE_VALUE_MAX = 1 << 20,
    HG_STORE_OWNER_MAX = 128,
};

/** How an operation ended. */
enum hg_store_status {
    HG_STORE_OK = 0,
    HG_STORE_NOT_FOUND = 1, /**< There is no such value. */
    HG_STORE_CONFLICT = 2,  /**< Not done: the revision is another one, the lease is somebody else's or has ended. */
    HG_STORE_CORRUPT = 3,   /**< What was there is damaged: it was put aside for a person, the log says where, and the
                                 key has no value from now on. */
    HG_STORE_NOT_WRITABLE = 4, /**< Not done: disk full, read-only, I/O error, no permission. The old value stays. */
    HG_STORE_NOT_READABLE = 5, /**< There may be a value, but an I/O error or missing permission is in the way. */
    HG_STORE_UNAVAILABLE = 6,  /**< The store cannot be reached now or stops; whether a write was done is not known. */
    HG_STORE_INVALID = 7,      /**< The caller's fault: a key or value beyond what is said above. */
};

/** A value's revision as a condition. */
#define HG_STORE_ANY    UINT64_MAX    /**< Whatever is there. */
#define HG_STORE_ABSENT ((uint64_t)0) /**< Nothing is there. */

/** One key of a list. */
struct hg_store_entry {
    struct hg_text key;
    uint64_t revision;
};

/** What became of an operation. Members of other operations are zero. */
struct hg_store_answer {
    enum hg_store_status status;
    const char *error; /**< Where `status` is not HG_STORE_OK: what and where, for a person. Never NULL. */
    uint64_t revision; /**< get: of the value; put: of the new value; put and remove with HG_STORE_CONFLICT: of what is
                            there, HG_STORE_ABSENT if nothing. */
    struct hg_text value;                 /**< get. */
    const struct hg_store_entry *entries; /**< list: sorted by key. */
    size_t count;                         /**< list. */
    uint64_t fence;                       /**< acquire, renew: of the lease that is held. */
    struct hg_text owner;                 /**< acquire with HG_STORE_CONFLICT: who holds it. */
    hg_time remaining;                    /**< acquire with HG_STORE_CONFLICT: it ends no later unless it is renewed. */
};

typedef void (*hg_store_done)(void *arg, const struct hg_store_answer *answer);

/** Below the prefix of a watch the value of `key` has changed, came or went. An empty key: any of them may have. */
typedef void (*hg_store_changed)(void *arg, struct hg_text key);

/** An operation that goes on. Made by the store, gone when `done` begins. */
struct hg_store_request;
/** A watch. Made by the store. */
struct hg_store_watch;

/** What a write depends on. Zeroed: nothing may be there. */
struct hg_store_condition {
    uint64_t revision;    /**< What must be there: HG_STORE_ANY, HG_STORE_ABSENT or a revision. */
    struct hg_text lease; /**< A lease that must be held, empty: none … */
    uint64_t fence;       /**< … with this fence. */
};

/**
 * The operations. Those that return a request return NULL when out of memory or the store has stopped; `done` is then
 * not called.
 */
struct hg_store_ops {
    /** Reads a value: OK, NOT_FOUND, CORRUPT, NOT_READABLE, UNAVAILABLE. */
    struct hg_store_request *(*get)(struct hg_worker *provider, struct hg_text key, hg_store_done done, void *arg);
    /**
     * Writes a value if the condition holds: OK once it is on the disk for good, CONFLICT, NOT_WRITABLE, UNAVAILABLE.
     * A damaged value counts as absent.
     */
    struct hg_store_request *(*put)(struct hg_worker *provider, struct hg_text key, struct hg_text value,
                                    const struct hg_store_condition *condition, hg_store_done done, void *arg);
    /** Removes a value if the condition holds; as put. NOT_FOUND: it holds and there was none. */
    struct hg_store_request *(*remove)(struct hg_worker *provider, struct hg_text key,
                                       const struct hg_store_condition *condition, hg_store_done done, void *arg);
    /**
     * Lists the keys that are below `prefix`, whole segments ("acme/certificates"); empty: all. None: OK with a count
     * of 0. Values are not looked at, so damaged ones are listed, with a revision that may be HG_STORE_ABSENT.
     */
    struct hg_store_request *(*list)(struct hg_worker *provider, struct hg_text prefix, hg_store_done done, void *arg);

    /**
     * Takes a lease for `time_to_live` (100 ms to 1 h) if nobody holds it. CONFLICT: somebody does, also if it is the
     * same owner. `owner`, up to HG_STORE_OWNER_MAX printable bytes, is for people: a host name and process id. A
     * store may see that a holder is dead and give its lease away before it ends.
     */
    struct hg_store_request *(*acquire)(struct hg_worker *provider, struct hg_text lease, struct hg_text owner,
                                        hg_time time_to_live, hg_store_done done, void *arg);
    /**
     * Lets a lease last for `time_to_live` from now on. Do so after a third of the time. CONFLICT: it is lost, stop
     * what it protects. UNAVAILABLE, NOT_WRITABLE: not known, try again until it would have ended.
     */
    struct hg_store_request *(*renew)(struct hg_worker *provider, struct hg_text lease, uint64_t fence,
                                      hg_time time_to_live, hg_store_done done, void *arg);
    /** Gives a lease back. CONFLICT: it was somebody else's already. */
    struct hg_store_request *(*release)(struct hg_worker *provider, struct hg_text lease, uint64_t fence,
                                        hg_store_done done, void *arg);

    /** `done` will not be called. What was begun may be done all the same. */
    void (*cancel)(struct hg_worker *provider, struct hg_store_request *request);

    /**
     * Calls `changed` in this worker for each value below `prefix` (as in list) that changes after this call, whoever
     * did it: this worker, another process, another machine where the store spans several. What a list or get that is
     * begun later does not show is told. Several changes may be told as one, and a change may be told more often than
     * it happened. NULL when out of memory or the store has stopped.
     */
    struct hg_store_watch *(*watch)(struct hg_worker *provider, struct hg_text prefix, hg_store_changed changed,
                                    void *arg);
    /** Ends a watch. May be called in its own `changed`. Does nothing once the store has stopped. */
    void (*unwatch)(struct hg_worker *provider, struct hg_store_watch *watch);
    /**
     * Optional, asked by hg_store_delay(): how long it may take, usually, until a watch elsewhere tells of a write that
     * was answered here. It may change.
     */
    hg_time (*delay)(struct hg_worker *provider);
};

/**
 * How long after a put or remove was answered a watch elsewhere (in another worker, process or machine) may tell of it,
 * usually; for who has to be sure that the others know. 0: a moment.
 */
static inline hg_time hg_store_delay(const struct hg_store_ops *ops, struct hg_worker *provider)
{
    return ops->delay ? ops->delay(provider) : 0;
}

#endif
