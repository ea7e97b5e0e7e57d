/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "store": values by key that outlive the program, and leases that decide who does what.
 *
 * Offered by plugins that keep state (store_file; a shared engine in a cluster), used by those that must not lose any
 * (acme). Everything is asynchronous, since fsync() blocks and an engine may be far away: a call starts an operation,
 * and its `done` is called once, later, in the same worker's thread, never within the call.
 *
 * Keys are paths: 1 to HG_STORE_KEY_MAX bytes, with segments of 1 to HG_STORE_SEGMENT_MAX bytes separated by "/", of
 * any byte but NUL; they are case-sensitive. A store may limit segments with other bytes than letters, digits, "-", "_"
 * and "." to a third of that. A key never begins the path of another one: if there is "a/b", there
 * cannot be "a". The first segment is the name of the plugin that the value belongs to:
 * "acme/certificates/app.example.com".
 *
 * Values are opaque, 0 to HG_STORE_VALUE_MAX bytes. **A value is the unit of change**: a reader, even after a power
 * failure or in another process, sees either the old value or the new one, complete, and never a mixture. Several keys
 * cannot be written at once, so what belongs together (a chain and its key) is one value. A file store keeps the bytes
 * as they are, so that concatenated PEM texts remain readable to people and tools.
 *
 * Revisions identify values: each write gives its key a revision that the key has never had before. They can only be
 * compared for equality. "Write this unless it has changed since I read it" is a put with the revision from get.
 *
 * Leases decide who may do something while others wait. A lease has a name (a key in a name space of its own) and one
 * holder at a time, and expires unless its holder renews it in time. Each time it changes hands, its fence increases,
 * and it is never reset, so that a holder that was stopped and lost it without noticing can be recognized: pass the
 * lease and fence with each write that the lease protects, and the write fails once another holds it.
 *
 * Order and threads: operations of one worker on the same key take effect in the order of the calls. All texts are
 * copied within a call; the contents of an answer are valid during `done`. A store may be anywhere in the pipeline, so
 * it accepts operations from the caller's worker_start() until its worker_stop(). A store that stops first completes
 * all pending operations and calls their `done` within its worker_stop(); after that it accepts no more, and all
 * watches have ended. The store wipes its copies of values, which may include keys.
 */
#ifndef HOPGATE_STORE_H
#define HOPGATE_STORE_H

#include <hopgate/plugin.h>

#define HG_STORE         "store"
#define HG_STORE_VERSION 1

enum {
    HG_STORE_KEY_MAX = 512,
    HG_STORE_SEGMENT_MAX = 253, /**< Long enough for a DNS name (RFC 1035 section 2.3.4, without the final dot). */
    HG_STORE_VALUE_MAX = 1 << 20,
    HG_STORE_OWNER_MAX = 128,
};

/** How an operation ended. */
enum hg_store_status {
    HG_STORE_OK = 0,
    HG_STORE_NOT_FOUND = 1, /**< There is no such value. */
    HG_STORE_CONFLICT = 2,  /**< Not done: the revision differs, or the lease was released or has passed to another
                                 holder. */
    HG_STORE_CORRUPT = 3,   /**< The value is damaged: it was put aside for someone to look at, the log says where, and
                                 the key has no value from now on. */
    HG_STORE_NOT_WRITABLE = 4, /**< Not done: disk full, read-only, I/O error, no permission. The old value stays. */
    HG_STORE_NOT_READABLE = 5, /**< There may be a value, but it cannot be read: I/O error, no permission. */
    HG_STORE_UNAVAILABLE = 6,  /**< The store is unreachable or stopping; it is not known whether a write was done. */
    HG_STORE_INVALID = 7,      /**< An error of the caller: a malformed key, or a size or time beyond the limits. */
};

/** A revision as a condition. */
#define HG_STORE_ANY    UINT64_MAX    /**< Any value, or none. */
#define HG_STORE_ABSENT ((uint64_t)0) /**< No value. */

/** A key in a list. */
struct hg_store_entry {
    struct hg_text key;
    uint64_t revision;
};

/** The result of an operation. Members of other operations are zero. */
struct hg_store_answer {
    enum hg_store_status status;
    const char *error;    /**< If `status` is not HG_STORE_OK: what failed and where, for people. Never NULL. */
    uint64_t revision;    /**< get: of the value; put: of the new value; put and remove with HG_STORE_CONFLICT: of the
                               existing value; HG_STORE_ABSENT if there is none, or if the lease was the reason. */
    struct hg_text value; /**< get. */
    const struct hg_store_entry *entries; /**< list: sorted by key. */
    size_t count;                         /**< list. */
    uint64_t fence;                       /**< acquire, renew: of the lease. */
    struct hg_text owner;                 /**< acquire with HG_STORE_CONFLICT: the holder. */
    hg_time remaining; /**< acquire with HG_STORE_CONFLICT: the lease expires by then unless it is renewed. */
};

