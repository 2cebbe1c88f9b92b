"""`radnode reload` where there is nobody to reload, and where there is nothing right to be read."""

from __future__ import annotations

import os
import re
import threading

from node import config
from tests.cli.conftest import Site
from tests.peers import until


def test_a_node_that_is_down_reads_its_configuration_when_it_starts(site: Site) -> None:
    done = site.run("reload")
    assert done.exit_code == os.EX_UNAVAILABLE
    assert "it reads its configuration when it starts" in done.output
    assert site.ledger.reloads.open() == ""


def test_a_wrong_configuration_is_refused_with_its_line_before_the_node_is_asked(site: Site) -> None:
    site.ledger.facts.beat(os.getpid())
    site.config.write_text(site.config.read_text().replace("modality", "modalitty"))
    error = site.refusal("reload")
    assert "radnode.toml:12: routes.0.modalitty: unknown key; allowed: " in str(error)
    assert error.hint == "nothing is changed in the node"
    assert site.ledger.reloads.open() == ""


def test_a_node_that_runs_is_shown_though_its_file_is_wrong_by_now(site: Site) -> None:
    settings = config.load(site.config)
    settings.serving_path.write_bytes(config.frozen(settings))
    for wrong in ("modalitty", "]]"):
        site.config.write_text(site.config.read_text().replace("modality", wrong))
        assert "radnode.toml" in str(site.refusal("status")), "nobody serves it"
        site.ledger.facts.beat(os.getpid())
        done = site.run("status")
        assert done.exit_code == 1
        assert re.search(r"! the configuration .*radnode.toml.*; the node goes on with what it has", done.stdout)
        assert site.answered in site.run("studies").stdout
        assert "the node goes on with what it has" in site.run("why", site.answered).stderr
        assert "nothing is changed in the node" in str(site.refusal("reload"))
        site.ledger.facts.beat(None)


def test_a_node_that_does_not_answer_is_said_so(site: Site) -> None:
    site.ledger.facts.beat(os.getpid())
    assert "the node has not answered within 1 s" in str(site.refusal("reload", "--timeout", "1"))


def test_an_answer_is_told_line_by_line_and_only_to_who_asked(site: Site) -> None:
    site.ledger.facts.beat(os.getpid())
    told = {"file": "/etc/radnode.toml", "error": "", "live": ["match"], "restart": ["node.port"], "left": ["3 wait"]}
    site.ledger.reloads.answer("an earlier one", told | {"live": ["routes"]})

    def serve() -> None:
        until(site.ledger.reloads.open, "it is asked")
        site.ledger.reloads.answer(site.ledger.reloads.open(), told)

    node = threading.Thread(target=serve)
    node.start()
    done = site.run("reload")
    node.join()
    assert done.exit_code == 0
    lines = ["read /etc/radnode.toml", "in force       match", "needs restart  node.port", "! 3 wait"]
    assert done.output.splitlines() == lines
    assert site.ledger.reloads.open() == ""
