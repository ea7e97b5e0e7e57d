/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef CORE_BASE_UTF8_H
#define CORE_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Returns the length of the character at `text` and sets its code point; 0 if there is no valid UTF-8 or `size` is
 * 0. */
size_t utf8_character(const char *text, size_t size, uint32_t *code_point);

#endif
