"""The alerts and the dashboard ask for metrics that there are, and the alerts ring when they are to."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from node.cli.app import app
from node.config import NodeSettings, Settings, TlsSettings
from node.ledger import Installed, Ledger, Measure, Verdict, Watched
from node.web import tokens
from node.web.durations import Durations
from node.web.metrics import exposition
from node.web.tokens import Role
from tests.ledger.material import reported
from tests.peers import Pki, processes, system_program, until
from tests.peers.certificates import Registry
from tests.peers.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "radnode.rules.yml"
SECONDS = 60

#: Alert -> series that make it ring, and the same that do not; one value a minute for two hours. `_`: nothing.
DOWN = "1x20 0x100"
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "RadnodeDown": ({'radnode_up{job="radnode"}': DOWN}, {'radnode_up{job="radnode"}': "1x120"}),
    "RadnodeTrouble": ({'radnode_trouble{part="spool"}': "1x120"}, {'radnode_trouble{part="spool"}': "1x2 _x118"}),
    "RadnodeDiskFull": ({"radnode_disk_free_bytes": "1e11-8e8x120"}, {"radnode_disk_free_bytes": "1e11-1e6x120"}),
    "RadnodeDeliveriesRefused": (
        {'radnode_deliveries{state="REFUSED"}': "1x115 5x10"},
        {'radnode_deliveries{state="REFUSED"}': "5x125"},
    ),
    "RadnodeDeliveriesWaiting": (
        {
            'radnode_deliveries{destination="a", state="WAITING"}': "5x120",
            'radnode_deliveries{destination="a", state="DONE"}': "7x120",
            'radnode_deliveries{destination="b", state="DONE"}': "7+1x120",
        },
        {
            'radnode_deliveries{destination="a", state="WAITING"}': "5x120",
            'radnode_deliveries{destination="a", state="DONE"}': "7+1x120",
        },
    ),
    "RadnodeAnalysesFailed": (
        {'radnode_analyses{state="FAILED"}': "0x100 2x20"},
        {'radnode_analyses{state="FAILED"}': "2x120"},
    ),
    "RadnodeAnalysesQueued": (
        {"radnode_analyses_due": "0+1x120"},
        {"radnode_analyses_due": "60-0.3x120"},
    ),
    "RadnodePluginPaused": (
        {'radnode_plugin_paused{plugin="p"}': "1x120"},
        {'radnode_plugin_paused{plugin="p"}': "1x10 _x110"},
    ),
    "RadnodeModelDrifts": (
        {'radnode_watch_alarm{plugin="p", kind="embeddings", metric="mmd", subject=""}': "1x120"},
        {'radnode_watch_alarm{plugin="p", kind="latency", metric="late", subject=""}': "1x120"},
    ),
    "RadnodeResultsLateForLong": (
        {'radnode_watch_alarm{plugin="p", kind="latency", metric="late", subject=""}': "1x120"},
        {'radnode_watch_alarm{plugin="p", kind="embeddings", metric="mmd", subject=""}': "1x120"},
    ),
    "RadnodeModelUnwatched": (
        {'radnode_watch_look_timestamp_seconds{plugin="p"}': "-700000x120"},
        {'radnode_watch_look_timestamp_seconds{plugin="p"}': "0x120"},
    ),
    "RadnodeSetAside": ({"radnode_set_aside_objects": "0x100 20x20"}, {"radnode_set_aside_objects": "0x100 3x20"}),
    "RadnodeCertificateEnds": (
        {'radnode_certificate_expiry_timestamp_seconds{file="node.pem"}': "864000x120"},
        {'radnode_certificate_expiry_timestamp_seconds{file="node.pem"}': "8640000x120"},
    ),
    "RadnodeRevocationListEnding": (
        {"radnode_revocation_list_expiry_timestamp_seconds": "43200x120"},
        {"radnode_revocation_list_expiry_timestamp_seconds": "864000x120"},
    ),
    "RadnodeResultsLate": (
        {"radnode_results_total": "0+10x120", "radnode_results_in_time_total": "0+8x120"},
        {"radnode_results_total": "0+100x120", "radnode_results_in_time_total": "0+99x120"},
    ),
}


def groups() -> list[dict[str, Any]]:
    """The rules of all groups."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in groups() if "alert" in rule}


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [system_program("promtool"), *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def exposed(tmp_path: Path, pki: Pki) -> set[str]:
    """Names of all samples of a node that has done some work."""
    crl = Registry(tmp_path / "authority").revoked()
    tls = TlsSettings(enabled=True, certificate=pki.node.certificate, ca=pki.ca, key=pki.node.key, crl=crl)
    settings = Settings(node=NodeSettings(data_dir=tmp_path), tls=tls)
    ledger = Ledger(tmp_path / "ledger.db")
    durations = Durations(ledger, lambda: 300)
    reported(ledger)
    for delivery in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(delivery)
    ledger.pauses.pause("chest", "why not")
    drift = Measure("inputs", "ks mean", "", "site", 300, 300, 0.4, 0.2, Verdict.ALARM)
    ledger.measures.record(Watched("chest", "1.0"), [drift])
    ledger.stages.meet([Installed("chest", "1.0", "")], silent=True)
    ledger.facts.set_trouble("spool", "full")
    families = text_string_to_metric_families(exposition(settings, ledger, durations).decode())
    ledger.close()
    return {sample.name for family in families for sample in family.samples}


def named(text: str) -> set[str]:
    """Metrics of ours in an expression."""
    return set(re.findall(r"\bradnode_[a-z_]+", text))


@pytest.mark.integration
def test_promtool_finds_nothing_wrong() -> None:
    promtool("check", "rules", str(RULES))
    promtool("check", "config", "--syntax-only", str(RULES.with_name("prometheus.yml")))


@pytest.mark.integration
def test_every_alert_rings_when_it_is_to_and_only_then(tmp_path: Path) -> None:
    assert list(CASES) == list(alerts())
    tests = [
        {
            "name": f"{name}: {'rings' if rings else 'is quiet'}",
            "interval": "1m",
            "input_series": [{"series": one, "values": values} for one, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                    "eval_time": "2h",
                    "exp_samples": [{"labels": "{}", "value": int(rings)}],
                }
            ],
        }
        for name, both in CASES.items()
        for rings, series in zip((True, False), both, strict=True)
    ]
    path = tmp_path / "tests.json"  # JSON is YAML
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", str(path))


