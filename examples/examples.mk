# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Installed as source: an example is built against an installed hopgate, and so does tests/e2e/install.py build it.
add_headerdir = $(docdir)/examples/add_header
dist_add_header_DATA = examples/add_header/Makefile examples/add_header/add_header.c
access_logdir = $(docdir)/examples/access_log
dist_access_log_DATA = examples/access_log/Makefile examples/access_log/access_log.c
