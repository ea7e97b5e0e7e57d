/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Base64 with the URL-safe alphabet and without padding (RFC 4648 section 5, RFC 7515 section 2).
 */
#ifndef PLUGINS_LIB_JOSE_BASE64URL_H
#define PLUGINS_LIB_JOSE_BASE64URL_H

#include <hopgate/types.h>

/* The text, ended by NUL, for the caller to free. NULL: out of memory. */
char *jose_base64url(const void *bytes, size_t size);

/* The bytes, for the caller to free, or NULL: no such text, or out of memory. Padding, the other alphabet (RFC 4648
 * section 4) and blanks around it are let pass. */
uint8_t *jose_base64url_read(struct hg_text text, size_t *size);

#endif
