/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Base64 with the URL-safe alphabet and without padding (RFC 4648 section 5, RFC 7515 section 2).
 */
#ifndef PLUGINS_LIB_JOSE_BASE64URL_H
#define PLUGINS_LIB_JOSE_BASE64URL_H

#include <hopgate/types.h>

/* The caller frees what is returned. NULL: out of memory. */
char *jose_base64url(const void *bytes, size_t size);
/* The SHA-256 of the bytes, as text. */
char *jose_base64url_sha256(const void *bytes, size_t size);

/* The bytes, for the caller to free. NULL: not base64url, or out of memory. Padding, the other alphabet (RFC 4648
 * section 4) and blanks around the text are accepted. */
uint8_t *jose_base64url_read(struct hg_text text, size_t *size);

#endif
