"""A copy of the database for a preview: whole, private, in nobody's way, and gone afterwards."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from state.database import aside


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n)")
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(1000)])
        connection.commit()
    return file


def test_it_is_whole_and_nothing_of_it_reaches_the_database(database: Path) -> None:
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("INSERT INTO t VALUES (1000)")
        writer.commit()  # in the write-ahead log still
        with aside(f"sqlite:///{database}") as url:
            copy = Path(url.removeprefix("sqlite:///"))
            assert copy != database
            assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
            with closing(sqlite3.connect(copy)) as other:
                assert other.execute("SELECT count(*) FROM t").fetchone() == (1001,)
                other.execute("DELETE FROM t")
                writer.execute("INSERT INTO t VALUES (1001)")  # while the other holds its place for a writer
                writer.commit()
        assert writer.execute("SELECT count(*) FROM t").fetchone() == (1002,)
    assert not copy.parent.exists()


def test_it_is_gone_whatever_goes_wrong(database: Path) -> None:
    def fail(url: str) -> None:
        assert Path(url.removeprefix("sqlite:///")).exists()
        raise RuntimeError

    with pytest.raises(RuntimeError), aside(f"sqlite:///{database}") as url:
        fail(url)
    assert [p.name for p in database.parent.iterdir() if p.is_dir()] == []


def test_what_a_killed_process_left_is_removed_and_another_ones_stays(database: Path) -> None:
    left, others = database.parent / ".copy-999999999-x", database.parent / f".copy-{os.getppid()}-x"
    left.mkdir()
    others.mkdir()
    code = f"import os\nfrom state.database import aside\nwith aside('sqlite:///{database}'):\n    os._exit(9)"
    killed = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.getcwd()}, check=False)
    assert killed.returncode == 9
    assert not left.exists()
    assert len(list(database.parent.glob(".copy-*"))) == 2
    with aside(f"sqlite:///{database}"):
        assert len(list(database.parent.glob(".copy-*"))) == 2
    assert list(database.parent.glob(".copy-*")) == [others]


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:////nowhere/state.sqlite", "postgresql+psycopg://u:p@db.example/x"]
)
def test_other_databases_stay_as_they_are(url: str) -> None:
    with aside(url) as same:
        assert same == url
