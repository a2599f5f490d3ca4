"""A project folder's files are replaced as a whole, whatever happens in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mapping import folder as f
from mapping.loader import load_project
from mapping.problems import ConfigErrors
from tests.mapping.projects import HUBSPOT, MAIN, write


def later(files: dict[str, str]) -> dict[str, str]:
    main = files["smarketing.yaml"].replace("  tags: {type: multipicklist}\n", "")
    hubspot = files["mappings/hubspot.yaml"].replace("remote: company", "remote: organisation")
    assert main != files["smarketing.yaml"]
    assert hubspot != files["mappings/hubspot.yaml"]
    return {**files, "smarketing.yaml": main, "mappings/hubspot.yaml": hubspot}


def test_texts_are_checked_as_a_folder_is(tmp_path: Path) -> None:
    write(tmp_path, hubspot=HUBSPOT.replace("company:", "compny:"), main=MAIN.replace("type: email", "type: mail"))
    with pytest.raises(ConfigErrors) as of_folder:
        load_project(tmp_path)
    with pytest.raises(ConfigErrors) as of_texts:
        load_project(tmp_path, f.read_files(tmp_path))
    assert of_folder.value.errors == of_texts.value.errors
    assert {error.file for error in of_texts.value.errors} == {"smarketing.yaml", "mappings/hubspot.yaml"}
    write(tmp_path)
    assert load_project(tmp_path, f.read_files(tmp_path)).hash == load_project(tmp_path).hash
    with pytest.raises(ConfigErrors, match="there is no such file"):
        load_project(tmp_path, {})


def test_every_reader_sees_all_of_it_or_nothing(tmp_path: Path) -> None:
    """Between any two steps: with the journal written, with each of the files written, with the journal gone."""
    write(tmp_path)
    before = f.read_files(tmp_path)
    after = {**later(before), "mappings/extra.yaml": "fields: {}\n"}
    del after["mappings/salesforce.yaml"]
    with f.exclusive(tmp_path):
        journal = f.begin(tmp_path, before, after, {"id": "1"})
        assert (tmp_path / "smarketing.yaml").read_text() == before["smarketing.yaml"]
        assert f.read_files(tmp_path) == after
        assert set(f.sources(tmp_path)) == set(after)
        (tmp_path / "smarketing.yaml").write_text(after["smarketing.yaml"])  # half of `finish`
        assert f.read_files(tmp_path) == after
        f.finish(tmp_path, journal)
        assert f.read_files(tmp_path) == after
        assert f.unfinished(tmp_path) == journal
        f.finish(tmp_path, journal)
        f.end(tmp_path)
    assert f.read_files(tmp_path) == after
    assert f.unfinished(tmp_path) is None
    assert not (tmp_path / "mappings" / "salesforce.yaml").exists()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "extra.yaml", "hubspot.yaml", "smarketing.yaml",
    ]  # fmt: skip


DYING = """
import os, signal, sys
from pathlib import Path
at, folder, calls = int(sys.argv[1]), Path(sys.argv[2]), 0
real = os.replace
def replace(one, other):
    global calls
    calls += 1
    if calls == at:
        os.kill(os.getpid(), signal.SIGKILL)
    real(one, other)
"""
"""A program that is killed at the n-th file that it replaces, once it says `os.replace = replace`: arguments n, folder."""

KILLED = f"""{DYING}
from mapping import folder as f
from tests.mapping.test_folder import later
os.replace = replace
files = f.read_files(folder)
with f.exclusive(folder):
    journal = f.begin(folder, files, later(files), {{"id": "1"}})
    f.finish(folder, journal)
    f.end(folder)
"""


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_process_killed_in_the_middle(tmp_path: Path, at: int) -> None:
    """Before the journal is there it never happened; from then on it has, and the next start does the rest."""
    write(tmp_path)
    before = f.read_files(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, str(at), str(tmp_path)], check=False, cwd=Path.cwd())
    assert done.returncode == -signal.SIGKILL
    wanted = before if at == 1 else later(before)
    assert f.read_files(tmp_path) == wanted
    load_project(tmp_path)
    with f.exclusive(tmp_path):  # the system has let go of the lock
        journal = f.unfinished(tmp_path)
        assert (journal is None) == (at == 1)
        if journal is not None:
            f.finish(tmp_path, journal)
            f.end(tmp_path)
    assert f.read_files(tmp_path) == wanted
    assert (tmp_path / "smarketing.yaml").read_text() == wanted["smarketing.yaml"]


def test_what_a_hand_wrote_after_the_crash_stays(tmp_path: Path) -> None:
    write(tmp_path)
    before = f.read_files(tmp_path)
    with f.exclusive(tmp_path):
        journal = f.begin(tmp_path, before, later(before), {})
        by_hand = before["smarketing.yaml"] + "# mine\n"
        (tmp_path / "smarketing.yaml").write_text(by_hand)
        assert f.read_files(tmp_path) == {**later(before), "smarketing.yaml": by_hand}
        f.finish(tmp_path, journal)
        f.end(tmp_path)
    assert f.read_files(tmp_path) == {**later(before), "smarketing.yaml": by_hand}


def test_nothing_is_replaced_that_was_not_seen(tmp_path: Path) -> None:
    write(tmp_path)
    before = f.read_files(tmp_path)
    (tmp_path / "smarketing.yaml").write_text(before["smarketing.yaml"] + "# another\n")
    with f.exclusive(tmp_path), pytest.raises(f.FolderChanged):
        f.begin(tmp_path, before, later(before), {})
    for name in (
        "../x.yaml",
        "mappings/../../x.yaml",
        "mappings/.x.yaml",
        "/etc/x.yaml",
        "x.yaml",
        "mappings/a/b.yaml",
    ):
        with pytest.raises(ValueError, match="no file of a project"):
            f.begin(tmp_path, before, {**before, name: ""}, {})
    assert f.unfinished(tmp_path) is None


def test_modes_links_and_bytes_stay(tmp_path: Path) -> None:
    write(tmp_path)
    real = tmp_path / "elsewhere.yaml"
    (tmp_path / "smarketing.yaml").rename(real)
    (tmp_path / "smarketing.yaml").symlink_to(real)
    real.write_bytes(b"\xef\xbb\xbf" + real.read_bytes().replace(b"\n", b"\r\n"))
    os.chmod(real, 0o604)
    before = f.read_files(tmp_path)
    after = {**before, "smarketing.yaml": before["smarketing.yaml"].replace("integer", "number")}
    with f.exclusive(tmp_path):
        f.finish(tmp_path, f.begin(tmp_path, before, after, {}))
        f.end(tmp_path)
    assert (tmp_path / "smarketing.yaml").is_symlink()
    assert real.read_bytes() == b"\xef\xbb\xbf" + real.read_bytes()[3:].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert b"employees: {type: number}\r\n" in real.read_bytes()
    assert real.stat().st_mode & 0o777 == 0o604