@pytest.mark.integration
def test_a_real_prometheus_scrapes_a_node_by_the_configuration_that_comes_with_it(tmp_path: Path) -> None:
    web_port, port = free_port(), free_port()
    configuration = tmp_path / "radnode.toml"
    configuration.write_text(f"[node]\ndata_dir = '.'\n[web]\nenabled = true\nport = {web_port}\n")
    Ledger(tmp_path / "ledger.db").close()
    token = tmp_path / "token"
    token.write_text(tokens.add(tmp_path / "tokens", "prometheus", Role.READ))
    scrape = yaml.safe_load(RULES.with_name("prometheus.yml").read_text())
    scrape["global"]["scrape_interval"] = "1s"
    scrape["rule_files"] = [str(RULES)]
    (job,) = scrape["scrape_configs"]
    job["authorization"]["credentials_file"] = str(token)
    job["static_configs"][0]["targets"] = [f"127.0.0.1:{web_port}"]
    (tmp_path / "prometheus.yml").write_text(json.dumps(scrape))
    node = processes.start([sys.executable, "-m", "node.web", str(configuration)], stdout=subprocess.DEVNULL)
    options = {"config.file": tmp_path / "prometheus.yml", "storage.tsdb.path": tmp_path / "tsdb"}
    address = f"127.0.0.1:{port}"
    command = [system_program("prometheus"), *(f"--{name}={value}" for name, value in options.items())]
    prometheus = processes.start([*command, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL)

    def asked(query: str) -> list[str]:
        with contextlib.suppress(requests.ConnectionError):
            done = requests.get(f"http://{address}/api/v1/query", params={"query": query}, timeout=10)
            if done.ok:
                return [one["value"][1] for one in done.json()["data"]["result"]]
        return []

    try:
        until(lambda: asked('up{job="radnode"}') == ["1"], "it scrapes")
        assert asked("radnode_up") == ["0"]  # no main process: that is what the first alert is for
        rules = requests.get(f"http://{address}/api/v1/rules", timeout=10).json()["data"]["groups"][0]["rules"]
        assert {one["name"] for one in rules} >= set(CASES)
    finally:
        for process in (prometheus, node):
            process.terminate()
            process.wait(15)


def test_alerts_and_dashboard_ask_for_what_a_node_tells(exposed: set[str]) -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "radnode.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for rule in groups()]
    for expression in asked:
        assert named(expression) <= exposed, expression
    shown = set().union(*(named(one) for one in asked))
    assert {name for name in exposed if not name.endswith("_created")} - shown == set()


def test_every_alert_says_what_to_type_and_there_is_such_a_command() -> None:
    from typer.main import get_command

    root: Any = get_command(app)
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("page", "ticket"), name
        for command in re.findall(r"radnode ([a-z]+)(?: ([a-z-]+))?", rule["annotations"]["action"]):
            found = root.commands.get(command[0])
            assert found is not None, (name, command)
            if hasattr(found, "commands"):
                assert command[1] in found.commands, (name, command)
