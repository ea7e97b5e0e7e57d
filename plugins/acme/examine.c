/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Under `hopgate check`: do the names of certificates lead to this machine, as the authority will look for them?
 */
#include "plugins/acme/demand.h"
#include "plugins/acme/name.h"
#include "plugins/acme/options.h"

#include <arpa/inet.h>
#include <hopgate/host.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

/* For all names together. */
#define TIME_LIMIT (4 * HG_SECOND)

struct examination {
    struct hg_worker *worker;
    struct ifaddrs *own; /* the addresses of this machine; NULL: not known */
    struct hg_timer *limit;
    size_t pending, count;
    struct lookup {
        struct examination *all;
        struct hg_resolution *resolution; /* NULL: it is done */
        const char *name;
        char option[64];
    } lookups[];
};

static void finish(struct examination *all)
{
    struct hg_worker *worker = all->worker;

    if (all->own)
        freeifaddrs(all->own);
    hg_timer_free(worker->host, all->limit);
    free(all);
    hg_finish(worker, EXIT_SUCCESS);
}

/* Not within acme_examine(), which goes on with the next name. */
static void on_limit(void *arg)
{
    struct examination *all = arg;

    for (size_t i = 0; i < all->count; i++) {
        struct lookup *lookup = &all->lookups[i];

        if (!lookup->resolution)
            continue;
        hg_resolve_cancel(all->worker->host, lookup->resolution);
        hg_config_warning(all->worker->instance, lookup->option, "\"%s\": no name server answers in time",
                          lookup->name);
    }
    finish(all);
}

/* ---- Here or elsewhere ---- */

static bool is_same(const struct sockaddr *one, const struct sockaddr *other)
{
    if (one->sa_family != other->sa_family)
        return false;
    if (one->sa_family == AF_INET)
        return ((const struct sockaddr_in *)one)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)other)->sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)one)->sin6_addr,
                              &((const struct sockaddr_in6 *)other)->sin6_addr);
}

static bool is_here(const struct examination *all, const struct hg_sockaddr *address)
{
    for (const struct ifaddrs *own = all->own; own; own = own->ifa_next)
        if (own->ifa_addr && is_same(own->ifa_addr, (const struct sockaddr *)&address->address))
            return true;
    return false;
}

static void print_address(const struct hg_sockaddr *address, char text[INET6_ADDRSTRLEN])
{
    const struct sockaddr_storage *storage = &address->address;
    const void *bytes = storage->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)storage)->sin_addr
                                                      : &((const struct sockaddr_in6 *)storage)->sin6_addr;

    if (!inet_ntop(storage->ss_family, bytes, text, INET6_ADDRSTRLEN))
        *text = 0;
}

/* Of each family that the name has addresses of, one must be here: an authority takes IPv6 first, so an AAAA record
 * that was forgotten is as bad as a wrong A record, while several gateways may share a name. */
static void judge(const struct lookup *lookup, const struct hg_sockaddr *addresses, size_t count, int family)
{
    const struct hg_sockaddr *elsewhere = NULL;
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < count; i++) {
        if (addresses[i].address.ss_family != family)
            continue;
        if (is_here(lookup->all, &addresses[i]))
            return;
        elsewhere = elsewhere ? elsewhere : &addresses[i];
    }
    if (!elsewhere)
        return;
    print_address(elsewhere, text);
    hg_config_warning(
        lookup->all->worker->instance, lookup->option,
        "\"%s\" does not lead to this machine: %s is another one's address; that is fine if it is of a NAT "
        "or load balancer before this one",
        lookup->name, text);
}

static void on_resolved(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error)
{
    struct lookup *lookup = arg;
    struct examination *all = lookup->all;

    lookup->resolution = NULL;
    if (error)
        hg_config_warning(all->worker->instance, lookup->option, "\"%s\" does not lead here: %s", lookup->name, error);
    if (all->own) {
        judge(lookup, addresses, count, AF_INET);
        judge(lookup, addresses, count, AF_INET6);
    }
    if (!--all->pending)
        finish(all);
}

/* ---- All names ---- */

static void look_up(struct examination *all, size_t group, size_t index, const char *name)
{
    struct lookup *lookup = &all->lookups[all->count];

    if (acme_name_kind(hg_text(name)) == ACME_NAME_WILDCARD)
        return; /* nobody asks for it itself */
    lookup->all = all;
    lookup->name = name;
    snprintf(lookup->option, sizeof lookup->option, "domains[%zu].names[%zu]", group, index);
    lookup->resolution = hg_resolve(all->worker, name, 443, on_resolved, lookup);
    if (!lookup->resolution)
        return;
    all->count++;
    all->pending++;
}

static struct examination *examination_new(struct hg_worker *worker, const struct hg_list *domains)
{
    const struct acme_group *groups = domains->items;
    struct examination *all;
    size_t count = 0;

    for (size_t i = 0; i < domains->count; i++)
        count += groups[i].names.count;
    all = calloc(1, sizeof *all + count * sizeof *all->lookups);
    if (!all)
        return NULL;
    all->worker = worker;
    all->limit = hg_timer_new(worker, on_limit, all);
    if (!all->limit) {
        free(all);
        return NULL;
    }
    if (getifaddrs(&all->own))
        all->own = NULL;
    return all;
}

static void examine_on_demand(struct hg_worker *worker)
{
    const struct acme_config *config = worker->cfg;
    struct hg_capability found;
    const struct hg_routes_ops *routes;

    if (!config->on_demand || config->ask || !hg_capability(worker->instance, HG_ROUTES, HG_ROUTES_VERSION, &found))
        return;
    routes = found.ops;
    if (!routes->names_hosts(hg_capability_worker(worker, &found)))
        hg_config_warning(worker->instance, "on_demand", ACME_NO_PERMISSION);
}

void acme_examine(struct hg_worker *worker)
{
    const struct acme_config *config = worker->cfg;
    const struct acme_group *groups = config->domains.items;
    struct examination *all = examination_new(worker, &config->domains);

    if (!all) {
        hg_finish(worker, EXIT_FAILURE);
        return;
    }
    examine_on_demand(worker);
    for (size_t i = 0; i < config->domains.count; i++)
        for (size_t j = 0; j < groups[i].names.count; j++)
            look_up(all, i, j, ((const char *const *)groups[i].names.items)[j]);
    if (all->pending)
        hg_timer_set(worker->host, all->limit, TIME_LIMIT);
    else
        finish(all);
}
