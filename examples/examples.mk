# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Installed as source: examples are built against an installed hopgate, as tests/e2e/install.py does.
add_headerdir = $(docdir)/examples/add_header
dist_add_header_DATA = examples/add_header/Makefile examples/add_header/add_header.c
access_logdir = $(docdir)/examples/access_log
dist_access_log_DATA = examples/access_log/Makefile examples/access_log/access_log.c
