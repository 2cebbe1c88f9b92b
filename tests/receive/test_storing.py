from __future__ import annotations

import hashlib
import threading

import pytest
from pydicom import dcmread

from node.implementation import IMPLEMENTATION_CLASS_UID
from node.reconcile import compare
from tests.receive.conftest import Running, Start
from tests.receive.material import BIG_ENDIAN, CT, DEFLATED, DX, EXPLICIT, IMPLICIT, JPEG, VERIFICATION, film, fragments
from tests.receive.peer import RELEASE_RP, Peer, fragment, pdu, store_command


def test_what_was_sent_lies_in_the_spool_byte_for_byte(node: Running) -> None:
    dataset = film()
    with node.peer().associate() as peer:
        assert peer.store(dataset) == 0x0000
    [path] = node.files()
    assert path.read_bytes().endswith(dataset)


def test_the_file_is_a_part_10_file_with_our_own_meta_information(node: Running) -> None:
    with node.peer().associate() as peer:
        peer.store(film())
    [path] = node.files()
    ds = dcmread(path)
    assert path.read_bytes()[:132] == b"\0" * 128 + b"DICM"
    assert ds.file_meta.MediaStorageSOPClassUID == DX
    assert ds.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"
    assert ds.file_meta.TransferSyntaxUID == EXPLICIT
    assert ds.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert ds.file_meta.SourceApplicationEntityTitle == "SENDER"
    assert ds.PatientName == "Doe^Jane"


def test_the_row_says_what_the_object_is(node: Running) -> None:
    dataset = film()
    with node.peer().associate() as peer:
        peer.store(dataset)
    [series] = node.series()
    [instance] = series.instances
    assert instance.sop_instance_uid == "1.2.3.4"
    assert instance.transfer_syntax_uid == EXPLICIT
    assert instance.sha256 == hashlib.sha256(dataset).hexdigest()
    assert instance.size == node.spool.path(instance.path).stat().st_size
    assert instance.instance_number == 7
    assert instance.attributes.calling_ae == "SENDER"
    assert instance.attributes.called_ae == "RADNODE"
    assert instance.attributes.modality == "DX"


def test_the_same_object_from_a_sender_with_a_longer_title_is_not_missing_afterwards(node: Running) -> None:
    for calling in (b"CT", b"A_LONGER_TITLE"):
        with node.peer().associate(calling=calling) as peer:
            assert peer.store(film()) == 0x0000
    assert len(node.files()) == 1
    assert compare(node.ledger, node.spool).clean


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_every_encoding_is_kept_as_it_came(node: Running, syntax: str) -> None:
    dataset = film(syntax=syntax)
    with node.peer().associate(((VERIFICATION, (IMPLICIT,)), (DX, (syntax,)))) as peer:
        assert peer.store(dataset) == 0x0000
    [series] = node.series()
    assert series.instances[0].transfer_syntax_uid == syntax
    assert node.files()[0].read_bytes().endswith(dataset)


def test_compressed_pixels_are_kept_and_not_looked_at(node: Running) -> None:
    dataset = film({0x7FE00010: None}) + fragments(b"no JPEG at all")
    with node.peer().associate(((VERIFICATION, (IMPLICIT,)), (DX, (JPEG,)))) as peer:
        assert peer.store(dataset) == 0x0000
    assert len(node.series()) == 1


@pytest.mark.parametrize("piece", [1, 7, 100, 4000])
def test_fragments_may_be_of_any_size(node: Running, piece: int) -> None:
    dataset = film()
    with node.peer().associate() as peer:
        assert peer.store(dataset, piece=piece) == 0x0000
    assert node.files()[0].read_bytes().endswith(dataset)


def test_several_fragments_may_share_a_pdu(node: Running) -> None:
    dataset = film()
    with node.peer().associate() as peer:
        peer.send(store_command())
        peer.send(
            pdu(4, fragment(3, dataset[:100], last=False) + fragment(3, b"", last=False) + fragment(3, dataset[100:]))
        )
        assert peer.status() == 0x0000
    assert node.files()[0].read_bytes().endswith(dataset)


def test_a_dataset_of_many_megabytes_arrives_whole(node: Running) -> None:
    dataset = film({0x7FE00010: bytes(range(256)) * 20_000})
    with node.peer().associate() as peer:
        assert peer.store(dataset) == 0x0000
    assert node.files()[0].read_bytes().endswith(dataset)


def test_many_instances_on_one_association(node: Running) -> None:
    with node.peer().associate() as peer:
        for number in range(20):
            assert peer.store(film(instance=f"1.2.3.4.{number}"), f"1.2.3.4.{number}") == 0x0000
        assert peer.release() == RELEASE_RP
    assert len(node.series()[0].instances) == 20


def test_the_same_object_again_is_acknowledged_and_changes_nothing(node: Running) -> None:
    with node.peer().associate() as peer:
        assert [peer.store(film()) for _ in range(3)] == [0, 0, 0]
    assert len(node.series()[0].instances) == 1
    assert len(node.files()) == 1
    assert node.set_aside() == []


