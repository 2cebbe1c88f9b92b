"""The configuration file: what is right, and what is said about what is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from node.comparison import PriorRule, Views
from node.config import OPERATIONS, SENDER, Route, Settings, Wishes, frozen, load, sample
from node.config.load import line_of
from node.config.section import Section
from node.errors import ConfigError
from node.kinds import KINDS, MESSAGES, PROFILES


def write(folder: Path, text: str) -> Path:
    path = folder / "radnode.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text))
    assert caught.value.about == str(folder / "radnode.toml")
    return str(caught.value)


PACS = """
[[destinations]]
name = "pacs"
kind = "dicom"
ae_title = "PACS"
"""

RIS = """
[[destinations]]
name = "ris"
kind = "hl7"
"""
HOOK = RIS.replace("hl7", "webhook")
RADIO = RIS + "port = 2575\n"
PEER = """
[[peers]]
name = "ct"
"""
CRITICAL = """
[[critical]]
name = "air"
plugin = "chest-radiograph"
finding = "pneumothorax"
destinations = ["{who}"]
"""
FETCH = """
[[fetch]]
name = "night"
archive = "pacs"
"""
WORKLIST = """
[[worklists]]
name = "ris"
url = "http://ris/dicom-web"
codes = { "AI^99SITE" = "chest-radiograph" }
"""
TO_CHEST = """
[[routes]]
name = "films"
plugin = "chest-radiograph"
"""

# What is written, the line that is named, and words that the message has to say: key, what was found, what is allowed.
WRONG: list[tuple[str, int, tuple[str, ...]]] = [
    ("[node]\n\nport = 99999\n", 3, ("node.port", "65535", "found 99999")),
    ("[node]\nport = 0\n", 2, ("node.port", "greater than or equal to 1", "found 0")),
    ('[node]\nport = "many"\n', 2, ("node.port", "valid integer", "found 'many'")),
    ('[node]\nae_title = ""\n', 2, ("node.ae_title", "at least 1 character", "found ''")),
    ('[node]\nae_title = "SEVENTEEN LETTERS"\n', 2, ("node.ae_title", "at most 16 characters")),
    ('[node]\nae_title = "A\\\\B"\n', 2, ("node.ae_title", "pattern")),
    ("[node]\nport = 104\nprot = 104\n", 3, ("node.prot", "unknown key; allowed", "port", "ae_title")),
    ("# first\n\n[nodes]\nport = 104\n", 3, ("nodes", "unknown key; allowed", "destinations")),
    ('match = "some"\n', 1, ("match", "'all' or 'first'", "found 'some'")),
    ("[study]\nquiet_seconds = 5\n", 2, ("study.quiet_seconds", "dictionary", "found 5")),
    ("[study]\nquiet_seconds = { CR = -1 }\n", 2, ("study.quiet_seconds.CR", "greater than or equal to 0", "found -1")),
    ("[retry]\n\n\nmax_attempts = 0\n", 4, ("retry.max_attempts", "greater than or equal to 1", "found 0")),
    ('[worker]\ndevice = "gpu"\n', 2, ("worker.device", "cuda", "found 'gpu'")),
    ("[storage]\nmin_free_mb = -5\n", 2, ("storage.min_free_mb", "found -5")),
    ("[storage]\nkeep_rows_days = 20\n", 1, ("storage", "keep_rows_days must be no less than keep_days")),
    ("[storage]\nkeep_days = 0\nkeep_rows_days = 9\n", 1, ("storage", "which must not be 0 then")),
    (
        '[[destinations]]\nname = "a"\nkind = "ftp"\n',
        3,
        ("destinations.0.kind", "'dicom', 'orthanc', 'stow', 'folder', 'hl7' or 'webhook'"),
    ),
    ('[[destinations]]\nname = "a"\nkind = "dicom"\n', 1, ("destinations.0", "kind 'dicom' needs 'ae_title'")),
    ('[[destinations]]\nname = "a"\nkind = "stow"\n', 1, ("destinations.0", "kind 'stow' needs 'url'")),
    ('[[destinations]]\nname = "a"\nkind = "folder"\n', 1, ("destinations.0", "kind 'folder' needs 'path'")),
    ('[[destinations]]\nname = "a/b"\nkind = "folder"\n', 2, ("destinations.0.name", "pattern", "found 'a/b'")),
    (RIS, 2, ("destinations.0", "kind 'hl7' needs 'port'")),
    (RIS + 'port = 2575\nprofile = "sr"\n', 2, ("destinations.0", "takes messages", "leave 'profile' out")),
    (RIS + "port = 2575\nphi = true\n", 2, ("destinations.0", "'phi' is for a destination of kind webhook")),
    (RIS + 'port = 2575\nsending_facility = "A|B"\n', 6, ("sending_facility", "pattern", "found 'A|B'")),
    (HOOK, 2, ("destinations.0", "kind 'webhook' needs 'url'")),
    (HOOK + 'url = "ftp://127.0.0.1"\n', 2, ("destinations.0", "begins with http:// or https://")),
    (HOOK + 'url = "http://h"\nreceiving_facility = "A"\n', 2, ("'receiving_facility' is for", "kind hl7")),
    (PACS + CRITICAL.format(who="pacs"), 11, ("critical.0.destinations", "no destination of kind hl7 or", "none")),
    (RADIO + CRITICAL.format(who="ri"), 11, ("critical.0.destinations", "names 'ri'", "allowed: ris")),
    (RADIO + CRITICAL.format(who="ris") + 'escalate_to = ["ris"]\n', 7, ("'ris' is told at once",)),
    (RADIO + CRITICAL.format(who="ris") + "threshold = 93\n", 12, ("critical.0.threshold", "found 93")),
    (RADIO + 2 * CRITICAL.format(who="ris"), 14, ("critical.1.name", "'air' is used twice")),
    (RADIO + FETCH, 9, ("fetch.0.archive", "names 'pacs', which is no destination of kind dicom", "allowed: none")),
    (PACS + FETCH + 'modality = "ct"\n', 10, ("fetch.0.modality", "pattern", "found 'ct'")),
    (PACS + FETCH + "every_minutes = 0\n", 10, ("fetch.0.every_minutes", "greater than 0", "found 0")),
    (PACS + 2 * FETCH, 12, ("fetch.1.name", "'night' is used twice")),
    (PACS + 'retrieve = "push"\n', 6, ("destinations.0.retrieve", "'move' or 'get'", "found 'push'")),
    (HOOK + 'url = "http://h"\nretrieve = "get"\n', 2, ("'retrieve' is for a destination of kind dicom",)),
    (WORKLIST, 5, ("worklists.0.codes", "names the plugin 'chest-radiograph', to which no route leads")),
    (WORKLIST + 'archive = "pacs"\n' + TO_CHEST, 6, ("worklists.0.archive", "'pacs', which is no destination of kind")),
    (WORKLIST.replace("AI^99SITE", "AI") + TO_CHEST, 5, ("worklists.0.codes.AI", "pattern")),
    (WORKLIST.replace("http:", "ftp:") + TO_CHEST, 2, ("worklists.0", "begins with http:// or https://")),
    (WORKLIST + 'ca_file = "ca.pem"\n' + TO_CHEST, 2, ("worklists.0", "'ca_file' is for TLS: use a https:// url")),
    (WORKLIST + 'user = "u"\ntoken_file = "t"\n' + TO_CHEST, 2, ("worklists.0", "either 'user' or 'token_file'")),
    (PACS + 'secret_file = "s"\n', 2, ("destinations.0", "'secret_file' is for a destination of kind webhook")),
    (PACS + '\n[[destinations]]\nname = "b"\nkind = "ftp"\n', 9, ("destinations.1.kind", "found 'ftp'")),
    (
        PACS + 'profile = "everything"\n',
        6,
        ("destinations.0.profile", "sc+sr, sr, ohif, gsps, all, or a list of sc, sr"),
    ),
    (PACS + "timeout_seconds = 0\n", 6, ("destinations.0.timeout_seconds", "greater than 0", "found 0")),
    (PACS + "adress = 1\n", 6, ("destinations.0.adress", "unknown key; allowed", "host")),
    (PACS + 'ca_file = "ca.pem"\n', 2, ("destinations.0", "'ca_file' is for TLS: set tls")),
    (HOOK + 'url = "http://h"\nca_file = "ca.pem"\n', 2, ("'ca_file' is for TLS: use a https:// url",)),
    (HOOK + 'url = "https://h"\ntls = true\n', 2, ("'tls' is for a destination of kind dicom",)),
    (
        RADIO + 'ca_file = "ca.pem"\n',
        2,
        ("'ca_file' is for TLS: set tls",),
    ),
    (PACS + 'tls = true\nkey_file = "k"\n', 2, ("'certificate_file' and 'key_file' go together",)),
    ("[tls]\nport = 0\n", 2, ("tls.port", "greater than or equal to 1", "found 0")),
    ("[tls]\nenabled = true\nallow_plain = true\nport = 11112\n", 4, ("tls.port", "that of node.port")),
    (PEER + 'adresses = ["10.0.0.1"]\n', 4, ("peers.0.adresses", "unknown key; allowed", "addresses", "may")),
    (PEER + 'addresses = ["10.1.2"]\n', 4, ("peers.0.addresses", "10.1.2", "IPv4 or IPv6 network")),
    (PEER + 'may = ["find"]\n', 4, ("peers.0.may", "'store', 'echo' or 'commit'", "found 'find'")),
    (PEER + "may = []\n", 4, ("peers.0.may", "at least 1")),
    (PEER + 'ae_title = "SEVENTEEN LETTERS"\n', 4, ("peers.0.ae_title", "at most 16")),
    (PEER + 'certificate_fingerprints = ["ab"]\n', 4, ("peers.0.certificate_fingerprints", "64 hex digits")),
    (PEER + 'certificate_subjects = ["CN=a"]\n', 2, ("peers.0", "which only TLS shows: set tls.enabled")),
    (PEER + PEER, 6, ("peers.1.name", "'ct' is used twice")),
    (PACS + PACS, 8, ("destinations.1.name", "the name 'pacs' is used twice")),
    ('[[routes]]\nname = "films"\n', 1, ("routes.0.plugin", "required")),
    ('[[routes]]\nname = "f"\nplugin = "p"\nmodality = "CR"\n', 4, ("routes.0.modality", "tuple", "found 'CR'")),
    ('[[routes]]\nname = "f"\nplugin = "p"\nmin_age = -1\n', 4, ("routes.0.min_age", "found -1")),
    (
        '[[routes]]\nname = "f"\nplugin = "p"\n[[routes]]\nname = "f"\nplugin = "q"\n',
        5,
        ("routes.1.name", "the name 'f' is used twice"),
    ),
    (
        PACS + '[[routes]]\nname = "f"\nplugin = "p"\ndestinations = ["pasc"]\n',
        9,
        (
            "routes.0.destinations",
            "route 'f' names the unknown destination 'pasc'; allowed: pacs, @sender",
        ),
    ),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG, ids=[words[0] for _, _, words in WRONG])
def test_a_wrong_key_is_named_with_file_line_found_and_allowed(
    tmp_path: Path, text: str, line: int, words: tuple[str, ...]
) -> None:
    said = complaint(tmp_path, text)
    assert all(word in said for word in words), said
    assert f"{tmp_path / 'radnode.toml'}:{line}: " in said


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = complaint(tmp_path, '[node]\nport = 0\nae_title = ""\n[retry]\nmax_attempts = 0\n')
    assert len(said.splitlines()) == 1 + 3


def test_what_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    assert "no TOML" in complaint(tmp_path, "[node\nport = 1\n")
    assert "line 2" in complaint(tmp_path, "[node]\nport 1\n")


def test_a_file_that_is_not_there_comes_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file.*`radnode init` writes one"):
        load(tmp_path / "gone.toml")


def test_bytes_that_are_no_text_are_an_error_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "radnode.toml"
    path.write_bytes(b'[node]\nae_title = "\xff\xfe"\n')
    with pytest.raises(ConfigError, match="no TOML"):
        load(path)


def test_a_file_in_another_encoding_says_how_to_save_it(tmp_path: Path) -> None:
    path = tmp_path / "radnode.toml"
    path.write_bytes('[node]\nae_title = "AI"\n'.encode("utf-16"))
    with pytest.raises(ConfigError, match="no TOML: it is to be UTF-8, save it so"):
        load(path)


# What is right


def test_a_file_as_editors_of_windows_write_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "radnode.toml"
    path.write_bytes(b'\xef\xbb\xbf[node]\r\nae_title = "AI"\r\n[[routes]]\r\nname = "f"\r\nplugin = "p"\r\n')
    assert (load(path).node.ae_title, load(path).routes[0].name) == ("AI", "f")


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    settings = load(write(tmp_path, ""))
    assert settings.node.port == 11112
    assert settings.node.host == "127.0.0.1"  # to be reached from elsewhere must be asked for
    assert settings.node.data_dir == tmp_path / "radnode-data"
    assert settings.match == "all"


def test_the_sample_is_right_and_says_what_it_is_given(tmp_path: Path) -> None:
    settings = load(write(tmp_path, sample(Wishes(host="0.0.0.0", port=104))))  # noqa: S104  asked for
    assert (settings.node.host, settings.node.port) == ("0.0.0.0", 104)  # noqa: S104
    assert [route.plugin for route in settings.routes] == ["chest-radiograph", "brain-tumour-mr"]
    assert settings.destinations[0].path == tmp_path / "results"


def test_the_commented_parts_of_the_sample_are_right_too(tmp_path: Path) -> None:
    lines = sample(Wishes()).splitlines()
    text = "\n".join(line[2:] if line.startswith("# ") and (" = " in line or "[[" in line) else line for line in lines)
    assert [one.name for one in load(write(tmp_path, text)).destinations] == ["folder", "archive", "ris", "dashboard"]


WATCHED = """
[[inputs]]
name = "EXPORT"
path = "inbox"
"""


def test_a_watched_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    (folder,) = load(write(tmp_path, WATCHED)).inputs
    assert (folder.path, folder.when_taken) == (tmp_path / "inbox", "remove")


@pytest.mark.parametrize(
    ("more", "whose"),
    [
        ('[node]\ndata_dir = "inbox/data"\n', "node.data_dir"),
        ('[node]\ndata_dir = "."\n', "node.data_dir"),
        ('[[destinations]]\nname = "disk"\nkind = "folder"\npath = "inbox"\n', "the destination 'disk'"),
        ('[[inputs]]\nname = "OTHER"\npath = "x/../inbox/sub"\n', "the input 'OTHER'"),
    ],
)
def test_a_watched_folder_holds_nothing_that_the_node_keeps(tmp_path: Path, more: str, whose: str) -> None:
    text = complaint(tmp_path, WATCHED + more)
    assert f"radnode.toml:4: inputs.0.path: the folder lies in that of {whose}, or holds it" in text


def test_two_watched_folders_have_two_names(tmp_path: Path) -> None:
    assert "the name 'EXPORT' is used twice" in complaint(tmp_path, WATCHED * 2)


def test_relative_folders_are_relative_to_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    text = """
[node]
data_dir = "/var/lib/radnode"
[[destinations]]
name = "a"
kind = "stow"
url = "http://127.0.0.1"
password_file = "secrets/pw"
"""
    settings = load(write(tmp_path, text))
    assert settings.node.data_dir == Path("/var/lib/radnode")
    assert settings.destinations[0].password_file == tmp_path / "secrets" / "pw"
    assert settings.destinations[0].path is None


def test_the_secret_of_a_webhook_lies_beside_the_file_too(tmp_path: Path) -> None:
    (hook,) = load(write(tmp_path, HOOK + 'url = "http://127.0.0.1"\nsecret_file = "hook.secret"\n')).destinations
    assert hook.secret_file == tmp_path / "hook.secret"


def test_the_token_for_a_worklist_lies_beside_the_file_too(tmp_path: Path) -> None:
    (worklist,) = load(write(tmp_path, WORKLIST + 'token_file = "ris.token"\n' + TO_CHEST)).worklists
    assert worklist.token_file == tmp_path / "ris.token"
    assert (worklist.server.url, worklist.server.timeout_seconds) == ("http://ris/dicom-web", 30)


def test_files_for_tls_lie_beside_the_file(tmp_path: Path) -> None:
    text = PACS + 'tls = true\nca_file = "ca.pem"\ncertificate_file = "/etc/n.pem"\nkey_file = "n.key"\n'
    settings = load(write(tmp_path, text))
    (pacs,) = settings.destinations
    assert (pacs.ca_file, pacs.certificate_file, pacs.key_file) == (
        tmp_path / "ca.pem",
        Path("/etc/n.pem"),
        tmp_path / "n.key",
    )
    tls = settings.tls
    assert (tls.certificate, tls.key, tls.ca) == tuple(
        tmp_path / "certs" / n for n in ("node.pem", "node.key", "ca.pem")
    )


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("", {"node.port": 11112}),
        ("[tls]\nallow_plain = true\n", {"node.port": 11112}),
        ("[tls]\nenabled = true\n", {"tls.port": 2762}),
        ("[tls]\nenabled = true\nport = 11112\n", {"tls.port": 11112}),
        ("[tls]\nenabled = true\nallow_plain = true\n", {"node.port": 11112, "tls.port": 2762}),
    ],
)
def test_tls_closes_the_plain_port_unless_it_is_allowed(tmp_path: Path, text: str, ports: dict[str, int]) -> None:
    assert load(write(tmp_path, text)).ports == ports


def test_a_fingerprint_is_taken_as_programs_print_it(tmp_path: Path) -> None:
    text = "[tls]\nenabled = true\n" + PEER + f'certificate_fingerprints = ["{":".join(["AB"] * 32)}"]\n'
    (peer,) = load(write(tmp_path, text)).peers
    assert peer.certificate_fingerprints == ("ab" * 32,)
    assert peer.may == OPERATIONS


def test_who_takes_messages_takes_no_objects_and_a_patient_only_leaves_when_asked_for(tmp_path: Path) -> None:
    (ris,) = load(write(tmp_path, RIS + 'port = 2575\nreceiving_application = "RIS^1.2.3^ISO"\n')).destinations
    (hook,) = load(write(tmp_path, HOOK + 'url = "https://127.0.0.1"\n')).destinations
    (open_hook,) = load(write(tmp_path, HOOK + 'url = "https://127.0.0.1"\nphi = true\n')).destinations
    assert (ris.kinds, hook.kinds, open_hook.kinds) == (("oru",), ("event",), ("identified-event",))
    assert not set(MESSAGES) & set(KINDS)


def test_a_route_may_send_back_to_the_sender(tmp_path: Path) -> None:
    text = f'[[routes]]\nname = "f"\nplugin = "p"\ndestinations = ["{SENDER}"]\n'
    assert load(write(tmp_path, text)).routes[0].destinations == ("@sender",)


def test_the_environment_overrides_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADNODE_NODE__PORT", "4711")
    monkeypatch.setenv("RADNODE_STORAGE__KEEP_DAYS", "0")
    monkeypatch.setenv("RADNODE_SOMETHING__ELSE", "ignored")
    monkeypatch.setenv("RADNODE_NODE__ALLOWED_CALLING", '["CT1", "CT2"]')
    settings = load(write(tmp_path, "[node]\nport = 104\nae_title = 'NODE'\n"))
    assert settings.node.allowed_calling == ("CT1", "CT2")
    assert (settings.node.port, settings.node.ae_title, settings.storage.keep_days) == (4711, "NODE", 0)


def test_a_wrong_value_of_the_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADNODE_NODE__PORT", "many")
    assert "RADNODE_NODE__PORT: node.port: " in complaint(tmp_path, "[node]\nport = 104\n")
    monkeypatch.setenv("RADNODE_NODE__ALLOWED_CALLING", "[CT1")
    assert "RADNODE_NODE__ALLOWED_CALLING: node.allowed_calling: " in complaint(tmp_path, "")


def test_settings_cannot_be_changed_after_they_were_read(tmp_path: Path) -> None:
    settings = load(write(tmp_path, ""))
    with pytest.raises(ValidationError):
        settings.node.port = 1


def test_the_copy_for_other_processes_is_read_back_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(write(tmp_path, sample(Wishes())))
    copy = tmp_path / "settings.json"
    copy.write_bytes(frozen(settings))
    monkeypatch.setenv("RADNODE_NODE__PORT", "4711")
    assert load(copy) == settings
    copy.write_text("{}x")
    with pytest.raises(ConfigError, match="damaged"):
        load(copy)


def test_quiet_seconds_depend_on_the_modality(tmp_path: Path) -> None:
    study = load(write(tmp_path, "[study]\nquiet_seconds = { default = 7, CR = 1 }\n")).study
    assert (study.quiet_for("CR"), study.quiet_for("MR")) == (1, 7)
    assert load(write(tmp_path, "[study]\nquiet_seconds = { CR = 1 }\n")).study.quiet_for("MR") > 0


def test_a_destination_is_found_by_its_name(tmp_path: Path) -> None:
    settings = load(write(tmp_path, PACS + 'profile = "ohif"\n'))
    pacs = settings.destination("pacs")
    assert pacs is not None
    assert pacs.kinds == PROFILES["ohif"]
    assert settings.destination("nobody") is None


def test_every_setting_says_what_it_is_for() -> None:
    for section in Settings.model_fields.values():
        for model in (section.annotation, *getattr(section.annotation, "__args__", ())):
            for name, field in getattr(model, "model_fields", {}).items():
                assert field.description, name


def test_line_of_finds_keys_tables_and_gives_up_at_the_first_line() -> None:
    text = '[a]\nx = 1\n\n[[b]]\nx = 1\n[[b]]\n  "x" = 2\ny = 3\n'
    tomllib.loads(text)
    assert line_of(text, ("a", "x")) == 2
    assert line_of(text, ("b", 0, "x")) == 5
    assert line_of(text, ("b", 1, "x")) == 7
    assert line_of(text, ("b", 1, "missing")) == 6
    assert line_of(text, ()) == 1


def test_a_route_says_how_many_priors_and_which_views_else_the_plugin_does() -> None:
    def prior(views: Views = (), **changes: object) -> PriorRule | None:
        return Route.model_validate({"name": "films", "plugin": "chest", **changes}).prior(True, views)

    both = (("PA", "AP"),)
    assert prior() == PriorRule()
    assert prior(both) == PriorRule(views=both)
    assert prior(both, prior_views=[]) == PriorRule()
    assert prior(prior_views=[["pa", "ap"]], prior_count=3) == PriorRule(most=3, views=both)
    for wrong in ({"prior_views": [["PA"]]}, {"prior_count": 0}, {"prior_count": 11}):
        with pytest.raises(ValidationError):
            prior(**wrong)


def test_nobody_listens_for_reports_of_just_anybody(tmp_path: Path) -> None:
    told = complaint(tmp_path, '[hl7]\nenabled = true\nhost = "0.0.0.0"\n')
    assert "hl7.host: anybody could send reports: set hl7.addresses, or hl7.tls" in told
    for more in ('addresses = ["10.0.0.0/8"]', "tls = true"):
        assert load(write(tmp_path, f'[hl7]\nenabled = true\nhost = "0.0.0.0"\n{more}\n')).hl7.enabled
    assert "hl7.addresses" in complaint(tmp_path, '[hl7]\naddresses = ["ris"]\n')


def test_a_table_that_is_left_out_is_as_an_empty_one() -> None:
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, Section):
            assert field.default == type(field.default)(), name
