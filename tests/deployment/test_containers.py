"""What can be said of the container files without an engine to run them: nothing that they name is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from node import __version__, config
from node.cli.app import app

ROOT = Path(__file__).parents[2]
DOCKER, KUBERNETES = ROOT / "deploy" / "docker", ROOT / "deploy" / "kubernetes"
#: Made by the operator, not kept here.
OWN = {"radnode.token"}
#: Ports that the network may reach: DICOM.
OPEN = {"11112:11112", "4242:4242"}


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DOCKER / "compose.yml").read_text())


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile, with lines that go on joined."""
    text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_image_copies_what_is_there_and_does_not_run_as_root() -> None:
    found = instructions()
    copied = [word for name, rest in found if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]]
    assert "node" in copied
    assert [word for word in copied if not (ROOT / word).exists()] == []
    last = [name for name, _ in found].index("FROM", 1)
    assert [rest for name, rest in found[last:] if name == "USER"] == ["radnode"]
    assert not any("latest" in rest or ":" not in rest for name, rest in found if name == "FROM")


def test_the_image_starts_commands_that_there_are() -> None:
    from typer.main import get_command

    commands: Any = get_command(app)
    found = dict(instructions())
    assert found["ENTRYPOINT"] == '["radnode"]'
    said = re.findall(r"radnode ([a-z]+) -c", found["HEALTHCHECK"]) + re.findall(r'\["([a-z]+)"', found["CMD"])
    assert said == ["status", "serve"]
    assert set(said) <= set(commands.commands)


def test_every_image_is_pinned_and_every_file_that_is_mounted_is_there(compose: Any) -> None:
    for name, service in compose["services"].items():
        image, _, tag = service["image"].partition(":")
        assert re.match(r"v?\d+\.\d+", tag), f"{name}: {image} {tag}"
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).exists() or source[2:] in OWN, f"{name}: {source}"
            else:
                assert source in compose["volumes"], f"{name}: {source}"
        assert set(service.get("depends_on", [])) <= set(compose["services"])
    assert compose["services"]["node"]["image"] == f"radnode:{__version__}"


def test_the_network_reaches_dicom_alone(compose: Any) -> None:
    ports = {port for service in compose["services"].values() for port in service.get("ports", [])}
    assert {port for port in ports if not port.startswith("127.0.0.1:")} == OPEN


def test_the_node_of_the_containers_is_configured_as_they_name_each_other(compose: Any) -> None:
    settings = config.load(DOCKER / "radnode.toml")
    assert f"{settings.node.port}:{settings.node.port}" in OPEN
    assert str(settings.node.data_dir) in {v.split(":")[1] for v in compose["services"]["node"]["volumes"]}
    assert {one.host for one in settings.destinations} <= set(compose["services"])
    scrape = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
    (target,) = scrape["scrape_configs"][0]["static_configs"][0]["targets"]
    assert target == f"node:{settings.web.port}"
    assert target.partition(":")[0] in settings.web.allowed_hosts
    rules = [Path(path).name for path in scrape["rule_files"]]
    assert all((ROOT / "deploy" / "prometheus" / name).exists() for name in rules)


def manifests() -> dict[str, Any]:
    """kind/name -> manifest, of all that the kustomization lists."""
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    found = [one for name in listed for one in yaml.safe_load_all((KUBERNETES / name).read_text())]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}


def test_the_pod_is_one_not_root_and_probed_where_the_node_answers() -> None:
    pod = manifests()["StatefulSet/radnode"]["spec"]
    assert pod["replicas"] == 1
    inside = pod["template"]["spec"]
    assert inside["securityContext"]["runAsNonRoot"]
    (container,) = inside["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    settings = config.load(KUBERNETES / "radnode.toml")
    assert ports == {"dicom": settings.node.port, "http": settings.web.port}
    probes = {name: one["httpGet"]["path"] for name, one in container.items() if name.endswith("Probe")}
    assert probes == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    start = container["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 1800, "as TimeoutStartSec= of deploy/radnode.service"
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounts["data"] == str(settings.node.data_dir)
    assert set(mounts) == {one["name"] for one in inside["volumes"]} | {"data"}
    user = next(rest for name, rest in instructions() if name == "RUN" and "useradd" in rest)
    assert f"--uid {inside['securityContext']['runAsUser']} " in user


def test_services_lead_to_ports_of_the_pod_and_the_kustomization_names_what_is_there() -> None:
    found = manifests()
    (container,) = found["StatefulSet/radnode"]["spec"]["template"]["spec"]["containers"]
    names = {one["name"] for one in container["ports"]}
    for service in (one for one in found.values() if one["kind"] == "Service"):
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    assert all((KUBERNETES / name).exists() for one in kustomization["configMapGenerator"] for name in one["files"])
    assert kustomization["images"] == [{"name": container["image"], "newTag": __version__}]
