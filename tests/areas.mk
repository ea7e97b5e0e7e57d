# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors

# Which tests belong to which part of the tree. `make check-NAME`, where NAME is a folder of core/, plugins/ or plugins/lib/,
# runs the tests in area_NAME in less than a minute: those most likely to notice a mistake there. The tests in more_NAME
# take longer. `make lint` checks that every folder and every test of the suite is listed here.
areas = \
	accept acme acme_http01 acme_tlsalpn01 auth_token base cli codec codec_binary codec_json config dtls exchange hook \
	http http1 http_client jose loop origin pipeline plugin ratelimit route session store_file task tls tls_files \
	tlscommon tunnel url worker x509

# core/
area_base = tests/unit/test_log tests/unit/test_message tests/unit/test_multimap tests/e2e/command.py
area_loop = tests/e2e/names.py
more_loop = tests/e2e/roaming.py
area_config = tests/unit/test_config tests/unit/test_options tests/unit/test_only tests/fuzz/replay_config tests/e2e/checks.py
more_config = tests/e2e/rules.py
area_plugin = tests/unit/test_pipeline tests/e2e/install.py
area_pipeline = tests/unit/test_pipeline tests/e2e/checks.py
area_exchange = tests/unit/test_exchange tests/unit/test_worker tests/e2e/access_log.py tests/e2e/breaches.py tests/e2e/rules.py
area_tunnel = $(tunnel_tests) tests/fuzz/replay_link tests/sim/sim tests/e2e/loss.py tests/e2e/mtu.py
more_tunnel = tests/e2e/speed.py tests/e2e/paths.py
area_session = tests/unit/test_control tests/unit/test_gateways tests/unit/test_hostile_peers tests/unit/test_identity \
	tests/unit/test_processes tests/unit/test_resume tests/unit/test_sessions tests/unit/test_storm tests/unit/test_two_transports tests/fuzz/replay_control tests/e2e/crash.py tests/e2e/gateways.py \
	tests/e2e/processes.py tests/e2e/resume.py tests/e2e/sessions.py
area_worker = tests/unit/test_worker tests/unit/test_metrics tests/unit/test_exchange tests/e2e/bulk.py
more_worker = tests/e2e/stalled.py
area_cli = tests/e2e/command.py tests/e2e/bootstrap.py tests/test_layers.py tests/test_summary.py

# plugins/
area_http = plugins/http/test_http tests/e2e/requests.py tests/e2e/failures.py
area_route = plugins/route/test_route tests/e2e/rules.py
area_auth_token = plugins/auth_token/test_auth_token tests/e2e/sessions.py
more_auth_token = tests/e2e/failures.py
area_codec_binary = plugins/codec_binary/test_codec_binary tests/unit/test_codecs tests/fuzz/replay_codec_binary
area_codec_json = plugins/codec_json/test_codec_json tests/unit/test_codecs tests/fuzz/replay_codec_json
area_dtls = tests/unit/test_dtls tests/e2e/hostile.py tests/fuzz/replay_handshake
more_dtls = tests/e2e/roaming.py
area_tls = tests/unit/test_tls tests/e2e/transports.py
area_origin = plugins/origin/test_origin tests/e2e/services.py
area_tls_files = plugins/tls_files/test_tls_files
area_store_file = plugins/store_file/test_store_file tests/e2e/acme_kill.py
area_acme = plugins/acme/test_acme tests/e2e/acme_lab_selftest.py tests/e2e/acme_issue.py tests/e2e/acme_ari.py \
	tests/e2e/acme_changes.py
more_acme = tests/e2e/acme_cluster.py tests/e2e/acme_days.py tests/e2e/acme_faults.py tests/e2e/acme_renewal.py
area_acme_http01 = plugins/acme_http01/test_acme_http01 tests/e2e/acme_product.py
area_acme_tlsalpn01 = plugins/acme_tlsalpn01/test_acme_tlsalpn01 tests/e2e/acme_on_demand.py

# plugins/lib/
area_accept = plugins/http/test_http tests/unit/test_tls
area_codec = $(area_codec_binary) $(area_codec_json)
area_hook = plugins/lib/hook/test_hook
area_http1 = plugins/lib/http1/test_http1 tests/fuzz/replay_http1
area_http_client = plugins/lib/http_client/test_http_client
area_jose = plugins/lib/jose/test_jose
area_ratelimit = plugins/lib/ratelimit/test_ratelimit plugins/lib/ratelimit/test_signing_queue
area_task = plugins/lib/task/test_task plugins/acme/test_acme
area_tlscommon = tests/unit/test_dtls tests/unit/test_tls tests/e2e/names.py
area_url = plugins/lib/url/test_url_rewrite tests/fuzz/replay_url
area_x509 = plugins/lib/x509/test_x509

CHECK_JOBS = 4
check-%:
	@test -n '$(filter $*,$(areas))' || { echo 'check-$*: no such folder; there are: $(areas)' >&2; exit 1; }
	@$(MAKE) -s all-am $(e2e_tools) $(filter-out %.py,$(area_$*))
	@HG_TEST_SCALE=small STORM_RUNS=500 SIM_RUNS=1500; export HG_TEST_SCALE STORM_RUNS SIM_RUNS; status=0; \
	$(MAKE) -j$(CHECK_JOBS) check-TESTS check_PROGRAMS= check_LTLIBRARIES= \
	  TESTS='$(filter-out $(e2e_mixed) $(e2e_measuring),$(sort $(area_$*)))' || status=1; \
	alone='$(filter $(e2e_mixed) $(e2e_measuring),$(sort $(area_$*)))'; test -z "$$alone" || \
	  $(MAKE) -j1 check-TESTS check_PROGRAMS= check_LTLIBRARIES= TESTS="$$alone" || status=1; \
	exit $$status

area_folders = cd '$(top_srcdir)' && for folder in core/*/ plugins/*/ plugins/lib/*/; do basename $$folder; done
area_tests = $(sort $(foreach area,$(areas),$(area_$(area)) $(more_$(area))))
suite_tests = $(TESTS) $(e2e_mixed) $(e2e_measuring)
lint: lint-areas
lint-areas:
	@status=0; complain() { echo "tests/areas.mk: $$*" >&2; status=1; }; \
	for folder in `$(area_folders)`; do \
	  case ' $(areas) lib ' in *" $$folder "*) ;; *) complain "the folder $$folder is no area" ;; esac; done; \
	for area in $(areas); do \
	  case " `$(area_folders) | tr '\n' ' '`" in *" $$area "*) ;; *) complain "area $$area has no folder" ;; esac; done; \
	for area in $(foreach area,$(areas),$(if $(area_$(area)),,$(area))); do complain "area $$area has no tests"; done; \
	for test in $(filter-out $(area_tests),$(suite_tests)); do complain "no area has $$test"; done; \
	for test in $(filter-out $(suite_tests),$(area_tests)); do complain "$$test is not in the suite"; done; \
	for test in `cd '$(top_srcdir)' && ls tests/e2e/*.py | xargs grep -l '^@case'`; do \
	  case ' $(suite_tests) $(e2e_nightly) ' in *" $$test "*) ;; *) complain "e2e.mk does not run $$test" ;; esac; done; \
	for test in `cd '$(top_srcdir)' && grep -l 'measures=True)$$' $(e2e_tests)`; do \
	  complain "$$test has cases that measure: it belongs into e2e_mixed or e2e_measuring of e2e.mk"; done; \
	exit $$status
.PHONY: lint-areas
