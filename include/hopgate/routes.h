/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "routes": whether anybody serves a host.
 *
 * Offered by stages that route (route), used by those that do something for a host only if it is one of this gateway's
 * (acme, before it orders a certificate during a handshake), and by a client's core, which tells the gateway what it
 * serves.
 */
#ifndef HOPGATE_ROUTES_H
#define HOPGATE_ROUTES_H

#include <hopgate/plugin.h>

#define HG_ROUTES         "routes"
#define HG_ROUTES_VERSION 2

/** Who serves a host. */
enum hg_served {
    HG_SERVED_UNKNOWN = 0, /**< No rule names it. A rule for any host names none: anybody can point a name here. */
    HG_SERVED_ABSENT = 1,  /**< Rules do, but no client that may serve what they lead to has a session now. */
    HG_SERVED_LIVE = 2,    /**< A client that is there and may, and a rule names the host itself. */
    /** Such a client, but only a wildcard covers the host: anybody can make up any number of names like it. */
    HG_SERVED_WILDCARD = 3,
};

struct hg_routes_ops {
    /**
     * Who serves `host`, a name or an address literal (IPv6 in brackets), whatever the path. Cheap: a look into two
     * tables. On a client, whose routes are not by host: HG_SERVED_UNKNOWN.
     */
    enum hg_served (*served)(struct hg_worker *provider, struct hg_text host);
    /** Whether any rule names a host itself; if none does, no host is ever HG_SERVED_LIVE. */
    bool (*names_hosts)(struct hg_worker *provider);
    /**
     * On a client: calls `tell` for each service that its rules name, none twice. False, perhaps after some calls: a
     * rule is for any service, or it is a gateway. May be NULL.
     */
    bool (*services)(struct hg_worker *provider, void (*tell)(void *arg, struct hg_text service), void *arg);
};

#endif
