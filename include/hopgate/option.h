/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Option tables: what a plugin's block in the config file may contain.
 *
 * The core reads the block, checks every value against this table and fills the plugin's config struct, so a plugin
 * never parses text. `hopgate describe NAME` and the option section of the manual page are also made from the table.
 *
 *     struct config { const char *path; hg_time timeout; };
 *     static const struct hg_option options[] = {
 *         {.name = "path", .type = HG_OPTION_PATH, .offset = offsetof(struct config, path),
 *          .flags = HG_OPTION_REQUIRED, .doc = "Where the state is kept."},
 *         {.name = "timeout", .type = HG_OPTION_DURATION, .offset = offsetof(struct config, timeout), .value = "5s",
 *          .min = 1000000, .max = 3600000000000, .doc = "How long to wait for a lock."},
 *         {0},
 *     };
 */
#ifndef HOPGATE_OPTION_H
#define HOPGATE_OPTION_H

#include <hopgate/types.h>

/** How a value is written in the file, and the type of the member that it is stored in. */
enum hg_option_type {
    HG_OPTION_STRING = 1,   /**< Any text. `const char *`, owned by the core, NULL if absent. */
    HG_OPTION_BOOL = 2,     /**< true/false, yes/no, on/off. `bool`. */
    HG_OPTION_INTEGER = 3,  /**< Decimal. `int64_t`. */
    HG_OPTION_SIZE = 4,     /**< 65536, 64k, 1M, 2G, 1T (powers of 1024). `uint64_t`, bytes. */
    HG_OPTION_DURATION = 5, /**< 20ns, 30us, 250ms, 5s, 2m, 1h, 7d; also a plain 0. `hg_time`, nanoseconds. */
    HG_OPTION_ADDRESS =
        6,              /**< host:port, [v6]:port, *:port, then words if `choices` allows any. `struct hg_address`. */
    HG_OPTION_PATH = 7, /**< A file; relative paths start at the config file's folder. `const char *`, absolute. */
    HG_OPTION_ENUM = 8, /**< One of `choices`. `int`: its index. */
    HG_OPTION_LIST = 9, /**< A sequence, or a single item, of type `item`. `struct hg_list`. */
    HG_OPTION_MAP = 10, /**< A mapping described by `fields`. The struct itself, embedded. */
    HG_OPTION_SECRET_FILE = 11, /**< A file with a secret: its content, without a trailing newline. `const char *`. */
    HG_OPTION_NETWORK =
        12, /**< 192.0.2.1, 192.0.2.0/24, 2001:db8::/32, `file:PATH` for a file with one of these per line, or a list of
                 them. `const struct hg_networks *`, for hg_networks_match(); NULL if absent. Files are reread on
                 SIGHUP. IPv4-mapped IPv6 is IPv4 (RFC 4291 section 2.5.5.2). Not allowed as an item of a LIST. */
};

enum {
    HG_OPTION_REQUIRED = 1 << 0, /**< Its absence is an error, except in a MAP that is absent itself. */
    HG_OPTION_SECRET = 1 << 1,   /**< Never printed: logs and dumps show "(secret)". */
    HG_OPTION_BODY = 1 << 2, /**< If a block, or an item of a LIST of MAP, is a sequence or scalar and not a mapping, it
                                  is the value of this option. */
    HG_OPTION_REMOVED =
        1 << 3, /**< It existed in an earlier version. A file that still has it gets an error that ends in `doc`, which
                     says what to do instead. It has no value, and `describe` does not list it. */
};

/** An address to listen on or to connect to. */
struct hg_address {
    const char *host; /**< A name, or an IPv4 or IPv6 literal without brackets; "*": all addresses of the machine. */
    uint16_t port;    /**< 0 (any free port) only if the option's range begins at 0: `.min = 0, .max = 65535`. */
    uint32_t words;   /**< Bit i: it was followed by the word `choices[i]`, as in "*:443 tls". */
};

/** The networks of an HG_OPTION_NETWORK. They may change on SIGHUP. */
struct hg_networks;

/** A list of values. */
struct hg_list {
    size_t count;
    void *items; /**< `count` values of the item type, one after the other; for HG_OPTION_MAP, `item_size` apart. */
};

/** An option. A table ends with a zeroed one. */
struct hg_option {
    const char *name; /**< As in the file: lower case, digits, underscores. */
    enum hg_option_type type;
    enum hg_option_type item; /**< HG_OPTION_LIST: the type of its items. */
    uint32_t flags;
    size_t offset;     /**< The offset of the value in the config struct (or in the item's struct). */
    const char *value; /**< The default, as in the file (a list: "[a, b]"); NULL: none, the member stays zero. */
    int64_t min, max;  /**< The range of an INTEGER, SIZE, DURATION (nanoseconds) or ADDRESS (its port), or of each item
                            of a LIST of these; for other lists, of the number of items. Both 0: unbounded (a port: 1 to
                            65535). `max` 0 with a positive `min`: no upper bound. */
    const char *const *choices;     /**< ENUM and ADDRESS: the words, terminated by NULL. */
    const struct hg_option *fields; /**< MAP and LIST of MAP: the members. */
    size_t item_size;               /**< LIST of MAP: the size of one item's struct. */
    const char *doc;                /**< One sentence of documentation. */
    const void *reserved[2];        /**< Zero, since options are items of arrays and thus cannot grow. */
};

#endif