typedef void (*hg_store_done)(void *arg, const struct hg_store_answer *answer);

/**
 * The value of `key`, below the prefix of a watch, was changed, created or removed. An empty key: any of them may have
 * been.
 */
typedef void (*hg_store_changed)(void *arg, struct hg_text key);

/** A pending operation. Created by the store, freed when `done` is called. */
struct hg_store_request;
/** A watch. Created by the store. */
struct hg_store_watch;

/** A condition for a write. Zeroed: no value may exist. */
struct hg_store_condition {
    uint64_t revision;    /**< The existing value must have this: HG_STORE_ANY, HG_STORE_ABSENT or a revision. */
    struct hg_text lease; /**< A lease that must be held, or empty … */
    uint64_t fence;       /**< … with this fence. */
};

/**
 * The operations. Those that return a request return NULL when out of memory or if the store has stopped; `done` is
 * then not called.
 */
struct hg_store_ops {
    /** Reads a value: OK, NOT_FOUND, CORRUPT, NOT_READABLE, UNAVAILABLE. */
    struct hg_store_request *(*get)(struct hg_worker *provider, struct hg_text key, hg_store_done done, void *arg);
    /**
     * Writes a value if the condition holds: OK once it is safely on disk, CONFLICT, NOT_WRITABLE, UNAVAILABLE. A
     * damaged value counts as absent.
     */
    struct hg_store_request *(*put)(struct hg_worker *provider, struct hg_text key, struct hg_text value,
                                    const struct hg_store_condition *condition, hg_store_done done, void *arg);
    /**
     * Removes a value if the condition holds; results as for put. NOT_FOUND: the condition holds, but there was no
     * value.
     */
    struct hg_store_request *(*remove)(struct hg_worker *provider, struct hg_text key,
                                       const struct hg_store_condition *condition, hg_store_done done, void *arg);
    /**
     * Lists the keys below `prefix`, in whole segments ("acme/certificates"); empty: all keys. If there are none: OK
     * with a count of 0. Values are not read, so damaged ones are listed, too, with a revision that may be
     * HG_STORE_ABSENT.
     */
    struct hg_store_request *(*list)(struct hg_worker *provider, struct hg_text prefix, hg_store_done done, void *arg);

    /**
     * Acquires a lease for `time_to_live` (100 ms to 1 h) if it is free. CONFLICT: it is held, perhaps by the same
     * owner. `owner`, up to HG_STORE_OWNER_MAX printable bytes, is for people: a host name and process id. If a store
     * notices that a holder is dead, it may give the lease away before it expires.
     */
    struct hg_store_request *(*acquire)(struct hg_worker *provider, struct hg_text lease, struct hg_text owner,
                                        hg_time time_to_live, hg_store_done done, void *arg);
    /**
     * Extends a lease to `time_to_live` from now. Call it after a third of that time. CONFLICT: the lease is lost, stop
     * what it protects. UNAVAILABLE, NOT_WRITABLE: the outcome is unknown, try again until the lease would have
     * expired.
     */
    struct hg_store_request *(*renew)(struct hg_worker *provider, struct hg_text lease, uint64_t fence,
                                      hg_time time_to_live, hg_store_done done, void *arg);
    /** Releases a lease. CONFLICT: it was already released, or lost to another holder. */
    struct hg_store_request *(*release)(struct hg_worker *provider, struct hg_text lease, uint64_t fence,
                                        hg_store_done done, void *arg);

    /** Cancels a request: `done` will not be called. The operation may be done nevertheless. */
    void (*cancel)(struct hg_worker *provider, struct hg_store_request *request);

    /**
     * Calls `changed` in this worker for each value below `prefix` (as in list) that is changed after this call, by
     * this worker, another process, or another machine if the store is shared. Every change that a list or get started
     * later does not show is reported. Several changes may be reported as one, and a change may be reported more than
     * once. NULL when out of memory, if the store has stopped, or if the prefix is too long.
     */
    struct hg_store_watch *(*watch)(struct hg_worker *provider, struct hg_text prefix, hg_store_changed changed,
                                    void *arg);
    /** Ends a watch. May be called in its own `changed`. Does nothing once the store has stopped. */
    void (*unwatch)(struct hg_worker *provider, struct hg_store_watch *watch);
    /**
     * Optional, used by hg_store_delay(): how long it usually takes until a write that was answered here is reported by
     * a watch elsewhere. It may change.
     */
    hg_time (*delay)(struct hg_worker *provider);
};

/**
 * How long it usually takes after a put or remove was answered until a watch elsewhere (in another worker, process or
 * machine) reports it; for callers that must be sure that the others have seen the change. 0: almost no time.
 */
static inline hg_time hg_store_delay(const struct hg_store_ops *ops, struct hg_worker *provider)
{
    return ops->delay ? ops->delay(provider) : 0;
}

#endif
