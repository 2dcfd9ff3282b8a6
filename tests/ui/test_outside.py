"""The whole story with the program as a process of its own, used over an X server and read over the bus of AT-SPI.

    python3 installer/bootstrap.py test tests/ui/test_outside.py

Pictures of every step go into the folder that `OVERWINTER_TOUR` names.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.ui.greenhouse import PASSPHRASE
from tests.ui.whole_story import WORDS, Ground, tell

if sys.platform != "linux":
    pytest.skip("an X server and its accessibility bus are Linux's", allow_module_level=True)

from tests.ui.outside import OutsideHand, Reader, desktop, missing_tools, program

pytestmark = pytest.mark.timeout(600)


@pytest.mark.spec("S1", "S2", "S3", "S4", "S5", "R1", "V3", "J1", "X2", "X4")
@pytest.mark.skipif(bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())}")
def test_somebody_protects_a_site_over_the_screen_alone(tmp_path: Path, restic: str) -> None:
    ground = Ground(tmp_path / "site").make()
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    passphrase.chmod(0o600)
    variables = {"OVERWINTER_RESTIC": restic, "OVERWINTER_VAULT_PASSPHRASE_FILE": str(passphrase)}
    pictures = Path(os.environ.get("OVERWINTER_TOUR") or tmp_path / "pictures") / "outside"
    with desktop(tmp_path / "desktop") as screen, program(screen, tmp_path / "data", variables) as process:
        reader = Reader(screen)
        try:
            asyncio.Runner().run(tell(OutsideHand(screen, reader, pictures), ground))
            assert process.poll() is None, "it still runs"
        finally:
            reader.close()
    assert ground.saved.read_text().strip() == WORDS
