/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "routes": whether any client serves a host.
 *
 * Offered by stages that route (route). Used by plugins that do something for a host only if it belongs to this gateway
 * (acme, before it orders a certificate during a handshake), and by the core of a client, which announces its services
 * to the gateway.
 */
#ifndef HOPGATE_ROUTES_H
#define HOPGATE_ROUTES_H

#include <hopgate/plugin.h>

#define HG_ROUTES         "routes"
#define HG_ROUTES_VERSION 2

/** Whether a host is served. */
enum hg_served {
    HG_SERVED_UNKNOWN = 0, /**< No rule names it. A rule for any host does not: anyone can point a name here. */
    HG_SERVED_ABSENT = 1,  /**< Rules name it, but no client that may serve their target has a session at the moment. */
    HG_SERVED_LIVE = 2,    /**< A client that may serve it has a session, and a rule names the host itself. */
    /** The same, but only a wildcard covers the host: anyone can make up any number of such names. */
    HG_SERVED_WILDCARD = 3,
};

struct hg_routes_ops {
    /**
     * Whether `host`, a name or an address literal (IPv6 in brackets), is served, on any path. Cheap: a table
     * lookup for each label. Always HG_SERVED_UNKNOWN on a client, whose routes are not by host.
     */
    enum hg_served (*served)(struct hg_worker *provider, struct hg_text host);
    /**
     * Whether any rule names a host itself; if none does, no host is ever HG_SERVED_LIVE. Depends on the config alone;
     * may also be called in hg_plugin.examine.
     */
    bool (*names_hosts)(struct hg_worker *provider);
    /**
     * On a client: calls `report` for each service that its rules name, once each. False, perhaps after some calls, if
     * there is a rule for any service, or on a gateway. May be NULL.
     */
    bool (*services)(struct hg_worker *provider, void (*report)(void *arg, struct hg_text service), void *arg);
};

#endif
