/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificate of a tls-alpn-01 validation (RFC 8737 section 3, RFC 8738 section 6).
 */
#ifndef PLUGINS_ACME_TLSALPN01_VALIDATION_H
#define PLUGINS_ACME_TLSALPN01_VALIDATION_H

#include <hopgate/certificates.h>

/* A name of DNS and its end. */
#define VALIDATION_NAME_SIZE 256

/* What the authority asks for by SNI: a name itself; for an address the reverse name (RFC 1035 section 3.5, RFC 3596
 * section 2.5), since SNI takes no address. Empty: the identifier is too long. */
void validation_server_name(struct hg_text identifier, char name[VALIDATION_NAME_SIZE]);

/* A self-signed certificate for that identifier alone, which shows the key authorization. NULL: out of memory, or of
 * random numbers. */
struct hg_certificate *validation_certificate(struct hg_text identifier, struct hg_text key_authorization);

#endif
