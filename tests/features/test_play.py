import os, json, subprocess
from pathlib import Path
import pytest
from tests.features.console import Console
from tests.features.greenhouse import *
from tests.features.test_elsewhere import console, added, back_up, SITE
from tests.trees import add_rarities, described

@pytest.fixture
def database(postgres):
    make_database(postgres, rows=20_000)
    postgres.sql(f"ALTER ROLE {USER} CREATEDB")
    yield DATABASE
    postgres.sql(f"ALTER ROLE {USER} NOCREATEDB")
    for (name,) in postgres.sql("SELECT datname FROM pg_database WHERE datname LIKE 'hydro%'"):
        postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

def test_play(console, database, postgres, tmp_path):
    root = added(console, tmp_path, postgres)
    add_rarities(root)
    point = back_up(console)
    (root/"composer.lock").write_text("{1}")
    (root/"new").write_text("new")
    (root/"app/part-00/file-0.php").unlink()
    import time
    t=time.time()
    dry = console.run("restore", SITE, point[:8], "--scope", "both", "--dry-run", expect=None)
    print(time.time()-t)
    print(dry.code, dry.out, dry.err[-3000:])
    dry = console.run("restore", SITE, point[:8], "--scope", "both", "--dry-run", "--accept","database-space","--accept","database-sessions", "--accept", "database-identity", expect=None)
    print(dry.code, dry.out, dry.err[-3000:])
    t=time.time()
    dry = console.run("restore", SITE, point[:8], "--scope", "files", "--confirm", f"RESTORE {SITE} {point[:8]} files", expect=None)
    print(time.time()-t)
    print(dry.code, dry.out, dry.err[-9000:])
    print(os.listdir(tmp_path))