def test_other_content_under_the_same_uid_is_set_aside_and_the_first_copy_stays(node: Running) -> None:
    first, second = film(), film({0x7FE00010: b"\7\7" * 32})
    with node.peer().associate() as peer:
        assert [peer.store(first), peer.store(second)] == [0, 0]
    [series] = node.series()
    [instance] = series.instances
    assert node.spool.path(instance.path).read_bytes().endswith(first)
    assert [uid for uid, _ in node.set_aside()] == ["1.2.3.4"]
    assert len(node.files()) == 2


def test_a_copy_in_a_wrong_transfer_syntax_does_not_overwrite_the_good_file(node: Running) -> None:
    dataset = film()
    with node.peer().associate(((VERIFICATION, (IMPLICIT,)), (DX, (EXPLICIT,)))) as peer:
        peer.store(dataset)
    with node.peer().associate(((VERIFICATION, (IMPLICIT,)), (DX, (IMPLICIT,)))) as peer:
        peer.store(dataset)
    path = node.spool.path(node.series()[0].instances[0].path)
    assert dcmread(path).file_meta.TransferSyntaxUID == EXPLICIT


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (film({0x0020000D: None}), "it has no Study Instance UID"),
        (film({0x0020000D: "../../etc/passwd"}), "its Study Instance UID is no UID"),
        (film()[:-10], "truncated"),
        (film()[:200], "truncated"),
        (b"\xa5" * 5000, "no known VR"),
        (film(syntax=IMPLICIT), "no known VR"),
    ],
)
def test_a_defective_object_is_kept_acknowledged_and_shown(node: Running, dataset: bytes, reason: str) -> None:
    with node.peer().associate() as peer:
        assert peer.store(dataset) == 0x0000
    [(uid, why)] = node.set_aside()
    assert uid == "1.2.3.4"
    assert reason in why
    assert node.files()[0].read_bytes().endswith(dataset)
    assert node.series() == ()


def test_a_dataset_of_another_class_or_instance_gets_a_warning(node: Running) -> None:
    with node.peer().associate() as peer:
        assert peer.store(film({0x00080016: CT})) == 0xB007
        assert peer.store(film(instance="1.2.3.5")) == 0xB007
    assert len(node.set_aside()) == 2


@pytest.mark.parametrize("uid", ["../../../escape", "/etc/escape", "1.2.3;id", "1" * 3000, ".", "..", "a\nb"])
def test_no_file_name_is_made_from_a_tag(node: Running, uid: str) -> None:
    with node.peer().associate() as peer:
        assert peer.store(film(instance=uid), uid) == 0x0000
    [path] = node.files()
    assert path.parent.parent == node.spool.root / "instances"
    assert path.stem.isalnum()
    assert len(path.stem) == 64
    [(shown, _)] = node.set_aside()
    assert len(shown) <= 64
    assert shown.isprintable()


def test_nothing_is_kept_of_an_empty_dataset(node: Running) -> None:
    with node.peer().associate() as peer:
        assert peer.store(b"") == 0xC000
        assert peer.echo() == 0x0000
    assert node.files() == []
    assert node.unfinished() == []


def test_an_association_that_brought_images_is_open_until_its_end(node: Running) -> None:
    with node.peer().associate() as peer:
        peer.store(film())
        assert node.ledger.studies.streaming("1.2.3").associations == 1
        peer.release()
    node.wait_for(lambda: node.ledger.studies.streaming("1.2.3").associations == 0)
    [row] = node.rows("SELECT * FROM associations")
    assert (row["calling_ae"], row["called_ae"], row["peer"]) == ("SENDER", "RADNODE", "127.0.0.1")
    assert row["ending"] == "released"


def test_an_association_without_images_leaves_no_trace(node: Running) -> None:
    with node.peer().associate() as peer:
        assert peer.echo() == 0x0000
        peer.release()
    assert node.rows("SELECT * FROM associations") == []


def test_fifty_associations_at_once(node: Running) -> None:
    failures: list[object] = []

    def send(number: int) -> None:
        try:
            with Peer(node.port, timeout=30).associate() as peer:
                for image in range(3):
                    uid = f"1.2.3.{number}.{image}"
                    status = peer.store(film(instance=uid, study=f"1.2.3.{number}", patient=f"P{number}"), uid)
                    failures.extend([status] if status else [])
                peer.release()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(node.files()) == 150
    assert all(len(node.series(f"1.2.3.{number}")[0].instances) == 3 for number in range(50))
    node.wait_for(lambda: node.rows("SELECT * FROM associations WHERE closed_at IS NULL") == [])


def test_own_results_that_come_back_are_kept_and_not_analysed(start: Start) -> None:
    node = start()
    with node.peer().associate() as peer:
        assert peer.store(film({0x00080070: "radnode"})) == 0x0000
    assert node.series() == ()
    assert len(node.files()) == 1
