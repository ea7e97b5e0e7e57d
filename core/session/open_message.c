/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/open_message.h"

#include "core/base/fatal.h"
#include "core/session/link.h"
#include "core/session/session_parameters.h"

#include <hopgate/routes.h>

/* How long to wait for the answer to `open`. */
#define OPEN_TIMEOUT (10 * HG_SECOND)

/* The most bytes of service names in `open`. */
#define SERVICES_SIZE_MAX 8192

/* Names of the services in a list, as long as there is room for them in `open`. */
struct services {
    json_t *names; /* NULL: no list yet */
    size_t size;
};

static void add_service(void *arg, struct hg_text service)
{
    struct services *services = arg;

    services->size += service.size;
    if (json_array_size(services->names) < CONTROL_SERVICES_MAX && services->size <= SERVICES_SIZE_MAX &&
        service.size <= CONTROL_SERVICE_NAME_MAX &&
        !json_array_append_new(services->names, json_stringn(service.data, service.size)))
        return;
    json_decref(services->names);
    services->names = NULL;
}

/* The services of this client; NULL: any, or they cannot be listed. */
static json_t *list_services(const struct sessions *sessions)
{
    const struct hg_routes_ops *routes = sessions->routes.ops;
    struct services services = {0};
    struct hg_worker *provider;
    bool known;

    if (!routes || !routes->services)
        return NULL;
    services.names = json_array();
    provider = hg_capability_worker(sessions->worker, &sessions->routes);
    CALL_PLUGIN(provider->instance->name, "services", known = routes->services(provider, add_service, &services));
    if (!known) {
        json_decref(services.names);
        return NULL;
    }
    return services.names;
}

static char *encode_open(struct sessions *sessions, const struct session *named, json_t *credentials)
{
    const struct pipeline *pipeline = sessions->pipeline;
    const char *codecs[CONTROL_CODECS_MAX];
    struct control_offer offer = {.codecs = codecs,
                                  .credentials = credentials,
                                  .session = named ? named->name : NULL,
                                  .process = sessions->process,
                                  .services = list_services(sessions)};
    char *line;

    for (size_t i = 0; i < pipeline->codec_count && i < CONTROL_CODECS_MAX; i++)
        codecs[offer.codec_count++] = pipeline->codecs[i]->plugin->codec.wire_name;
    session_local_parameters(sessions, &offer.parameters);
    line = control_encode_open(&offer);
    json_decref(offer.services);
    if (!line && offer.services) { /* perhaps it was too long */
        offer.services = NULL;
        line = control_encode_open(&offer);
    }
    return line;
}

void open_message_send(struct hg_link *link, const struct session *named)
{
    struct sessions *sessions = link->sessions;
    json_t *credentials;

    CALL_PLUGIN(sessions->identity_worker->instance->name, "present",
                credentials = sessions->identity->present(sessions->identity_worker));
    if (!credentials) {
        link_close(link, TN_NO_ERROR, "no credentials");
        return;
    }
    link->resumes = named ? named->number : 0;
    link->open_sent = link_send_message(link, encode_open(sessions, named, credentials));
    link_check_at(link, hg_now(sessions->worker) + OPEN_TIMEOUT);
    control_wipe(credentials);
    json_decref(credentials);
}
