/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/tlscommon/tls_setup.h"

#include "plugins/lib/tlscommon/handshake_certificate.h"
#include "plugins/lib/tlscommon/peer_check.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUPS    ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
#define AES_FIRST ":+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305" GROUPS
#define AES_LAST  ":+CHACHA20-POLY1305:+AES-128-GCM:+AES-256-GCM" GROUPS

int tlscommon_setup_init(struct tlscommon_setup *setup, struct hg_instance *instance, const char *priority,
                         const char *protocols)
{
    const char *where = NULL;
    char text[256];
    int result;

    if (gnutls_certificate_allocate_credentials(&setup->credentials) < 0) {
        setup->credentials = NULL;
        return hg_config_error(instance, NULL, "out of memory");
    }
    if (!priority)
        snprintf(text, sizeof text, "%s%s", protocols, tlscommon_has_aes() ? AES_FIRST : AES_LAST);
    result = gnutls_priority_init2(&setup->priority, priority ? priority : text, &where, 0);
    if (result == 0)
        return 0;
    setup->priority = NULL;
    return hg_config_error(instance, "priority", "not a GnuTLS priority string, at \"%s\": %s", where ? where : "",
                           gnutls_strerror(result));
}

int tlscommon_setup_gateway(struct tlscommon_setup *setup, struct hg_instance *instance, bool listens)
{
    struct hg_capability certificates;
    int result = 0;

    if (!hg_capability(instance, HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &certificates)) {
        hg_config_error(instance, listens ? "listen" : NULL,
                        "on a gateway it requires certificates, which no plugin in the pipeline offers; add one, such "
                        "as `- tls_files: { cert: gate.pem, key: gate.key }`%s",
                        listens ? "" : " (on a client, give `connect: HOST:PORT`)");
        result = -1;
    }
    if (gnutls_session_ticket_key_generate(&setup->ticket_key) < 0) {
        hg_config_error(instance, NULL, "out of memory or random bytes");
        result = -1;
    }
    tlscommon_certificate_serve(setup->credentials);
    return result;
}

int tlscommon_setup_listen(struct tlscommon_setup *setup, struct hg_instance *instance, const struct hg_list *listen,
                           int type)
{
    const struct hg_address *addresses = listen->items;
    int result = 0;

    if (listen->count == 0)
        return 0;
    setup->listeners = calloc(listen->count, sizeof(struct hg_listener *));
    if (!setup->listeners)
        return hg_config_error(instance, "listen", "out of memory");
    for (size_t i = 0; i < listen->count; i++) {
        char option[32];

        snprintf(option, sizeof option, "listen[%zu]", i);
        setup->listeners[i] = hg_listen(instance, option, &addresses[i], type);
        if (!setup->listeners[i])
            result = -1;
    }
    setup->listener_count = listen->count;
    return result;
}

void tlscommon_setup_fini(struct tlscommon_setup *setup)
{
    if (setup->priority)
        gnutls_priority_deinit(setup->priority);
    if (setup->credentials)
        gnutls_certificate_free_credentials(setup->credentials);
    if (setup->ticket_key.data)
        gnutls_memset(setup->ticket_key.data, 0, setup->ticket_key.size);
    gnutls_free(setup->ticket_key.data);
    free(setup->listeners);
}

gnutls_session_t tlscommon_setup_session(const struct tlscommon_setup *setup, unsigned flags)
{
    static const char alpn[] = TLSCOMMON_ALPN;
    const gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)alpn, sizeof alpn - 1};
    gnutls_session_t session;

    if (gnutls_init(&session, flags) < 0)
        return NULL;
    if (gnutls_priority_set(session, setup->priority) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, setup->credentials) < 0 ||
        gnutls_alpn_set_protocols(session, &protocol, 1, GNUTLS_ALPN_MANDATORY) < 0) {
        gnutls_deinit(session);
        return NULL;
    }
    return session;
}
