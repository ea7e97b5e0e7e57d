/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A gateway's worker and a client's worker, connected by a wire in memory, with a public user above and an origin below
 * that follow a test's instructions: the whole core except config files and sockets.
 */
#ifndef TESTS_UNIT_TESTBED_H
#define TESTS_UNIT_TESTBED_H

#include "core/session/session.h"
#include "tests/unit/memory_transport.h"
#include "tests/unit/worker_fixture.h"

struct asked;

/* Another gateway, also named by the client's first transport. */
struct other_gateway {
    struct fixture *gateway;
    struct wire wire;
    bool refuses; /* its identity plugin refuses */
};

struct hg_verification;

struct testbed {
    struct wire wire, bytes; /* `bytes`: the second transport of both, a byte link, if has_bytes */
    bool has_bytes;          /* set before testbed_new(), like more_count */
    size_t more_count;
    unsigned links; /* of clients created from now on; 0: one */
    struct other_gateway more[WIRE_GATEWAYS - 1];
    struct fixture *gateway, *client;
    struct fixture *other;                /* a second client with the same id: see testbed_add_client() */
    const char *const *services;          /* those that the client may serve; NULL: all */
    const char *const *serves;            /* announced by clients that open a session from now on; NULL: none */
    bool refuses;                         /* the gateway's identity plugin refuses */
    const char *granted_id;               /* the id that it grants in place of the client's; NULL: that one */
    int wrong_verdict;                    /* the verdict that it returns instead; 0: none */
    bool answers_within;                  /* it calls answered() within verify() */
    hg_time verifies_after;               /* the gateway's identity plugin answers after this time; 0: at once */
    struct hg_verification *verification; /* not answered yet */
    struct hg_timer *verify_timer;
    unsigned verified_late, cancelled; /* the number of verifications that ended that way */
    void (*changed)(void *arg); /* call this when the answers of the first gateway's identity plugin have changed */
    void *changed_arg;
    unsigned attached, detached, resets; /* at the origin */
    int reset_status;                    /* of the last reset */
    uint64_t taken, given;               /* bytes of requests and responses at the origin */
    struct hg_self *held;                /* the newest exchange of /hang */
    bool gathers;                        /* set before testbed_new(): a stage of the gateway keeps data until a flush */
    bool ignores_flush;                  /* … and never gets one */
    size_t gathered;                     /* bytes that it has kept at some time */
    struct asked *asked;                 /* all exchanges ever requested by users */
};

/* A request of the public user. */
struct user {
    struct testbed *testbed;
    struct hg_self *self;    /* NULL after detach */
    enum hg_traffic traffic; /* set before user_ask(); if it is not HTTP, the path is the authority */
    size_t upload;           /* bytes yet to be sent */
    uint64_t sent;
    bool never_ends; /* the end of the request is not sent */
    bool stalls;     /* takes no data until user_read_on() */
    bool is_held;    /* has not taken what was offered */
    bool is_wrong;   /* a byte did not match */
    unsigned interims;
    int status;
    uint64_t got;
    size_t trailers;
    bool ended, was_reset, detached;
    struct hg_reason reason;
    char detail[256];
};

/* Creates both ends; the settings may be changed before testbed_start(). */
void testbed_new(struct testbed *testbed);
void testbed_start(struct testbed *testbed);
/* The gateway vanishes without notice, if it existed, and is replaced by one without any state. */
void testbed_replace_gateway(struct testbed *testbed);
/* Starts a second process of the same client. */
void testbed_add_client(struct testbed *testbed);
void testbed_free(struct testbed *testbed);

/* Runs all loops until done(arg) is true or the time is over, with a simulated clock (tests/unit/clock.h); returns
 * done(arg). */
bool testbed_run(struct testbed *testbed, bool (*done)(void *arg), void *arg, unsigned milliseconds);
/* Runs both loops until the client's session is open at the gateway, too. */
void testbed_connect(struct testbed *testbed);
/* Runs both loops for that long. */
void testbed_wait(struct testbed *testbed, unsigned milliseconds);
size_t testbed_session_count(const struct testbed *testbed);

/* Sends an `open` of that client, naming a session, to a gateway's end of a link. */
void testbed_inject_open(struct wire_end *gateway, const char *id, const char *name);

/* Sends a request for `service` of `client` (NULL: no target). The path says what the origin does:
 *   /down/N  answers with N bytes        /half/N    resets after N bytes
 *   /echo    answers with the request    /early     answers at once, but still takes the upload
 *   /hang    takes all, answers nothing  /refuse    resets before the head
 *   /interim 103 and then 200            /deaf      takes nothing, answers nothing */
void user_ask(struct user *user, struct testbed *testbed, const char *client, const char *service, const char *path,
              size_t upload);
/* At another gateway. */
void user_ask_at(struct fixture *gateway, struct user *user, struct testbed *testbed, const char *client,
                 const char *service, const char *path, size_t upload);
bool user_is_done(void *arg); /* the exchange is over, successful or not */
/* Takes data again. */
void user_read_on(struct user *user);
/* Sends a request and waits until it is over. */
void user_get(struct user *user, struct testbed *testbed, const char *path, size_t upload);

/* Byte `at` of every body. */
uint8_t testbed_pattern(uint64_t at);

#endif
