"""Checkpoints: tensors are read, programs are not run, and the digest comes first."""

from __future__ import annotations

import os
import pickle
import struct
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from node.errors import PluginError
from radnode_kit.foreign.checkpoint import digest, flat_tensors, foreign_names, metadata_of, read_tensors

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def same(found: dict[str, Tensor]) -> bool:
    return set(found) == set(TENSORS) and all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("nest", [lambda t: t, lambda t: {"state_dict": t, "epoch": 3}, lambda t: {"x": {"model": t}}])
def test_tensors_are_found_wherever_they_lie(tmp_path: Path, nest: object, zipped: bool) -> None:
    path = tmp_path / "model.pth.tar"
    torch.save(nest(TENSORS), path, _use_new_zipfile_serialization=zipped)  # type: ignore[operator]  # a lambda
    assert same(read_tensors(path))


def test_safetensors_are_read_with_their_metadata(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"  # the content decides, not the name
    save_file(TENSORS, path, metadata={"labels": "[]"})
    assert same(read_tensors(path))
    assert metadata_of(path) == {"labels": "[]"}


def test_other_files_have_no_metadata(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "model.pt")
    assert metadata_of(tmp_path / "model.pt") == {}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_program_in_a_checkpoint_is_not_run_and_named(tmp_path: Path, zipped: bool) -> None:
    path, proof = tmp_path / "model.pt", tmp_path / "proof"
    torch.save({"state_dict": TENSORS, "trap": Trap(proof)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(PluginError, match=r"reading it would run posix\.system") as caught:
        read_tensors(path)
    assert "outside the node" in caught.value.hint
    assert not proof.exists()


def test_a_plain_pickle_is_not_run_either(tmp_path: Path) -> None:
    path, proof = tmp_path / "model.pkl", tmp_path / "proof"
    path.write_bytes(pickle.dumps(Trap(proof)))
    with pytest.raises(PluginError, match=r"posix\.system"):
        read_tensors(path)
    assert not proof.exists()


def test_numpy_in_a_checkpoint_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model.pth.tar"
    torch.save({"state_dict": TENSORS, "best": np.float64(0.8)}, path)
    with pytest.raises(PluginError, match=r"numpy\._core\.multiarray\.scalar"):
        read_tensors(path)


def test_a_whole_module_is_refused_by_the_names_of_its_classes(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(nn.Sequential(nn.Linear(2, 2)), path)
    assert {"torch.nn.modules.linear.Linear", "torch.nn.modules.container.Sequential"} <= set(foreign_names(path))
    with pytest.raises(PluginError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_tensors(path)


def test_tensors_alone_name_nothing_foreign(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    state = {"p": nn.Parameter(torch.ones(2)), "h": torch.ones(1).half(), "i": torch.ones(1).long()}
    torch.save(state, path)
    assert foreign_names(path) == []
    assert set(read_tensors(path)) == {"p", "h", "i"}


@pytest.mark.parametrize("data", [b"", b"no checkpoint at all", b"PK\x03\x04 and no archive", b"\x80\x02."])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(data)
    with pytest.raises(PluginError, match="no checkpoint that torch can read"):
        read_tensors(path)


def test_a_safetensors_file_whose_header_never_ends_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(PluginError, match="no checkpoint that torch can read"):
        read_tensors(path)


def test_a_cut_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(PluginError, match="damaged"):
        read_tensors(path)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], {"a": dict(TENSORS), "b": dict(TENSORS)}])
def test_a_checkpoint_without_one_table_of_tensors_is_refused(content: object) -> None:
    with pytest.raises(PluginError, match="one table of tensors"):
        flat_tensors(content, Path("x"))


def test_the_larger_table_is_the_network(tmp_path: Path) -> None:
    assert same(flat_tensors({"state_dict": TENSORS, "optimizer": {"step": torch.zeros(1)}}, tmp_path))


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    expected = sha256(b"abc").hexdigest()
    assert digest(path) == digest(path, expected.upper()) == expected
    with pytest.raises(PluginError, match="demanded was 00") as caught:
        digest(path, "00")
    assert expected in caught.value.what


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="No such file"):
        digest(tmp_path / "nothing")
